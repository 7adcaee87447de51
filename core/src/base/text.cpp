// Sentences with values put in.
#include "base/text.hpp"

namespace motley::base {

void Piece::append_to(std::string& result) const {
  switch (size_) {
    case kTerminated: result.append(text_); break;
    case kString: result.append(*string_); break;
    case kSigned: result.append(std::to_string(number_)); break;
    case kUnsigned: result.append(std::to_string(static_cast<uint64_t>(number_))); break;
    default: result.append(text_, size_);
  }
}

std::string text(const char* format, std::initializer_list<Piece> values) {
  std::string result;
  const Piece* value = values.begin();
  for (; *format; ++format) {
    if (*format == '%' && value != values.end()) value++->append_to(result);
    else result += *format;
  }
  return result;
}

void fail(ErrorCode code, const char* format, std::initializer_list<Piece> values) {
  throw Error(code, text(format, values));
}

}  // namespace motley::base
