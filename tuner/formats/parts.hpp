// The readers' inner halves, over JSON that is parsed already. For the readers alone.
#pragma once

#include "formats/fields.hpp"
#include "formats/recording.hpp"

namespace motley::tuner {

Recording t4_of(const json& root, const std::string& what);
Recording cache_of(const json& root, const std::string& what);

}  // namespace motley::tuner
