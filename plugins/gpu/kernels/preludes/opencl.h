// The common subset in OpenCL C 1.2. See ../README.md for what each macro means.
typedef char i8;
typedef uchar u8;
typedef short i16;
typedef ushort u16;
typedef int i32;
typedef uint u32;
typedef long i64;
typedef ulong u64;
typedef float f32;
typedef half f16;  // storage only: LOAD and STORE go through vload_half
typedef uchar b8;
typedef uint4 u128;
typedef float4 f32x4;
#define TEXEL(x, i) (x)[i]
#ifdef USE_F64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double f64;
#endif

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)

// Constants are macros here, so what is not chosen need not be compiled.
#define CHOSEN(id, n) (CAT(SPEC_, id) == (n))
#ifdef FUNCTION_AT
#define WANTED(n) CHOSEN(FUNCTION_AT, n)
#else
#define WANTED(n) 1
#endif

// ---- a kernel ----
// Every buffer comes as a pointer and a byte offset, so that no sub-buffer and no alignment is needed.
#define CONSTANT(id, name, value) enum { name = CAT(SPEC_, id) };
#define PARAMS(fields) typedef struct { fields } Params;
#define IN_ARGUMENT(slot, type, name) __global const uchar *restrict name##_base, const ulong name##_offset,
#define OUT_ARGUMENT(slot, type, name) __global uchar *restrict name##_base, const ulong name##_offset,
#define IN_POINTER(slot, type, name) __global const type *name = (__global const type *)(name##_base + name##_offset);
#define OUT_POINTER(slot, type, name) __global type *name = (__global type *)(name##_base + name##_offset);
#define LOCAL_DECLARATION(type, name, count) __local type name[count];
#define NO_LOCALS(LOCAL)
#define KERNEL(name, BUFFERS, LOCALS)                                                                           \
  __attribute__((reqd_work_group_size(GROUP_X, GROUP_Y, GROUP_Z))) __kernel void name(                           \
      BUFFERS(IN_ARGUMENT, OUT_ARGUMENT) const int4 first_group, const Params p) {                              \
    BUFFERS(IN_POINTER, OUT_POINTER) LOCALS(LOCAL_DECLARATION)
#define KERNEL_END }
#define FUNC static inline
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("nounroll")

// ---- where am I ----
// A long launch is enqueued in slices; `first_group` is where the slice begins.
#define GROUP_ID(d) ((int)get_group_id(d) + CAT(FIRST_GROUP_, d))
#define LOCAL_ID(d) ((int)get_local_id(d))
#define GLOBAL_ID(d) (GROUP_ID(d) * CAT(GROUP_SIZE_, d) + (int)get_local_id(d))
#define FIRST_GROUP_0 first_group.x
#define FIRST_GROUP_1 first_group.y
#define FIRST_GROUP_2 first_group.z
#define GROUP_SIZE_0 GROUP_X
#define GROUP_SIZE_1 GROUP_Y
#define GROUP_SIZE_2 GROUP_Z
#define LOCAL_BARRIER barrier(CLK_LOCAL_MEM_FENCE)

// ---- elements: LOAD gives COMPUTE(T), STORE takes it ----
#define COMPUTE(T) CAT(COMPUTE_, T)
#define LOAD(T, x, i) CAT(LOAD_, T)(x, i)
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
#define COMPUTE_f64 double
#define LOAD_f32(x, i) (x)[i]
#define LOAD_f16(x, i) vload_half(i, x)
#define LOAD_i8(x, i) ((int)(x)[i])
#define LOAD_u8(x, i) ((int)(x)[i])
#define LOAD_b8(x, i) ((int)(x)[i])
#define LOAD_i16(x, i) ((int)(x)[i])
#define LOAD_u16(x, i) ((int)(x)[i])
#define LOAD_i32(x, i) (x)[i]
#define LOAD_u32(x, i) (x)[i]
#define LOAD_i64(x, i) (x)[i]
#define LOAD_u64(x, i) (x)[i]
#define LOAD_f64(x, i) (x)[i]
#define STORE_f32(y, i, v) (y)[i] = (v)
#define STORE_f16(y, i, v) vstore_half(v, i, y)
#define STORE_i8(y, i, v) (y)[i] = (char)(v)
#define STORE_u8(y, i, v) (y)[i] = (uchar)(v)
#define STORE_b8(y, i, v) (y)[i] = (uchar)((v) != 0)
#define STORE_i16(y, i, v) (y)[i] = (short)(v)
#define STORE_u16(y, i, v) (y)[i] = (ushort)(v)
#define STORE_i32(y, i, v) (y)[i] = (v)
#define STORE_u32(y, i, v) (y)[i] = (v)
#define STORE_i64(y, i, v) (y)[i] = (v)
#define STORE_u64(y, i, v) (y)[i] = (v)
#define STORE_f64(y, i, v) (y)[i] = (v)

// ---- conversions ----
#define TO(C, v) ((C)(v))
#define TO_INT(v) ((int)(v))
#define TO_UINT(v) ((uint)(v))
#define TO_FLOAT(v) ((float)(v))
#define BITS_OF_FLOAT(v) as_int(v)
#define FLOAT_OF_BITS(v) as_float(v)

// ---- f16 to float where the driver has no instruction for it: several at once by integers. vload_half takes PoCL a call each ----
#ifdef SOFT_HALF
#define FLOATS_OF(n)                                                                                         \
  FUNC CAT(float, n) CAT(floats_of_, n)(CAT(ushort, n) half_bits) {                                          \
    CAT(uint, n) bits = CAT(convert_uint, n)(half_bits);                                                     \
    CAT(uint, n) size = (bits & 0x7fffu) << 13;                                                              \
    CAT(uint, n) value = CAT(as_uint, n)(CAT(as_float, n)(size) * 0x1p112f);                                 \
    /* infinite, and NaN */                                                                                  \
    value |= CAT(as_uint, n)(size >= 0x0f800000u) & 0x7f800000u;                                             \
    return CAT(as_float, n)(value | (bits & 0x8000u) << 16);                                                 \
  }
FLOATS_OF(4)
FLOATS_OF(8)
FLOATS_OF(16)
// By fours: sixteens put together of parts took PoCL a fifth longer.
#define LOAD_ROW_f16(to, x, first, count)                                                                    \
  {                                                                                                          \
    __global const ushort *from_ = (__global const ushort *)(x) + (first);                                   \
    UNROLL for (int i_ = 0; i_ < (count) / 4; i_++) vstore4(floats_of_4(vload4(i_, from_)), i_, to);         \
    UNROLL for (int i_ = (count) / 4 * 4; i_ < (count); i_++) to[i_] = vload_half(i_, (x) + (first));        \
  }
#else
#define LOAD_ROW_f16(to, x, first, count) UNROLL for (int i_ = 0; i_ < (count); i_++) to[i_] = vload_half((first) + i_, x);
#endif
#define LOAD_ROW_f32(to, x, first, count) UNROLL for (int i_ = 0; i_ < (count); i_++) to[i_] = (x)[(first) + i_];
#define LOAD_ROW(T, to, x, first, count) CAT(LOAD_ROW_, T)(to, x, first, count)

// ---- vectors of VW floats: VW is 1, 2, 4, 8 or 16 here, 1 or 4 in GLSL and Metal ----
#ifdef VW
#if VW == 1
typedef float VEC;
#define VLOAD(x, i) (x)[i]
#define VLOAD2(x, i) (x)[i]
#define VSTORE(y, i, v) (y)[i] = (v)
#define VSPILL(array, v) (array)[0] = (v)
#define VLOAD_f16(x, i) vload_half(i, x)
typedef int IVEC;
#define IVLOAD(x, i) (x)[i]
#define ISPILL(array, v) (array)[0] = (v)
#else
typedef CAT(float, VW) VEC;
#define VLOAD(x, i) CAT(vload, VW)(0, (x) + (i))
// every second of 2 · VW floats
#define VLOAD2(x, i) (VEC)(VLOAD(x, i).even, VLOAD(x, (i) + VW).even)
#define VSTORE(y, i, v) CAT(vstore, VW)(v, 0, (y) + (i))
// into a private array of VW floats; VLOAD reads such an array too
#define VSPILL(array, v) CAT(vstore, VW)(v, 0, array)
#ifdef SOFT_HALF
#define VLOAD_f16(x, i) CAT(floats_of_, VW)(CAT(vload, VW)(0, (__global const ushort *)(x) + (i)))
#else
#define VLOAD_f16(x, i) CAT(vload_half, VW)(0, (x) + (i))
#endif
typedef CAT(int, VW) IVEC;
#define IVLOAD(x, i) CAT(vload, VW)(0, (x) + (i))
#define ISPILL(array, v) CAT(vstore, VW)(v, 0, array)
#endif
// VLOAD from a buffer of f32 or f16
#define VLOAD_AS(T, x, i) CAT(VLOAD_, T)(x, i)
#define VLOAD_f32(x, i) VLOAD(x, i)
#define VSPLAT(s) ((VEC)(s))
#define ISPLAT(s) ((IVEC)(s))
#define ITEXEL(x, i) as_int4((x)[i])
#define VEC4(a, b, c, d) (float4)(a, b, c, d)
#define VSHIFT1(a, b) (float4)((a).yzw, (b).x)
#define VSHIFT2(a, b) (float4)((a).zw, (b).xy)
#define VMAD(a, b, c) fma(a, b, c)
#define VMAX(a, b) fmax(a, b)
#define VMIN(a, b) fmin(a, b)
#endif

// ---- four signed bytes to a word: their product by another four, added up; of int or of vectors of them ----
#ifdef PACKED_DOT
#define DOT4(a, b) dot_4x8packed_ss_int(as_uint(a), as_uint(b))
#else
#define DOT4(a, b) (((a) << 24 >> 24) * ((b) << 24 >> 24) + ((a) << 16 >> 24) * ((b) << 16 >> 24) + ((a) << 8 >> 24) * ((b) << 8 >> 24) + ((a) >> 24) * ((b) >> 24))
#endif

// ---- mathematics with one name everywhere ----
#define MAD(a, b, c) fma(a, b, c)
#define FABS(x) fabs(x)
#define FLOOR(x) floor(x)
#define CEIL(x) ceil(x)
#define TRUNC(x) trunc(x)
#define ROUND_EVEN(x) rint(x)
#define RSQRT(x) (1.0f / sqrt(x))
#define DIVIDE(a, b) ((a) / (b))
#define PRODUCT_REST(a, b, product) fma(a, b, -(product))
#define FMOD(a, b) fmod(a, b)
#define POW(a, b) pow(a, b)
#define ISNAN(x) (isnan(x) != 0)
#define ISINF(x) (isinf(x) != 0)
#define INFINITE INFINITY
#define I64_MOST 0x7fffffffffffffffL
#define I64_LEAST (-0x7fffffffffffffffL - 1)
