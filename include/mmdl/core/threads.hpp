// SPDX-License-Identifier: Apache-2.0
// Parallel loops: OpenMP where the program is compiled with it, the same result without it.
#pragma once

#ifdef _OPENMP
#  include <omp.h>
#endif

namespace mmdl {

/// Threads that a parallel loop uses: OMP_NUM_THREADS or the number of cores; 1 without OpenMP.
inline int thread_count() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Sets the number of threads of the loops that follow (without effect without OpenMP). PyTorch:
/// `torch.set_num_threads`.
inline void set_thread_count([[maybe_unused]] int count) {
#ifdef _OPENMP
  omp_set_num_threads(count < 1 ? 1 : count);
#endif
}

namespace detail {

/// A thread's part, compiled once for all the places that start it.
template <class Body>
[[gnu::noinline]] void run_part(const Body& body, int thread, int threads) {
  body(thread, threads);
}

/// Calls `body(thread, threads)` once on each thread. `threads` is what the caller must divide its work by.
template <class Body>
void parallel(const Body& body) {
#ifdef _OPENMP
  if (omp_in_parallel() || omp_get_max_threads() == 1) {
    run_part(body, 0, 1);
    return;
  }
#  pragma omp parallel
  run_part(body, omp_get_thread_num(), omp_get_num_threads());
#else
  body(0, 1);
#endif
}

/// Calls `body(begin, end)` on contiguous parts of [0, count), one part a thread, each but the last a
/// multiple of `grain` long. The split depends on the thread count alone, so a run is reproducible.
template <class Body>
void parallel_ranges(long count, long grain, const Body& body) {
  const long pieces = (count + grain - 1) / grain;
  if (pieces <= 1) {
    if (count > 0) body(0L, count);
    return;
  }
  parallel([&](int thread, int threads) {
    const long begin = pieces * thread / threads * grain;
    const long end = pieces * (thread + 1) / threads * grain;
    if (begin < count) body(begin, end < count ? end : count);
  });
}

}  // namespace detail
}  // namespace mmdl
