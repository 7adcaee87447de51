// For devices where a load costs far more than arithmetic unless it brings four floats at once, which is how CPUs behind Vulkan are:
// COUNT vectors that begin at any element, from COUNT + 1 texels. What lies outside of the buffer is anything.
#define LOAD_LINE(to, COUNT, x, first)                                                              \
  {                                                                                                 \
    int texel_ = (first) >> 2;                                                                      \
    int rest_ = (first) & 3;                                                                        \
    VEC line_[COUNT + 1];                                                                           \
    UNROLL for (int i_ = 0; i_ <= COUNT; i_++) line_[i_] = TEXEL(x, texel_ + i_);                   \
    UNROLL for (int i_ = 0; i_ < COUNT; i_++)                                                       \
      line_[i_] = (rest_ & 1) != 0 ? VSHIFT1(line_[i_], line_[i_ + 1]) : line_[i_];                 \
    line_[COUNT] = (rest_ & 1) != 0 ? VSHIFT1(line_[COUNT], line_[COUNT]) : line_[COUNT];           \
    UNROLL for (int i_ = 0; i_ < COUNT; i_++)                                                       \
      to[i_] = (rest_ & 2) != 0 ? VSHIFT2(line_[i_], line_[i_ + 1]) : line_[i_];                    \
  }
