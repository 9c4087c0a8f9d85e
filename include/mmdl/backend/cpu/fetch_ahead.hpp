// SPDX-License-Identifier: Apache-2.0
// Memory that is read soon, asked for while something else is computed.
#pragma once

#include <cstdint>

namespace mmdl::detail {

/// The rows of a matrix, asked for line by line into the second cache. A loop that computes asks for one line
/// or two at each of its steps: many at once would make it wait.
class FetchAhead {
  static constexpr long line = 64;

 public:
  /// Nothing to be asked for: what is asked for all the same begins at `place`.
  explicit FetchAhead(const void* place)
      : next_(static_cast<const char*>(place)), end_(reinterpret_cast<const char*>(INTPTR_MAX)) {}
  template <class T>
  FetchAhead(const T* data, long row_count, long column_count, long stride)
      : next_(reinterpret_cast<const char*>(data)),
        end_(reinterpret_cast<const char*>(data + column_count)),
        rows_(row_count),
        length_(column_count * static_cast<long>(sizeof(T))),
        stride_(stride * static_cast<long>(sizeof(T))) {}

  bool done() const { return rows_ <= 0; }

  /// Lines still to be asked for, those of the row that was begun among them.
  long lines() const { return done() ? 0 : lines_of(end_ - next_) + (rows_ - 1) * lines_of(length_); }

  /// The next `count` lines, or those that are left.
  void fetch(long count) {
    for (; count > 0 && !done(); --count) fetch();
  }

  /// The next line; after the last row, what lies behind it.
  void fetch() { fetch_lines<1>(); }

  /// The next lines of a row; behind its end perhaps a few that are not wanted.
  template <int Count>
  [[gnu::always_inline]] void fetch_lines() {
    for (int i = 0; i < Count; ++i) __builtin_prefetch(next_ + i * line, 0, 2);
    next_ += Count * line;
    if (__builtin_expect(next_ >= end_, 0)) begin_row();
  }

 private:
  static long lines_of(long bytes) { return (bytes + line - 1) / line; }
  void begin_row() {
    end_ += stride_;
    next_ = end_ - length_;
    --rows_;
  }

  const char *next_, *end_;  // of the row
  long rows_ = 0, length_ = 0, stride_ = 0;
};

}  // namespace mmdl::detail
