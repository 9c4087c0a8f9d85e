// SPDX-License-Identifier: Apache-2.0
// A contiguous part of the flat parameter buffer that an optimizer updates in one loop.
#pragma once

#include <string>

#include "../core/error.hpp"

namespace mmdl {

/// Numbers [begin, end) of the flat buffer. `decay` is false for biases and batch-norm parameters.
struct ParameterRange {
  long begin = 0;
  long end = 0;
  bool decay = true;
};

namespace detail {

/// Throws unless low <= value and value < high (NaN is refused).
inline void check_option(const char* option, float value, float low, float high, const char* expected) {
  if (!(value >= low && value < high)) fail(option, std::to_string(value), expected);
}

inline constexpr float no_limit = 3.0e38f;
inline constexpr long update_grain = 1L << 14;  // numbers a thread takes at least: below, threads cost more

}  // namespace detail
}  // namespace mmdl
