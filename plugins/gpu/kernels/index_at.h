// An index read from a tensor of type INDEX, over an axis of `extent` elements. Below 0 it counts from the end.
// Whatever the tensor says, nothing outside of the axis is touched: comparisons are made in the index' own type, before
// it becomes an int.

// int result = the index, or the nearest one on the axis.
#define NEAREST_INDEX(result, wanted, extent)                           \
  int result = 0;                                                       \
  {                                                                     \
    COMPUTE(INDEX) wanted_ = wanted;                                    \
    COMPUTE(INDEX) extent_ = TO(COMPUTE(INDEX), extent);                \
    if (wanted_ < TO(COMPUTE(INDEX), 0)) wanted_ += extent_;            \
    if (wanted_ >= extent_) result = (extent)-1;                        \
    else if (wanted_ > TO(COMPUTE(INDEX), 0)) result = TO_INT(wanted_); \
  }
// int result = the index, or -1 where it is not on the axis.
#define INDEX_OR_NONE(result, wanted, extent)                                            \
  int result = -1;                                                                       \
  {                                                                                      \
    COMPUTE(INDEX) wanted_ = wanted;                                                     \
    COMPUTE(INDEX) extent_ = TO(COMPUTE(INDEX), extent);                                 \
    if (wanted_ < TO(COMPUTE(INDEX), 0)) wanted_ += extent_;                             \
    if (wanted_ >= TO(COMPUTE(INDEX), 0) && wanted_ < extent_) result = TO_INT(wanted_); \
  }
