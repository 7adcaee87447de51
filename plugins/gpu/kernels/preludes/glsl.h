#version 450
// The common subset in GLSL for SPIR-V. See ../README.md for what each macro means. An extension that is enabled and not
// used asks nothing of the device.
#extension GL_EXT_shader_explicit_arithmetic_types : enable
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : enable
#extension GL_EXT_shader_8bit_storage : enable
#extension GL_EXT_shader_16bit_storage : enable
#extension GL_EXT_control_flow_attributes : enable
#ifdef PACKED_DOT
// OpSDot of two words of four bytes; capabilities DotProduct and DotProductInput4x8BitPacked.
#extension GL_EXT_spirv_intrinsics : enable
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int dot4_packed(int a, int b, spirv_literal int format);
#endif
#define TYPE_i8 int8_t
#define TYPE_u8 uint8_t
#define TYPE_b8 uint8_t
#define TYPE_i16 int16_t
#define TYPE_u16 uint16_t
#define TYPE_i32 int
#define TYPE_u32 uint
#define TYPE_i64 int64_t
#define TYPE_u64 uint64_t
#define TYPE_f32 float
#define TYPE_f16 float16_t
#define TYPE_f64 double
#define TYPE_u128 uvec4
#define TYPE_f32x4 vec4

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)

// Constants are known only to the driver: everything is compiled.
#define CHOSEN(id, n) 1
#define WANTED(n) 1
#define TYPE(T) CAT(TYPE_, T)

// ---- a kernel ----
layout(local_size_x_id = 100, local_size_y_id = 101, local_size_z_id = 102) in;
layout(constant_id = 100) const int GROUP_X = 1;
layout(constant_id = 101) const int GROUP_Y = 1;
layout(constant_id = 102) const int GROUP_Z = 1;
#define CONSTANT(id, name, value) layout(constant_id = id) const int name = value;
#define PARAMS(fields) layout(push_constant, std430) uniform Params { fields } p;
#define IN_BUFFER(slot, type, name) CAT(IN_, type)(slot, type, name)
#define IN_PLAIN(slot, type, name) layout(set = 0, binding = slot, std430) readonly restrict buffer Buffer_##name { TYPE(type) name[]; };
#define IN_i8 IN_PLAIN
#define IN_u8 IN_PLAIN
#define IN_b8 IN_PLAIN
#define IN_i16 IN_PLAIN
#define IN_u16 IN_PLAIN
#define IN_i32 IN_PLAIN
#define IN_u32 IN_PLAIN
#define IN_i64 IN_PLAIN
#define IN_u64 IN_PLAIN
#define IN_f32 IN_PLAIN
#define IN_f16 IN_PLAIN
#define IN_f64 IN_PLAIN
#define IN_u128 IN_PLAIN
// What is out of the buffer reads as anything, by robust access.
#define IN_f32x4(slot, type, name) layout(set = 0, binding = slot) uniform samplerBuffer name;
#define TEXEL(x, i) texelFetch(x, i)
#define OUT_BUFFER(slot, type, name) layout(set = 0, binding = slot, std430) restrict buffer Buffer_##name { TYPE(type) name[]; };
#define LOCAL_DECLARATION(type, name, count) shared TYPE(type) name[count];
#define NO_LOCALS(LOCAL)
#define KERNEL(name, BUFFERS, LOCALS) BUFFERS(IN_BUFFER, OUT_BUFFER) LOCALS(LOCAL_DECLARATION) void main() {
#define KERNEL_END }
#define FUNC
#define UNROLL [[unroll]]
#define NO_UNROLL [[dont_unroll]]

// ---- where am I ----
#define GROUP_ID(d) int(gl_WorkGroupID[d])
#define LOCAL_ID(d) int(gl_LocalInvocationID[d])
#define GLOBAL_ID(d) int(gl_GlobalInvocationID[d])
#define LOCAL_BARRIER barrier()

// ---- elements: LOAD gives COMPUTE(T), STORE takes it ----
#define COMPUTE(T) CAT(COMPUTE_, T)
#define LOAD(T, x, i) COMPUTE(T)((x)[i])
#define STORE(T, y, i, v) CAT(STORE_, T)(y, i, v)
#define COMPUTE_f32 float
#define COMPUTE_f16 float
#define COMPUTE_i8 int
#define COMPUTE_u8 int
#define COMPUTE_b8 int
#define COMPUTE_i16 int
#define COMPUTE_u16 int
#define COMPUTE_i32 int
#define COMPUTE_u32 uint
#define COMPUTE_i64 int64_t
#define COMPUTE_u64 uint64_t
#define COMPUTE_f64 double
#define STORE_f32(y, i, v) (y)[i] = (v)
#define STORE_f16(y, i, v) (y)[i] = float16_t(v)
#define STORE_i8(y, i, v) (y)[i] = int8_t(v)
#define STORE_u8(y, i, v) (y)[i] = uint8_t(v)
#define STORE_b8(y, i, v) (y)[i] = uint8_t((v) != 0 ? 1 : 0)
#define STORE_i16(y, i, v) (y)[i] = int16_t(v)
#define STORE_u16(y, i, v) (y)[i] = uint16_t(v)
#define STORE_i32(y, i, v) (y)[i] = (v)
#define STORE_u32(y, i, v) (y)[i] = (v)
#define STORE_i64(y, i, v) (y)[i] = (v)
#define STORE_u64(y, i, v) (y)[i] = (v)
#define STORE_f64(y, i, v) (y)[i] = (v)

#define LOAD_ROW(T, to, x, first, count) UNROLL for (int i_ = 0; i_ < (count); i_++) to[i_] = LOAD(T, x, (first) + i_);

// ---- conversions ----
#define TO(C, v) C(v)
#define TO_INT(v) int(v)
#define TO_UINT(v) uint(v)
#define TO_FLOAT(v) float(v)
#define BITS_OF_FLOAT(v) floatBitsToInt(v)
#define FLOAT_OF_BITS(v) intBitsToFloat(v)

// ---- vectors of VW floats ----
#ifdef VW
#if VW == 1
#define VEC float
#define VLOAD(x, i) (x)[i]
#define VLOAD2(x, i) (x)[i]
#define VSTORE(y, i, v) (y)[i] = (v)
#define VSPILL(array, v) (array)[0] = (v)
#define VLOAD_f16(x, i) float((x)[i])
#define IVEC int
#define IVLOAD(x, i) (x)[i]
#define ISPILL(array, v) (array)[0] = (v)
#else
#define VEC vec4
#define VLOAD(x, i) vec4((x)[i], (x)[(i) + 1], (x)[(i) + 2], (x)[(i) + 3])
#define VLOAD2(x, i) vec4((x)[i], (x)[(i) + 2], (x)[(i) + 4], (x)[(i) + 6])
#define VSTORE(to, at, v) { const vec4 stored_ = (v); (to)[at] = stored_.x; (to)[(at) + 1] = stored_.y; (to)[(at) + 2] = stored_.z; (to)[(at) + 3] = stored_.w; }
#define VSPILL(array, v) { const vec4 spilled_ = (v); (array)[0] = spilled_.x; (array)[1] = spilled_.y; (array)[2] = spilled_.z; (array)[3] = spilled_.w; }
#define VLOAD_f16(x, i) vec4(float((x)[i]), float((x)[(i) + 1]), float((x)[(i) + 2]), float((x)[(i) + 3]))
#define IVEC ivec4
#define IVLOAD(x, i) ivec4((x)[i], (x)[(i) + 1], (x)[(i) + 2], (x)[(i) + 3])
#define ISPILL(array, v) { const ivec4 spilled_ = (v); (array)[0] = spilled_.x; (array)[1] = spilled_.y; (array)[2] = spilled_.z; (array)[3] = spilled_.w; }
#endif
#define ISPLAT(s) IVEC(s)
#define ITEXEL(x, i) floatBitsToInt(texelFetch(x, i))
// VLOAD from a buffer of f32 or f16
#define VLOAD_AS(T, x, i) CAT(VLOAD_, T)(x, i)
#define VLOAD_f32(x, i) VLOAD(x, i)
#define VSPLAT(s) VEC(s)
#define VEC4(a, b, c, d) vec4(a, b, c, d)
#define VSHIFT1(a, b) vec4((a).yzw, (b).x)
#define VSHIFT2(a, b) vec4((a).zw, (b).xy)
#define VMAD(a, b, c) fma(a, b, c)
#define VMAX(a, b) max(a, b)
#define VMIN(a, b) min(a, b)
#endif

// ---- four signed bytes to a word: their product by another four, added up; of int or of vectors of them ----
#ifdef PACKED_DOT
#define DOT4(a, b) dot4_packed(a, b, 0)
#else
#define DOT4(a, b) (((a) << 24 >> 24) * ((b) << 24 >> 24) + ((a) << 16 >> 24) * ((b) << 16 >> 24) + ((a) << 8 >> 24) * ((b) << 8 >> 24) + ((a) >> 24) * ((b) >> 24))
#endif

// ---- mathematics with one name everywhere ----
#define MAD(a, b, c) fma(a, b, c)
#define FABS(x) abs(x)
#define FLOOR(x) floor(x)
#define CEIL(x) ceil(x)
#define TRUNC(x) trunc(x)
#define ROUND_EVEN(x) roundEven(x)
#define RSQRT(x) (1.0 / sqrt(x))
#define DIVIDE(a, b) divide_rounded(a, b)
#define PRODUCT_REST(a, b, product) product_rest(a, b, product)
#define FMOD(a, b) ((a) - (b) * trunc((a) / (b)))
#define POW(a, b) power_of(a, b)
#define ISNAN(x) isnan(x)
#define ISINF(x) isinf(x)
#define INFINITE intBitsToFloat(0x7f800000)
#define I64_MOST 0x7fffffffffffffffL
#define I64_LEAST (-0x7fffffffffffffffL - 1L)
// What rounding took from `product`, which is a times b: by halves of the factors (Dekker), for fma need not be exact either.
float product_rest(float a, float b, float product) {
  precise float a_wide = 4097.0 * a;
  precise float a_high = a_wide - (a_wide - a);
  precise float a_low = a - a_high;
  precise float b_wide = 4097.0 * b;
  precise float b_high = b_wide - (b_wide - b);
  precise float b_low = b - b_high;
  precise float rest = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
  return rest;
}
// Drivers divide by multiplying with a reciprocal; what was rounded away is added again.
float divide_rounded(float a, float b) {
  precise float q = a / b;
  precise float product = q * b;
  precise float rest = (a - product) - product_rest(q, b, product);
  precise float better = q + rest / b;
  return isnan(better) || isinf(better) ? q : better;
}
// GLSL leaves pow of a negative base undefined.
float power_of(float a, float b) {
  if (b == 0.0 || a == 1.0) return 1.0;
  if (a > 0.0) return pow(a, b);
  if (a == 0.0) return b > 0.0 ? 0.0 : INFINITE;
  if (b != trunc(b)) return intBitsToFloat(0x7fc00000);
  return mod(b, 2.0) != 0.0 ? -pow(-a, b) : pow(-a, b);
}
// GLSL allows the arc functions errors that networks would notice.
float arc_sine_of_small(float x) {
  float s = x * x;
  return x + x * s * (1.6666752422e-1 + s * (7.4953002686e-2 + s * (4.5470025998e-2 + s * (2.4181311049e-2 + s * 4.2163199048e-2))));
}
float arc_sine(float x) {
  float z = abs(x);
  float r = z > 0.5 ? 1.5707963268 - 2.0 * arc_sine_of_small(sqrt(max(0.5 - 0.5 * z, 0.0))) : arc_sine_of_small(z);
  if (!(z <= 1.0)) return intBitsToFloat(0x7fc00000);
  return x < 0.0 ? -r : r;
}
float arc_cosine(float x) {
  float z = abs(x);
  if (!(z <= 1.0)) return intBitsToFloat(0x7fc00000);
  if (z <= 0.5) return 1.5707963268 - arc_sine_of_small(x);
  float r = 2.0 * arc_sine_of_small(sqrt(max(0.5 - 0.5 * z, 0.0)));
  return x < 0.0 ? 3.1415926536 - r : r;
}
#define asin(x) arc_sine(x)
#define acos(x) arc_cosine(x)
