// The common subset in the Metal Shading Language. See ../README.md for what each macro means.
#include <metal_stdlib>
using namespace metal;
typedef char i8;
typedef uchar u8;
typedef uchar b8;
typedef short i16;
typedef ushort u16;
typedef int i32;
typedef uint u32;
typedef long i64;
typedef ulong u64;
typedef float f32;
typedef half f16;
typedef uint4 u128;
typedef float4 f32x4;
#define TEXEL(x, i) (x)[i]

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)

// Constants are macros here, so what is not chosen need not be compiled.
#define CHOSEN(id, n) (CAT(SPEC_, id) == (n))
#ifdef FUNCTION_AT
#define WANTED(n) CHOSEN(FUNCTION_AT, n)
#else
#define WANTED(n) 1
#endif

// ---- a kernel: constants as -D, like OpenCL; buffers by slot, the parameters at slot 30 ----
#define CONSTANT(id, name, value) constant constexpr int name = CAT(SPEC_, id);
#define PARAMS(fields) struct Params { fields };
#define IN_ARGUMENT(slot, type, name) device const type *name [[buffer(slot)]],
#define OUT_ARGUMENT(slot, type, name) device type *name [[buffer(slot)]],
#define LOCAL_DECLARATION(type, name, count) threadgroup type name[count];
#define NO_LOCALS(LOCAL)
#define KERNEL(name, BUFFERS, LOCALS)                                                                          \
  kernel void name(BUFFERS(IN_ARGUMENT, OUT_ARGUMENT) constant Params &p [[buffer(30)]],                        \
                   uint3 group_id_ [[threadgroup_position_in_grid]],                                            \
                   uint3 local_id_ [[thread_position_in_threadgroup]],                                          \
                   uint3 global_id_ [[thread_position_in_grid]]) {                                              \
    LOCALS(LOCAL_DECLARATION)
#define KERNEL_END }
#define FUNC static inline
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("nounroll")

#define GROUP_ID(d) int(group_id_[d])
#define LOCAL_ID(d) int(local_id_[d])
#define GLOBAL_ID(d) int(global_id_[d])
#define LOCAL_BARRIER threadgroup_barrier(mem_flags::mem_threadgroup)

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
#define COMPUTE_i64 long
#define COMPUTE_u64 ulong
#define STORE_f32(y, i, v) (y)[i] = (v)
#define STORE_f16(y, i, v) (y)[i] = half(v)
#define STORE_i8(y, i, v) (y)[i] = char(v)
#define STORE_u8(y, i, v) (y)[i] = uchar(v)
#define STORE_b8(y, i, v) (y)[i] = uchar((v) != 0)
#define STORE_i16(y, i, v) (y)[i] = short(v)
#define STORE_u16(y, i, v) (y)[i] = ushort(v)
#define STORE_i32(y, i, v) (y)[i] = (v)
#define STORE_u32(y, i, v) (y)[i] = (v)
#define STORE_i64(y, i, v) (y)[i] = (v)
#define STORE_u64(y, i, v) (y)[i] = (v)
#define LOAD_ROW(T, to, x, first, count) UNROLL for (int i_ = 0; i_ < (count); i_++) to[i_] = LOAD(T, x, (first) + i_);

#define TO(C, v) C(v)
#define TO_INT(v) int(v)
#define TO_UINT(v) uint(v)
#define TO_FLOAT(v) float(v)
#define BITS_OF_FLOAT(v) as_type<int>(v)
#define FLOAT_OF_BITS(v) as_type<float>(v)

#ifdef VW
#if VW == 1
typedef float VEC;
#define VLOAD(x, i) (x)[i]
#define VLOAD2(x, i) (x)[i]
#define VSTORE(y, i, v) (y)[i] = (v)
#define VSPILL(array, v) (array)[0] = (v)
#define VLOAD_f16(x, i) float((x)[i])
#define IVEC int
#define IVLOAD(x, i) (x)[i]
#define ISPILL(array, v) (array)[0] = (v)
#else
typedef float4 VEC;
#define VLOAD(x, i) float4((x)[i], (x)[(i) + 1], (x)[(i) + 2], (x)[(i) + 3])
#define VLOAD2(x, i) float4((x)[i], (x)[(i) + 2], (x)[(i) + 4], (x)[(i) + 6])
#define VSTORE(to, at, v) { const float4 stored_ = (v); (to)[at] = stored_.x; (to)[(at) + 1] = stored_.y; (to)[(at) + 2] = stored_.z; (to)[(at) + 3] = stored_.w; }
#define VSPILL(array, v) { const float4 spilled_ = (v); (array)[0] = spilled_.x; (array)[1] = spilled_.y; (array)[2] = spilled_.z; (array)[3] = spilled_.w; }
#define VLOAD_f16(x, i) float4(float((x)[i]), float((x)[(i) + 1]), float((x)[(i) + 2]), float((x)[(i) + 3]))
#define IVEC int4
#define IVLOAD(x, i) int4((x)[i], (x)[(i) + 1], (x)[(i) + 2], (x)[(i) + 3])
#define ISPILL(array, v) { const int4 spilled_ = (v); (array)[0] = spilled_.x; (array)[1] = spilled_.y; (array)[2] = spilled_.z; (array)[3] = spilled_.w; }
#endif
#define ISPLAT(s) IVEC(s)
#define ITEXEL(x, i) as_type<int4>((x)[i])
// VLOAD from a buffer of f32 or f16
#define VLOAD_AS(T, x, i) CAT(VLOAD_, T)(x, i)
#define VLOAD_f32(x, i) VLOAD(x, i)
#define VSPLAT(s) VEC(s)
#define VEC4(a, b, c, d) float4(a, b, c, d)
#define VSHIFT1(a, b) float4((a).yzw, (b).x)
#define VSHIFT2(a, b) float4((a).zw, (b).xy)
#define VMAD(a, b, c) fma(a, b, c)
#define VMAX(a, b) fmax(a, b)
#define VMIN(a, b) fmin(a, b)
#endif

// ---- four signed bytes to a word: their product by another four, added up; of int or of vectors of them ----
#define DOT4(a, b) (((a) << 24 >> 24) * ((b) << 24 >> 24) + ((a) << 16 >> 24) * ((b) << 16 >> 24) + ((a) << 8 >> 24) * ((b) << 8 >> 24) + ((a) >> 24) * ((b) >> 24))

#define MAD(a, b, c) fma(a, b, c)
#define FABS(x) fabs(x)
#define FLOOR(x) floor(x)
#define CEIL(x) ceil(x)
#define TRUNC(x) trunc(x)
#define ROUND_EVEN(x) rint(x)
#define RSQRT(x) (1.0f / precise::sqrt(x))
#define DIVIDE(a, b) precise::divide(a, b)
#define PRODUCT_REST(a, b, product) fma(a, b, -(product))
#define FMOD(a, b) fmod(a, b)
#define POW(a, b) precise::pow(a, b)
#define ISNAN(x) isnan(x)
#define ISINF(x) isinf(x)
#define INFINITE INFINITY
#define I64_MOST 0x7fffffffffffffffL
#define I64_LEAST (-0x7fffffffffffffffL - 1)
