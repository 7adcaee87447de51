// The kernels' text, embedded when the library is built, and the table of variants.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace motley::gpu {

// A line of kernels/variants.txt.
struct Variant {
  const char* name;
  const char* kernel;   // file and entry point
  const char* defines;  // "T=f32 VW=4"
};
std::span<const Variant> variants();
// Null where there is none of that name.
const Variant* find_variant(std::string_view name);

// A kernel's text with its includes in place and without comments, or a dialect's prelude ("opencl", "glsl" or
// "metal"); empty where there is none of that name. They are packed in the binary, and stay in memory, 200 kB, once one
// was asked for. [any]
std::string_view text_of(std::string_view name);
// Changes with every change of a kernel or prelude.
extern const char* const kKernelsId;

// How texts are packed: one after another.
struct TextPlace {
  const char* name;
  uint32_t first, bytes;
};
struct Texts {
  std::span<const uint8_t> packed;
  size_t bytes;  // of all, unpacked
  std::span<const TextPlace> places;
};

}  // namespace motley::gpu
