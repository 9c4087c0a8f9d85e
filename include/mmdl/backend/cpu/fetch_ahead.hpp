// SPDX-License-Identifier: Apache-2.0
// Memory that is read soon, asked for while something else is computed.
#pragma once

namespace mmdl::detail {

/// The rows of a matrix, asked for line by line into the second cache. A loop that computes asks for one line
/// at each of its steps: many at once would make it wait.
class FetchAhead {
 public:
  /// Nothing to be asked for: asks for one place again and again.
  explicit FetchAhead(const void* place) : row_(static_cast<const char*>(place)) {}
  template <class T>
  FetchAhead(const T* data, long row_count, long column_count, long stride)
      : row_(reinterpret_cast<const char*>(data)),
        rows_(row_count),
        length_(column_count * static_cast<long>(sizeof(T))),
        stride_(stride * static_cast<long>(sizeof(T))) {}

  bool done() const { return rows_ <= 0; }

  /// Lines still to be asked for, those of the row that was begun among them.
  long lines() const { return done() ? 0 : rows_ * ((length_ + 63) / 64); }

  /// The next `count` lines, or those that are left.
  void fetch(long count) {
    for (; count > 0 && !done(); --count) fetch();
  }

  /// The next line; after the last row, what lies behind it.
  void fetch() {
    __builtin_prefetch(row_ + place_, 0, 2);
    place_ += 64;
    if (place_ < length_) return;
    place_ = 0;
    row_ += stride_;
    --rows_;
  }

 private:
  const char* row_;
  long rows_ = 0, length_ = 0, stride_ = 0, place_ = 0;
};

}  // namespace mmdl::detail
