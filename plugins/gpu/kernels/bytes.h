// Quantized numbers: bytes are loaded as u8 and read as signed where `is_signed` says so, so that one variant serves all.
FUNC int byte_value(int byte, int is_signed) { return is_signed != 0 ? (byte ^ 128) - 128 : byte; }
// The nearest integer, halves to even, moved by the zero point and saturated; as stored.
FUNC int quantize_byte(float scaled, int zero_point, int is_signed) {
  float low = is_signed != 0 ? -128.0f : 0.0f;
  float v = ISNAN(scaled) ? 0.0f : ROUND_EVEN(scaled) + TO_FLOAT(zero_point);
  return TO_INT(min(max(v, low), low + 255.0f)) & 255;
}
