// How a scatter combines what is there with an update: 0 store, 1 add, 2 multiply, 3 maximum, 4 minimum.
FUNC COMPUTE(T) combine(int reduction, COMPUTE(T) old, COMPUTE(T) update) {
  switch (reduction) {
    case 1: return old + update;
    case 2: return old * update;
    case 3: return old != old || update < old ? old : update;
    case 4: return old != old || old < update ? old : update;
    default: return update;
  }
}
