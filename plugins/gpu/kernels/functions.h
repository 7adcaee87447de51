// Functions of one float, numbered as schema UnaryFunction; `function` is a constant, so all but one case fold away.
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
    case 1: return FABS(x);
    case 2: return -x;
    case 3: return x > 0.0f ? 1.0f : (x < 0.0f ? -1.0f : x);
    case 4: return FLOOR(x);
    case 5: return CEIL(x);
    case 6: return ROUND_EVEN(x);
    case 7: return sqrt(x);
    case 8: return RSQRT(x);
    case 9: return x * x;
    case 10: return 1.0f / x;
    case 11: return exp(x);
    case 12: return log(x);
    case 13: return sin(x);
    case 14: return cos(x);
    case 15: return tan(x);
    case 16: return asin(x);
    case 17: return acos(x);
    case 18: return atan(x);
    case 19: return sinh(x);
    case 20: return cosh(x);
    case 21: return tanh_function(x);
    case 22: return asinh(x);
    case 23: return acosh(x);
    case 24: return atanh(x);
    case 25: return error_function(x);
    case 30: return x < 0.0f ? 0.0f : x;
    case 31: return x < 0.0f ? alpha * x : x;
    case 32: return x < 0.0f ? alpha * (exp(x) - 1.0f) : x;
    case 33: return x > 0.0f ? beta * x : beta * (alpha * exp(x) - alpha);
    case 34: return max(0.0f, x) + min(0.0f, alpha * (exp(x / alpha) - 1.0f));
    case 35: return sigmoid_function(x);
    case 36: return max(0.0f, min(1.0f, alpha * x + beta));
    case 37: return x * max(0.0f, min(1.0f, x / 6.0f + 0.5f));
    case 38: return softplus_function(x);
    case 39: return x / (1.0f + FABS(x));
    case 40: return x * tanh_function(softplus_function(x));
    case 41: return 0.5f * x * (1.0f + error_function(x * 0.70710678f));
    case 42: return 0.5f * x * (1.0f + tanh_function(0.79788456f * (x + 0.044715f * x * x * x)));
    case 43: return x > alpha ? x : 0.0f;
    case 44: return min(max(x, alpha), beta);
    case 45: return x < -alpha ? x + beta : (x > alpha ? x - beta : 0.0f);
    case 46: return x * sigmoid_function(alpha * x);
    default: return x;
  }
}
