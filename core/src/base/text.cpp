// Sentences made of pieces.
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

std::string text(std::initializer_list<Piece> pieces) {
  std::string result;
  for (const Piece& piece : pieces) piece.append_to(result);
  return result;
}

void fail(ErrorCode code, std::initializer_list<Piece> pieces) { throw Error(code, text(pieces)); }

}  // namespace motley::base
