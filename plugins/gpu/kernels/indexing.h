// The position in a tensor of the i-th element of another, over RANK merged dimensions, outermost first. Variables with the names
// that are given: extents and strides are array parameters.
#define POSITION(result, number, extents, strides)     \
  int result = 0;                                      \
  {                                                    \
    int rest_ = number;                                \
    UNROLL for (int d_ = RANK - 1; d_ > 0; d_--) {     \
      int next_ = rest_ / extents[d_];                 \
      result += (rest_ - next_ * extents[d_]) * strides[d_]; \
      rest_ = next_;                                   \
    }                                                  \
    result += rest_ * strides[0];                      \
  }
