// SPDX-License-Identifier: Apache-2.0
// Compile-time refusals that carry their numbers: C++20 has no computed message, so they ride in a type's
// name.
#pragma once

namespace mmdl::detail {

template <bool Ok, class Problem>
struct Require {
  static constexpr bool value = true;
};
/// `Problem` is never defined: deriving from it is the one error. The value stays true, so that none follows.
template <class Problem>
struct Require<false, Problem> : Problem {
  static constexpr bool value = true;
};

/// `static_assert(accepted<Ok, Problem<A, B>>)`: where `Ok` is false the compiler complains, in one line, of
/// the incomplete type `Problem<A, B>`. A problem is declared and documented, and never defined.
template <bool Ok, class Problem>
inline constexpr bool accepted = Require<Ok, Problem>::value;

}  // namespace mmdl::detail
