// Functions of one float, numbered as schema UnaryFunction. WANTED(n) is 0 where the dialect knows beforehand that case n is not
// reached (a variant's FUNCTION_AT names the constant that chooses): a compiler that links mathematics before it folds constants
// would spend most of its time on functions that fall away.
FUNC float error_function(float x) {
  // The fit is good to 1.2e-7 of erfc (Press et al., Numerical Recipes, erfcc); near zero 1 - erfc would cancel, and a Taylor
  // series does better.
  float z = FABS(x);
  if (z < 0.5f) {
    float s = x * x;
    float series = MAD(s, MAD(s, -0.00085483270f, 0.0052239776f), -0.0268661706f);
    return x * MAD(s, MAD(s, MAD(s, series, 0.1128379167f), -0.3761263890f), 1.1283791671f);
  }
  float t = 1.0f / (1.0f + 0.5f * z);
  float fit = t * exp(-z * z - 1.26551223f + t * (1.00002368f + t * (0.37409196f + t * (0.09678418f +
              t * (-0.18628806f + t * (0.27886807f + t * (-1.13520398f + t * (1.48851587f +
              t * (-0.82215223f + t * 0.17087277f)))))))));
  return x >= 0.0f ? 1.0f - fit : fit - 1.0f;
}
FUNC float softplus_function(float x) { return max(x, 0.0f) + log(1.0f + exp(-FABS(x))); }
FUNC float sigmoid_function(float x) { return 1.0f / (1.0f + exp(-x)); }
// tanh without overflow, and exact near zero
FUNC float tanh_function(float x) {
  float z = FABS(x);
  if (z < 0.05f) return x * (1.0f + x * x * (-0.33333333f + x * x * 0.13333333f));
  float e = exp(-2.0f * z);
  float r = (1.0f - e) / (1.0f + e);
  return x < 0.0f ? -r : r;
}

FUNC float unary_function(int function, float x, float alpha, float beta) {
  switch (function) {
#if WANTED(1)
    case 1: return FABS(x);
#endif
#if WANTED(2)
    case 2: return -x;
#endif
#if WANTED(3)
    case 3: return x > 0.0f ? 1.0f : (x < 0.0f ? -1.0f : x);
#endif
#if WANTED(4)
    case 4: return FLOOR(x);
#endif
#if WANTED(5)
    case 5: return CEIL(x);
#endif
#if WANTED(6)
    case 6: return ROUND_EVEN(x);
#endif
#if WANTED(7)
    case 7: return sqrt(x);
#endif
#if WANTED(8)
    case 8: return RSQRT(x);
#endif
#if WANTED(9)
    case 9: return x * x;
#endif
#if WANTED(10)
    case 10: return 1.0f / x;
#endif
#if WANTED(11)
    case 11: return exp(x);
#endif
#if WANTED(12)
    case 12: return log(x);
#endif
#if WANTED(13)
    case 13: return sin(x);
#endif
#if WANTED(14)
    case 14: return cos(x);
#endif
#if WANTED(15)
    case 15: return tan(x);
#endif
#if WANTED(16)
    case 16: return asin(x);
#endif
#if WANTED(17)
    case 17: return acos(x);
#endif
#if WANTED(18)
    case 18: return atan(x);
#endif
#if WANTED(19)
    case 19: return sinh(x);
#endif
#if WANTED(20)
    case 20: return cosh(x);
#endif
#if WANTED(21)
    case 21: return tanh_function(x);
#endif
#if WANTED(22)
    case 22: return asinh(x);
#endif
#if WANTED(23)
    case 23: return acosh(x);
#endif
#if WANTED(24)
    case 24: return atanh(x);
#endif
#if WANTED(25)
    case 25: return error_function(x);
#endif
#if WANTED(30)
    case 30: return x < 0.0f ? 0.0f : x;
#endif
#if WANTED(31)
    case 31: return x < 0.0f ? alpha * x : x;
#endif
#if WANTED(32)
    case 32: return x < 0.0f ? alpha * (exp(x) - 1.0f) : x;
#endif
#if WANTED(33)
    case 33: return x > 0.0f ? beta * x : beta * (alpha * exp(x) - alpha);
#endif
#if WANTED(34)
    case 34: return max(0.0f, x) + min(0.0f, alpha * (exp(x / alpha) - 1.0f));
#endif
#if WANTED(35)
    case 35: return sigmoid_function(x);
#endif
#if WANTED(36)
    case 36: return max(0.0f, min(1.0f, alpha * x + beta));
#endif
#if WANTED(37)
    case 37: return x * max(0.0f, min(1.0f, x / 6.0f + 0.5f));
#endif
#if WANTED(38)
    case 38: return softplus_function(x);
#endif
#if WANTED(39)
    case 39: return x / (1.0f + FABS(x));
#endif
#if WANTED(40)
    case 40: return x * tanh_function(softplus_function(x));
#endif
#if WANTED(41)
    case 41: return 0.5f * x * (1.0f + error_function(x * 0.70710678f));
#endif
#if WANTED(42)
    case 42: return 0.5f * x * (1.0f + tanh_function(0.79788456f * (x + 0.044715f * x * x * x)));
#endif
#if WANTED(43)
    case 43: return x > alpha ? x : 0.0f;
#endif
#if WANTED(44)
    case 44: return min(max(x, alpha), beta);
#endif
#if WANTED(45)
    case 45: return x < -alpha ? x + beta : (x > alpha ? x - beta : 0.0f);
#endif
#if WANTED(46)
    case 46: return x * sigmoid_function(alpha * x);
#endif
    default: return x;
  }
}
