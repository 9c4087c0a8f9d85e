// SPDX-License-Identifier: Apache-2.0
// The static shape of one sample, and lists of types.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

namespace mmdl {

/// The shape of one sample, without the batch: `Shape<224, 224, 3>` is height, width, channels (NHWC order),
/// `Shape<10>` a vector. Every extent is at least 1. PyTorch: `tensor.shape[1:]`, channels last.
template <int... Extents>
struct Shape {
  static_assert(sizeof...(Extents) > 0, "mmdl: a shape needs at least one extent");
  static_assert(((Extents > 0) && ...), "mmdl: every extent of a shape is at least 1");

  static constexpr int rank = sizeof...(Extents);
  static constexpr std::array<int, sizeof...(Extents)> extents{Extents...};
  static constexpr long size = (1L * ... * Extents);  ///< elements of one sample

  /// "224x224x3"
  static std::string str() {
    std::string text;
    for (int extent : extents) {
      if (!text.empty()) text += 'x';
      text += std::to_string(extent);
    }
    return text;
  }
};

/// An ordered list of types: the inputs or outputs of a network that has several.
template <class... Ts>
struct List {
  static constexpr int count = sizeof...(Ts);
};

namespace detail {

template <class T>
inline constexpr bool is_shape = false;
template <int... Extents>
inline constexpr bool is_shape<Shape<Extents...>> = true;

template <class T>
inline constexpr bool is_list = false;
template <class... Ts>
inline constexpr bool is_list<List<Ts...>> = true;

/// `AsList<Shape<3>>` is `List<Shape<3>>`; a list stays itself.
template <class T>
struct AsListOf {
  using type = List<T>;
};
template <class... Ts>
struct AsListOf<List<Ts...>> {
  using type = List<Ts...>;
};
template <class T>
using AsList = typename AsListOf<T>::type;

/// The other way: a list of one becomes its element.
template <class T>
struct UnwrapOf {
  using type = T;
};
template <class T>
struct UnwrapOf<List<T>> {
  using type = T;
};
template <class T>
using Unwrap = typename UnwrapOf<T>::type;

/// The type at a place of a list, without recursion.
template <int Index, class T>
struct Indexed {
  using type = T;
};
template <class Sequence, class... Ts>
struct IndexedList;
template <int... Indices, class... Ts>
struct IndexedList<std::integer_sequence<int, Indices...>, Ts...> : Indexed<Indices, Ts>... {};
template <int Index, class T>
Indexed<Index, T> select(Indexed<Index, T>);
template <int Index, class L>
struct AtOf;
template <int Index, class... Ts>
struct AtOf<Index, List<Ts...>> {
  using type = typename decltype(select<Index>(
      IndexedList<std::make_integer_sequence<int, sizeof...(Ts)>, Ts...>{}))::type;
};
template <int Index, class L>
using At = typename AtOf<Index, L>::type;

}  // namespace detail
}  // namespace mmdl
