// SPDX-License-Identifier: Apache-2.0
// Square roots of an array. std::sqrt may set errno, which keeps compilers from vectorising a loop around it.
#pragma once

#include <cmath>

#ifdef __SSE2__
#  include <emmintrin.h>
#endif

namespace mmdl::detail {

/// y[i] = sqrt(x[i]), correctly rounded like std::sqrt; NaN below zero. `y` may be `x`.
inline void square_roots(const float* x, float* y, long count) {
  long i = 0;
#ifdef __SSE2__
  for (; i + 4 <= count; i += 4) _mm_storeu_ps(y + i, _mm_sqrt_ps(_mm_loadu_ps(x + i)));
#endif
  for (; i < count; ++i) y[i] = std::sqrt(x[i]);
}
inline void square_roots(const double* x, double* y, long count) {
  long i = 0;
#ifdef __SSE2__
  for (; i + 2 <= count; i += 2) _mm_storeu_pd(y + i, _mm_sqrt_pd(_mm_loadu_pd(x + i)));
#endif
  for (; i < count; ++i) y[i] = std::sqrt(x[i]);
}

}  // namespace mmdl::detail
