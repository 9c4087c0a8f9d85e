// SPDX-License-Identifier: Apache-2.0
// Where the numbers of a register tile's first factor are.
#pragma once

namespace mmdl::detail {

/// The places of a tile's rows, whose steps are next to each other. Two of them, and once, three and five
/// times a distance, reach all rows of a tile of fourteen, once the distance those of six: the processor
/// doubles and adds them where it reads.
template <int Rows, class T>
class TileRowPlaces {
  static_assert(Rows <= 8 || Rows == 14);
  static constexpr int half = (Rows + 1) / 2;
  static constexpr long bytes = static_cast<long>(sizeof(T));

 public:
  /// The first row is at `a`, the others `row` numbers apart.
  [[gnu::always_inline]] TileRowPlaces(const T* a, long row)
      : a_(a), a_half_(a + half * row), row_(row * bytes), row_3_(3 * row_), row_5_(5 * row_) {}

  /// Of row r, `step` numbers on.
  [[gnu::always_inline]] T number(int r, int step) const {
    const int place = r % half;
    const long distance = place == 3 ? row_3_ : place == 6 ? 2 * row_3_ : place == 5 ? row_5_ : place * row_;
    const char* const first = reinterpret_cast<const char*>(r < half ? a_ : a_half_);
    return *reinterpret_cast<const T*>(first + distance + step * bytes);
  }

  /// Goes on by so many numbers.
  [[gnu::always_inline]] void advance(long numbers) {
    a_ += numbers;
    a_half_ += numbers;
  }
  [[gnu::always_inline]] void end_step() {}

  /// In a loop: compilers would work the multiples out before it, more than there are registers for.
  [[gnu::always_inline]] void hide_distances() {
    if constexpr (Rows > 6) asm("" : "+r"(row_), "+r"(row_3_));
    if constexpr (Rows == 14) asm("" : "+r"(row_5_));
  }

 private:
  const T *a_, *a_half_;
  long row_, row_3_, row_5_;
};

/// The places of a turned tile, whose rows are next to each other: it goes on with the end of a step.
template <class T>
class TurnedTilePlaces {
 public:
  [[gnu::always_inline]] TurnedTilePlaces(const T* a, long step) : a_(a), step_(step) {}

  [[gnu::always_inline]] T number(int r, int) const { return a_[r]; }
  [[gnu::always_inline]] void advance(long) {}
  [[gnu::always_inline]] void end_step() { a_ += step_; }
  [[gnu::always_inline]] void hide_distances() {}

 private:
  const T* a_;
  long step_;
};

}  // namespace mmdl::detail
