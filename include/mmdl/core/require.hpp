// SPDX-License-Identifier: Apache-2.0
// Compile-time refusals that carry their numbers: C++20 has no computed message, so they ride in a type's name.
#pragma once

#include <type_traits>

namespace mmdl::detail {

/// `static_assert(accepted<Ok, Problem<A, B>>)`: where `Ok` is false the compiler complains, in one line, of the
/// incomplete type `Problem<A, B>`. A problem is declared, documented, and never defined.
template <bool Ok, class Problem>
inline constexpr bool accepted = sizeof(std::conditional_t<Ok, char, Problem>) > 0;

}  // namespace mmdl::detail
