// SPDX-License-Identifier: Apache-2.0
// Memory that is read soon, asked for while something else is computed.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mmdl::detail {

/// The rows of a matrix, asked for line by line into the second cache. A loop that computes asks for one line
/// or two at each of its steps: many at once would make it wait.
class FetchAhead {
  static constexpr long line = 64;

 public:
  /// Nothing to be asked for: what is asked for all the same begins at `place`.
  explicit FetchAhead(const void* place)
      : next_(static_cast<const char*>(place)),
        end_(reinterpret_cast<const char*>(INTPTR_MAX)),
        spacing_(INTPTR_MAX),
        until_next_(INTPTR_MAX) {}
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

  /// Spreads what is to be asked for over so many calls of turn(). Lines on their way are few at a time: a
  /// loop that asked for all at once would wait behind them for what it needs itself.
  void spread(long turns) {
    if (!done()) spacing_ = until_next_ = std::max(1L, turns / this->turns());
  }
  /// The calls of turn() that it takes at least.
  long turns() const { return (lines() + lines_at_once - 1) / lines_at_once; }
  /// Perhaps the next lines.
  [[gnu::always_inline]] void turn() {
    if (--until_next_ > 0) return;
    until_next_ = spacing_;
    fetch_lines<lines_at_once>();
  }

  /// The next `count` lines, or those that are left.
  void fetch(long count) {
    for (; count > 0 && !done(); --count) fetch();
  }

  /// The next line; after the last row, what lies behind it.
  void fetch() { fetch_lines<1>(); }

 private:
  static constexpr int lines_at_once = 2;

  static long lines_of(long bytes) { return (bytes + line - 1) / line; }

  /// Those of a row; behind its end perhaps some that are not wanted.
  template <int Count>
  [[gnu::always_inline]] void fetch_lines() {
    for (int i = 0; i < Count; ++i) __builtin_prefetch(next_ + i * line, 0, 2);
    next_ += Count * line;
    if (__builtin_expect(next_ >= end_, 0)) begin_row();
  }

  void begin_row() {
    end_ += stride_;
    next_ = end_ - length_;
    --rows_;
  }

  const char *next_, *end_;  // of the row
  long rows_ = 0, length_ = 0, stride_ = 0;
  long spacing_ = 1, until_next_ = 1;  // turns
};

}  // namespace mmdl::detail
