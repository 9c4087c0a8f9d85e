// SPDX-License-Identifier: Apache-2.0
// Sizes that the element-by-element kernels share, and the hint for their loops.
#pragma once

#include "../../core/simd.hpp"

namespace mmdl::detail {

inline constexpr long chunk_length =
    1024;  // numbers of a scratch array on the stack: stays in the first cache
inline constexpr long parallel_grain = 16384;  // numbers below which a thread is not worth waking

}  // namespace mmdl::detail
