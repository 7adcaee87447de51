// Finding kernels' texts and variants.
#include "sources.hpp"

#include <array>

#include "cache.hpp"

namespace motley::gpu {

struct Text {
  const char* name;
  const char* text;
};
// Written by embed.cmake.
extern const std::span<const Text> kKernelTexts;
extern const std::span<const Text> kPreludes;
extern const std::span<const Variant> kVariants;

namespace {
const char* find(std::span<const Text> texts, std::string_view name) {
  for (const Text& t : texts)
    if (t.name == name) return t.text;
  return nullptr;
}
}  // namespace

std::span<const Variant> variants() { return kVariants; }
const Variant* find_variant(std::string_view name) {
  for (const Variant& v : kVariants)
    if (v.name == name) return &v;
  return nullptr;
}
const char* kernel_text(std::string_view kernel) { return find(kKernelTexts, kernel); }
const char* prelude_text(std::string_view dialect) { return find(kPreludes, dialect); }

std::string kernels_id() {
  uint64_t h = hash(std::string());
  for (const auto& list : {kKernelTexts, kPreludes})
    for (const Text& t : list) h = hash(std::string(t.text), h);
  std::array<char, 17> text;
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(h));
  return text.data();
}

}  // namespace motley::gpu
