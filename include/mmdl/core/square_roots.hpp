// SPDX-License-Identifier: Apache-2.0
// Square roots of an array. std::sqrt may set errno, which keeps compilers from vectorising a loop around it.
#pragma once

#include <cmath>
#include <cstring>

namespace mmdl::detail {

/// y[i] = sqrt(x[i]) of floats or doubles, correctly rounded like std::sqrt; NaN below zero. `y` may be `x`.
template <class T>
void square_roots(const T* x, T* y, long count) {
  long i = 0;
#if defined(__SSE2__) && !defined(__CUDACC__)
  typedef T Lanes __attribute__((vector_size(16)));
  constexpr long lanes = 16 / static_cast<long>(sizeof(T));
  for (; i + lanes <= count; i += lanes) {
    Lanes values;
    std::memcpy(&values, x + i, sizeof values);
    if constexpr (sizeof(T) == 4)
      values = __builtin_ia32_sqrtps(values);
    else
      values = __builtin_ia32_sqrtpd(values);
    std::memcpy(y + i, &values, sizeof values);
  }
#endif
  for (; i < count; ++i) y[i] = std::sqrt(x[i]);
}

}  // namespace mmdl::detail
