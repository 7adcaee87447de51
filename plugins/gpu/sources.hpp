// The kernels' text, embedded when the library is built, and the table of variants.
#pragma once

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

// A kernel's text with its includes in place, without a prelude; null where there is none.
const char* kernel_text(std::string_view kernel);
// "opencl", "glsl" or "metal".
const char* prelude_text(std::string_view dialect);
// Changes with every change of a kernel or prelude.
std::string kernels_id();

}  // namespace motley::gpu
