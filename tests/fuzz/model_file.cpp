// The reader of .motley files.
#include "model/model_file.hpp"

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return motley::fuzz::answer(data, size, [](std::span<const std::byte> bytes) {
    // A copy, aligned as a mapping is.
    const auto storage = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    const std::span<const uint8_t> view(reinterpret_cast<const uint8_t*>(storage->data()), storage->size());
    motley::model::read_model(view, storage);
  });
}
