// A vector of at most N trivial elements that lies where it stands: shapes are copied everywhere, and neither need the
// heap nor code that cleans up after them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <vector>

namespace motley::base {

// Throw std::length_error and std::out_of_range: who knows the object makes a sentence of it.
[[noreturn]] void list_overflow(size_t capacity);
[[noreturn]] void list_too_short(size_t index);

// std::vector's interface, as far as it is used. Growing past N throws std::length_error.
template <class T, size_t N>
class ShortList {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  ShortList() = default;
  explicit ShortList(size_t size, const T& value = T()) { resize(size, value); }
  ShortList(std::initializer_list<T> values) { assign(values.begin(), values.size()); }
  ShortList(const std::vector<T>& values) { assign(values.data(), values.size()); }  // NOLINT: the same list
  template <std::input_iterator It>
  ShortList(It first, It last) {
    for (; first != last; ++first) push_back(T(*first));
  }
  operator std::vector<T>() const { return std::vector<T>(begin(), end()); }  // NOLINT

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return items_; }
  const T* data() const { return items_; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }
  auto rbegin() const { return std::reverse_iterator(end()); }
  auto rend() const { return std::reverse_iterator(begin()); }
  T& operator[](size_t i) { return items_[i]; }
  const T& operator[](size_t i) const { return items_[i]; }
  // Throws std::out_of_range past the end.
  const T& at(size_t i) const {
    if (i >= size_) list_too_short(i);
    return items_[i];
  }
  T& front() { return items_[0]; }
  const T& front() const { return items_[0]; }
  T& back() { return items_[size_ - 1]; }
  const T& back() const { return items_[size_ - 1]; }

  void clear() { size_ = 0; }
  void reserve(size_t) {}
  void pop_back() { --size_; }
  void push_back(const T& value) { insert(end(), value); }
  void resize(size_t size, const T& value = T()) {
    if (size > N) list_overflow(N);
    for (size_t i = size_; i < size; ++i) items_[i] = value;
    size_ = size;
  }
  [[gnu::noinline]] T* insert(const T* before, const T& value) {
    const T copy = value;
    T* const at = items_ + (before - items_);
    if (size_ == N) list_overflow(N);
    std::copy_backward(at, end(), end() + 1);
    ++size_;
    *at = copy;
    return at;
  }
  void insert(const T* before, const T* first, const T* last) {
    for (; first != last; ++first) before = insert(before, *first) + 1;
  }
  T* erase(const T* item) { return erase(item, item + 1); }
  T* erase(const T* first, const T* last) {
    T* const at = items_ + (first - items_);
    std::copy(last, static_cast<const T*>(end()), at);
    size_ -= static_cast<size_t>(last - first);
    return at;
  }

  bool operator==(const ShortList& o) const { return std::equal(begin(), end(), o.begin(), o.end()); }
  bool operator==(const std::vector<T>& o) const { return std::equal(begin(), end(), o.begin(), o.end()); }

 private:
  [[gnu::noinline]] void assign(const T* values, size_t size) {
    if (size > N) list_overflow(N);
    std::copy(values, values + size, items_);
    size_ = size;
  }

  size_t size_ = 0;
  T items_[N];
};

}  // namespace motley::base
