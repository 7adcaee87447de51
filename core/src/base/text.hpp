// Sentences with values put in, for messages: one call where a chain of operator+ would make a string for every step.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "motley/error.hpp"

namespace motley::base {

// Text or a whole number. It refers to its text, so it lives no longer than the call that it is written in.
class Piece {
 public:
  Piece(const char* text) : text_(text), size_(kTerminated) {}
  Piece(const std::string& text) : string_(&text), size_(kString) {}
  Piece(std::string_view text) : text_(text.data()), size_(text.size()) {}
  template <std::signed_integral T>
  Piece(T number) : number_(number), size_(kSigned) {}
  template <std::unsigned_integral T>
  Piece(T number) : number_(static_cast<int64_t>(number)), size_(kUnsigned) {}
  Piece(char) = delete;  // a letter or a number: say which
  Piece(bool) = delete;

  void append_to(std::string& result) const;

 private:
  // In place of a size, what else the piece is.
  static constexpr size_t kTerminated = SIZE_MAX, kString = SIZE_MAX - 1, kSigned = SIZE_MAX - 2,
                          kUnsigned = SIZE_MAX - 3;
  union {
    const char* text_;
    const std::string* string_;
    int64_t number_;
  };
  size_t size_;
};

// Each % of the format stands for the next value: text("node \"%\" has % inputs", {name, 3}). One without a value
// stays.
std::string text(const char* format, std::initializer_list<Piece> values = {});

// Throws Error(code) with that text.
[[noreturn]] void fail(ErrorCode code, const char* format, std::initializer_list<Piece> values = {});

}  // namespace motley::base
