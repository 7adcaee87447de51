// Quantized numbers: bytes are loaded as u8 and read as signed where `is_signed` says so, so that one variant serves all.
FUNC int byte_value(int byte, int is_signed) { return is_signed != 0 ? (byte ^ 128) - 128 : byte; }
// The nearest integer, halves to even, moved by the zero point and saturated; as stored.
FUNC int quantize_byte(float scaled, int zero_point, int is_signed) {
  float low = is_signed != 0 ? -128.0f : 0.0f;
  float v = ISNAN(scaled) ? 0.0f : ROUND_EVEN(scaled) + TO_FLOAT(zero_point);
  return TO_INT(min(max(v, low), low + 255.0f)) & 255;
}
// The nearest integer to an integer's multiple, as if there were more digits: where the rounded product is a half, the digits that
// rounding took away decide.
FUNC float multiple(int count, float factor) {
  float product = TO_FLOAT(count) * factor;
  float rest = PRODUCT_REST(TO_FLOAT(count), factor, product);
  float floor_ = FLOOR(product);
  float decided = rest > 0.0f ? floor_ + 1.0f : floor_;
  return product - floor_ != 0.5f || rest == 0.0f ? product : decided;
}
