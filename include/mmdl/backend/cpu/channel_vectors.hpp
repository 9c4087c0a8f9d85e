// SPDX-License-Identifier: Apache-2.0
// The channels of a pixel by whole vectors: the loop over them, and their maximum.
#pragma once

#include "vector.hpp"

namespace mmdl::detail {

/// Not inlined: the compiler would make vectors of a loop that never has many steps.
template <class T, class Body>
[[gnu::noinline]] void run_single_channel(const Body& body, long c) {
  body(Wide<T>{}, c);
}

/// Calls `body(V{}, channel)` for vectors V of channels, and for single numbers where none is left. `Halves`:
/// before those for half a vector, which is more code and for pixels of few channels.
template <class T, bool Halves = false, class Body>
inline void for_channel_vectors(long channels, const Body& body) {
  long c = 0;
  for (; c + simd_width<T> <= channels; c += simd_width<T>) body(Simd<T>{}, c);
  if constexpr (Halves)
    if (c + simd_width<T> / 2 <= channels) {
      body(HalfSimd<T>{}, c);
      c += simd_width<T> / 2;
    }
  for (; c < channels; ++c) run_single_channel<T>(body, c);
}

/// One instruction; a NaN of the first is passed over.
template <class V>
V larger(const V& a, const V& b) {
  return a > b ? a : b;
}

}  // namespace mmdl::detail
