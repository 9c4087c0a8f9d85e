// SPDX-License-Identifier: Apache-2.0
// Square roots of an array. std::sqrt may set errno, which keeps compilers from vectorising a loop around it.
#pragma once

#include <cmath>
#include <cstring>

namespace mmdl::detail {

/// y[i] = sqrt(x[i]), correctly rounded like std::sqrt; NaN below zero. `y` may be `x`.
inline void square_roots(const float* x, float* y, long count) {
  long i = 0;
#if defined(__SSE2__) && !defined(__CUDACC__)
  typedef float Four __attribute__((vector_size(16)));
  for (; i + 4 <= count; i += 4) {
    Four values;
    std::memcpy(&values, x + i, sizeof values);
    values = __builtin_ia32_sqrtps(values);
    std::memcpy(y + i, &values, sizeof values);
  }
#endif
  for (; i < count; ++i) y[i] = std::sqrt(x[i]);
}
inline void square_roots(const double* x, double* y, long count) {
  long i = 0;
#if defined(__SSE2__) && !defined(__CUDACC__)
  typedef double Two __attribute__((vector_size(16)));
  for (; i + 2 <= count; i += 2) {
    Two values;
    std::memcpy(&values, x + i, sizeof values);
    values = __builtin_ia32_sqrtpd(values);
    std::memcpy(y + i, &values, sizeof values);
  }
#endif
  for (; i < count; ++i) y[i] = std::sqrt(x[i]);
}

}  // namespace mmdl::detail
