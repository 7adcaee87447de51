// Damage to JSON: of the text, and of the tree that it stands for.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace motley::test {

inline std::string mutate_bytes(std::string text, std::mt19937& random) {
  for (unsigned changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
    const size_t at = random() % text.size();
    switch (random() % 6) {
      case 0: text[at] = static_cast<char>(random()); break;
      case 1: text[at] = static_cast<char>(text[at] ^ (1 << random() % 8)); break;
      case 2: text.erase(at, 1 + random() % 8); break;
      case 3: text.insert(at, text.substr(random() % text.size(), 1 + random() % 40)); break;
      case 4: text.resize(at); break;
      default: text[at] = "{}[],:\"0159-.eE \\"[random() % 17]; break;
    }
  }
  return text;
}

// What readers of JSON get wrong, put in anywhere.
inline std::string put_in_oddity(std::string text, std::mt19937& random) {
  static const std::vector<std::string> kOddities = {"\xef\xbb\xbf",      // a byte order mark
                                                     "\xc0\xaf",          // an overlong form
                                                     "\xed\xa0\x80",      // half of a pair
                                                     "\xf4\x90\x80\x80",  // beyond the last character
                                                     "\xff",
                                                     "\\ud800",
                                                     "\\udc00\\ud800",
                                                     "\\u0000",
                                                     "\\x",
                                                     "1e400",
                                                     "1e-400",
                                                     "-0",
                                                     "0x10",
                                                     "Infinity",
                                                     "18446744073709551616",
                                                     "00",
                                                     "/**/",
                                                     std::string(1, '\0'),
                                                     std::string(100000, '['),
                                                     "\"runs\": 3, \"r\\u0075ns\": 4, ",  // one key twice
                                                     "\"config\": \"\", ",
                                                     "\"__proto__\": {}, "};
  const std::string& oddity = kOddities[random() % kOddities.size()];
  if (random() % 8 == 0) return oddity + text;
  // Keys go where keys are, the rest into texts and numbers too.
  size_t at = random() % (text.size() + 1);
  if (oddity.back() == ' ') at = std::min(text.find('{', at), text.size() - 1) + 1;
  return text.insert(at, oddity);
}

inline nlohmann::json* member_of(nlohmann::json& value, std::mt19937& random) {
  if (!value.is_structured() || value.empty()) return nullptr;
  auto at = value.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random() % value.size()));
  return &*at;
}

// Any value of the tree, deep ones as likely as shallow ones.
inline nlohmann::json& any_place(nlohmann::json& root, std::mt19937& random) {
  nlohmann::json* place = &root;
  while (nlohmann::json* member = member_of(*place, random)) {
    place = member;
    if (random() % 5 == 0) break;
  }
  return *place;
}

inline nlohmann::json any_value(std::mt19937& random) {
  static const std::vector<nlohmann::json> kValues = {nullptr,
                                                      true,
                                                      -1,
                                                      0,
                                                      1,
                                                      12,
                                                      1.5,
                                                      1e300,
                                                      -0.0,
                                                      (1ull << 53) - 1,
                                                      1ull << 53,
                                                      UINT64_MAX,
                                                      "",
                                                      "here",
                                                      "cpu",
                                                      "host",
                                                      "mc=48",
                                                      "algorithm=im2col",
                                                      "algorithm=direct,kc=512",
                                                      "mc=65536,kc=65536,nc=65536",
                                                      "algorithm=winograd",
                                                      "nc=768,mc=384,kc=512",
                                                      "a=b",
                                                      std::string(4096, 'k'),
                                                      std::string(5000, 'k'),
                                                      "é",
                                                      "conv f32",
                                                      "measure",
                                                      nlohmann::json::array(),
                                                      nlohmann::json::object(),
                                                      nlohmann::json::array({1, 2}),
                                                      nlohmann::json::object({{"a", "b"}})};
  return kValues[random() % kValues.size()];
}

inline nlohmann::json mutate_tree(nlohmann::json document, std::mt19937& random) {
  for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
    nlohmann::json& place = any_place(document, random);
    switch (random() % 7) {
      case 0: place = any_value(random); break;
      case 1:
        if (place.is_object() && !place.empty())
          place.erase(std::next(place.begin(), static_cast<std::ptrdiff_t>(random() % place.size())));
        else if (place.is_array() && !place.empty()) place.erase(random() % place.size());
        break;
      case 2:
        if (place.is_array() && !place.empty()) place.push_back(place[random() % place.size()]);
        break;
      case 3: {
        nlohmann::json copy = any_place(document, random);
        if (copy.dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore).size() < 5000)
          any_place(document, random) = std::move(copy);
        break;
      }
      case 4: {  // what a table may well say: another config
        nlohmann::json& rows = document.is_object() && document.contains("kernels") ? document["kernels"] : document;
        nlohmann::json* row = rows.is_array() ? member_of(rows, random) : nullptr;
        if (row && row->is_object()) (*row)["config"] = any_value(random);
        break;
      }
      case 5:
        if (place.is_number_unsigned()) place = place.get<uint64_t>() ^ (1ull << random() % 64);
        else if (place.is_number()) place = place.get<double>() * std::pow(10, static_cast<int>(random() % 9) - 4);
        break;
      default:
        if (place.is_string()) place = mutate_bytes(place.get<std::string>(), random);
        break;
    }
  }
  return document;
}

}  // namespace motley::test
