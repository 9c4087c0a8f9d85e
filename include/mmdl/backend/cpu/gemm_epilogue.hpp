// SPDX-License-Identifier: Apache-2.0
// What happens to a tile of a matrix product while it is hot.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "../../graph/node.hpp"
#include "vector.hpp"

namespace mmdl::detail {

template <class T>
inline constexpr long tile_columns = 2 * simd_width<T>;

/// What is done to the product before it is written: y = activation(product * scale + shift + residual), with
/// `activation_first` y = activation(product * scale + shift) + residual. A null pointer leaves its step out.
template <class T>
struct Epilogue {
  const Wide<T>* scale = nullptr;  // one number a column
  const Wide<T>* shift = nullptr;  // one number a column
  const T* residual = nullptr;     // at the output's offsets
  Activation activation = Activation::none;
  bool activation_first = false;
  bool accumulate = false;  // add to what the output holds

  bool plain() const {
    return scale == nullptr && shift == nullptr && residual == nullptr && activation == Activation::none;
  }

  /// Whether what follows scale and shift is an addition and a bound on either side: then `least` and
  /// `largest` say it all.
  bool bounded() const { return (residual == nullptr || !activation_first) && bounds(); }
  /// Whether the activation is a bound on either side, or none.
  bool bounds() const {
    return activation == Activation::none || activation == Activation::relu ||
           activation == Activation::relu6;
  }
  Wide<T> least() const {
    return activation == Activation::none ? -std::numeric_limits<Wide<T>>::infinity() : Wide<T>{0};
  }
  Wide<T> largest() const {
    return activation == Activation::relu6 ? Wide<T>{6} : std::numeric_limits<Wide<T>>::infinity();
  }

  /// V is Wide<T> or a vector of it; `column` and `offset` are the places of its first number.
  template <class V>
  V apply(V value, long column, long offset) const {
    if (scale != nullptr) value *= load_vector<V>(scale + column);
    if (shift != nullptr) value += load_vector<V>(shift + column);
    if (activation_first) value = activate_vector(value);
    if (residual != nullptr) value += load_vector<V>(residual + offset);
    return activation_first ? value : activate_vector(value);
  }

 private:
  using W = Wide<T>;

  template <class V>
  V activate_vector(V value) const {
    const V zero = V{}, six = zero + W{6};
    switch (activation) {
      case Activation::none:
        return value;
      case Activation::relu:
        return value < zero ? zero : value;  // so that a NaN passes
      case Activation::relu6:
        value = value < zero ? zero : value;
        return value > six ? six : value;
      default:
        break;
    }
    W numbers[sizeof(V) / sizeof(W)];
    store_vector(numbers, value);
    activate_numbers(activation, numbers, sizeof(V) / sizeof(W));
    return load_vector<V>(numbers);
  }

  /// Out of line: their calls take the time, and would be compiled into each place that writes a result.
  /// Static, so that a copy of the epilogue can stay in registers.
  [[gnu::noinline]] static void activate_numbers(Activation kind, W* numbers, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      W& x = numbers[i];
      if (kind == Activation::tanh) {
        x = std::tanh(x);
      } else {  // a form whose exponential does not overflow
        const W e = std::exp(-std::fabs(x));
        x = (x >= W{0} ? W{1} : e) / (W{1} + e);
      }
    }
  }
};

/// What an epilogue whose activation is a bound does to `Count` vectors of columns side by side, for all the
/// rows of a tile.
template <class T, int Count>
struct BoundedColumns {
  using V = Simd<T>;
  const T* residual = nullptr;
  bool residual_last = false;  // behind the bounds
  V scale[Count] = {}, shift[Count] = {}, least = {}, largest = {};

  /// `place`: of the first value in the output.
  [[gnu::always_inline]] void apply(V (&values)[Count], long place) const {
    MMDL_UNROLL
    for (int i = 0; i < Count; ++i) values[i] = values[i] * scale[i] + shift[i];
    if (residual != nullptr && !residual_last) add_residual(values, place);
    MMDL_UNROLL
    for (int i = 0; i < Count; ++i) {
      values[i] = values[i] < least ? least : values[i];  // so that a NaN passes
      values[i] = values[i] > largest ? largest : values[i];
    }
    if (residual_last) add_residual(values, place);
  }

 private:
  [[gnu::always_inline]] void add_residual(V (&values)[Count], long place) const {
    MMDL_UNROLL
    for (int i = 0; i < Count; ++i) values[i] += load_vector<V>(residual + place + i * simd_width<T>);
  }
};

/// A bounded epilogue, made ready once for all the tiles of a matrix: each then loads what it needs, and has
/// nothing to decide. A call would have to put a tile's sums away, so nothing here is one.
template <class T>
class BoundedEpilogue {
 public:
  explicit BoundedEpilogue(const Epilogue<T>& e)
      : residual_(e.residual),
        residual_last_(e.residual != nullptr && e.activation_first),
        scale_(e.scale == nullptr ? neutral.ones : e.scale),
        shift_(e.shift == nullptr ? neutral.zeros : e.shift),
        scale_step_(e.scale == nullptr ? 0 : 1),
        shift_step_(e.shift == nullptr ? 0 : 1),
        least_(e.least()),
        largest_(e.largest()) {}

  /// One column of vectors V (or of single numbers, V = Wide<T>), of a value in each of some rows: `column`
  /// is its place in the matrix, offsets[r] + column that of row r in the output.
  template <int Rows, class V>
  [[gnu::always_inline]] void apply(V (&values)[Rows], const long* offsets, long column) const {
    scale_and_shift(values, column);
    if (residual_ != nullptr) {
      MMDL_UNROLL
      for (int r = 0; r < Rows; ++r) values[r] += load_vector<V>(residual_ + offsets[r] + column);
    }
    bound(values);
  }

  const T* residual() const { return residual_; }  ///< null if none is added

  /// For the vectors of columns from `column` on.
  template <int Count>
  BoundedColumns<T, Count> columns(long column) const {
    BoundedColumns<T, Count> some;
    some.residual = residual_;
    some.residual_last = residual_last_;
    some.least = Simd<T>{} + least_, some.largest = Simd<T>{} + largest_;
    for (int i = 0; i < Count; ++i) {
      some.scale[i] = load_vector<Simd<T>>(scale_ + (column + i * simd_width<T>)*scale_step_);
      some.shift[i] = load_vector<Simd<T>>(shift_ + (column + i * simd_width<T>)*shift_step_);
    }
    return some;
  }

  /// The same where no residual is added.
  template <int Rows, class V>
  [[gnu::always_inline]] void apply(V (&values)[Rows], long column) const {
    scale_and_shift(values, column);
    bound(values);
  }

 private:
  struct Neutral {
    Wide<T> ones[simd_width<T>] = {}, zeros[simd_width<T>] = {};
    constexpr Neutral() {
      for (Wide<T>& one : ones) one = Wide<T>{1};
    }
  };
  static constexpr Neutral neutral{};

  template <int Rows, class V>
  [[gnu::always_inline]] void scale_and_shift(V (&values)[Rows], long column) const {
    const V scale = load_vector<V>(scale_ + column * scale_step_);
    const V shift = load_vector<V>(shift_ + column * shift_step_);
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) values[r] = values[r] * scale + shift;
  }

  template <int Rows, class V>
  [[gnu::always_inline]] void bound(V (&values)[Rows]) const {
    const V least = V{} + least_, largest = V{} + largest_;
    MMDL_UNROLL
    for (int r = 0; r < Rows; ++r) {
      values[r] = values[r] < least ? least : values[r];  // so that a NaN passes
      values[r] = values[r] > largest ? largest : values[r];
    }
  }

  const T* residual_;
  bool residual_last_;  // only `columns` looks at it: others take bounded epilogues
  const Wide<T>*scale_, *shift_;
  long scale_step_, shift_step_;  // 0 where there is none
  Wide<T> least_, largest_;
};

/// A tile whose epilogue is bounded, and whose rows are `Count` vectors V.
template <class V, int Count, class T>
void finish_bounded_tile(const Wide<T>* sums, long rows, T* output, const long* offsets, long column,
                         bool add, const Epilogue<T>& epilogue) {
  constexpr long width = sizeof(V) / sizeof(Wide<T>);
  const BoundedEpilogue<T> bounded(epilogue);
  for (long r = 0; r < rows; ++r, sums += tile_columns<T>) {
    MMDL_UNROLL
    for (int i = 0; i < Count; ++i) {
      const long place = column + i * width;
      T* const to = output + offsets[r] + place;
      V value[1] = {load_vector<V>(sums + i * width)};
      if (add) value[0] += load_vector<V>(to);
      bounded.apply(value, offsets + r, place);
      store_vector(to, value[0]);
    }
  }
}

/// Writes `rows` x `columns` of a tile of sums to output + offsets[r]. `add`: earlier sums are there already;
/// `last`: the sum is complete, the epilogue follows. `column` is that of the whole matrix.
template <class T>
void finish_tile(const Wide<T>* sums, long rows, long columns, T* output, const long* offsets, long column,
                 bool add, bool last, const Epilogue<T>& epilogue) {
  const bool apply = last && !epilogue.plain();
  if (apply && epilogue.bounded()) {  // of networks of few channels, too, tiles often have whole vectors
    if (columns == tile_columns<T>)
      return finish_bounded_tile<Simd<T>, 2>(sums, rows, output, offsets, column, add, epilogue);
    if (columns == simd_width<T>)
      return finish_bounded_tile<Simd<T>, 1>(sums, rows, output, offsets, column, add, epilogue);
    if (columns == simd_width<T> / 2)
      return finish_bounded_tile<HalfSimd<T>, 1>(sums, rows, output, offsets, column, add, epilogue);
  }
  if (!apply && columns == tile_columns<T>) {
    using V = Simd<T>;
    for (long r = 0; r < rows; ++r, sums += tile_columns<T>) {
      T* const to = output + offsets[r] + column;
      V left = load_vector<V>(sums), right = load_vector<V>(sums + simd_width<T>);
      if (add) left += load_vector<V>(to), right += load_vector<V>(to + simd_width<T>);
      store_vector(to, left);
      store_vector(to + simd_width<T>, right);
    }
    return;
  }
  const auto finish = [&]<class V>(V value, long offset, long place) {
    if (add) value += load_vector<V>(output + offset);
    if (apply) value = epilogue.template apply<V>(value, place, offset);
    store_vector(output + offset, value);
  };
  for (long r = 0; r < rows; ++r, sums += tile_columns<T>) {
    long c = 0;
    for (; c + simd_width<T> <= columns; c += simd_width<T>)
      finish(load_vector<Simd<T>>(sums + c), offsets[r] + column + c, column + c);
    if (c + simd_width<T> / 2 <= columns) {  // networks of 24 channels begin with it
      finish(load_vector<HalfSimd<T>>(sums + c), offsets[r] + column + c, column + c);
      c += simd_width<T> / 2;
    }
    for (; c < columns; ++c) finish(sums[c], offsets[r] + column + c, column + c);
  }
}

}  // namespace mmdl::detail
