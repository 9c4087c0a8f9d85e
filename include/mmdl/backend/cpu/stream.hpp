// SPDX-License-Identifier: Apache-2.0
// Stores that pass by the caches, for arrays that do not fit them.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__linux__)
#  include <unistd.h>
#endif

#include "../../core/threads.hpp"
#include "vector.hpp"

namespace mmdl::detail {

#if defined(__x86_64__) && !defined(__CUDACC__)
inline constexpr bool has_streaming = true;
#else
inline constexpr bool has_streaming = false;
#endif

/// Bytes of an array from which on it is better written past the caches: an ordinary store first reads the
/// line that it changes, and pushes out another. Whoever reads it next does not find an array that large in
/// the caches. Where a core's second cache is large (2 MB), smaller arrays push out of it what is read.
inline long streaming_limit() {
#if defined(__linux__) && defined(_SC_LEVEL2_CACHE_SIZE)
  static const bool large = sysconf(_SC_LEVEL2_CACHE_SIZE) >= 2L << 20;
  if (large) return 3L << 20;
#endif
  return 8L << 20;
}

/// Whether an array of `bytes` is better written past the caches.
inline bool worth_streaming(const void* array, long bytes) {
  return has_streaming && bytes > streaming_limit() &&
         reinterpret_cast<std::uintptr_t>(array) % simd_bytes == 0;
}

/// The same for rows of numbers, which are written vector by vector: only whole ones.
template <class T>
bool worth_streaming_rows(const T* array, long rows, long length) {
  return length % simd_width<T> == 0 && worth_streaming(array, rows * length * static_cast<long>(sizeof(T)));
}

/// Stores a whole vector, to a place that is a multiple of its size. Before another thread reads it,
/// `streaming_done` is called.
template <class T, class V>
void stream_vector(T* place, const V& value) {
#if defined(__x86_64__) && !defined(__CUDACC__)
  if constexpr (sizeof(V) == simd_bytes && sizeof(T) == sizeof(Wide<T>)) {
#  if defined(__clang__)
    __builtin_nontemporal_store(value, reinterpret_cast<V*>(place));
#  else
    typedef float Floats __attribute__((vector_size(simd_bytes)));
    const Floats floats = std::bit_cast<Floats>(value);
    float* const to = reinterpret_cast<float*>(place);
#    if defined(__AVX512F__)
    __builtin_ia32_movntps512(to, floats);
#    elif defined(__AVX__)
    __builtin_ia32_movntps256(to, floats);
#    else
    __builtin_ia32_movntps(to, floats);
#    endif
#  endif
    return;
  }
#endif
  store_vector(place, value);
}

inline void streaming_done() {
#if defined(__x86_64__) && !defined(__CUDACC__)
  __builtin_ia32_sfence();
#endif
}

/// to[i] = body(V{}, i) for vectors V of numbers and, at the end, for single ones: on all threads, past the
/// caches. One loop, so that every array it reads is a stream of its own.
template <class T, class Body>
void stream_results(long count, long grain, T* to, const Body& body) {
  parallel_ranges(count, grain, [&](long begin, long end) {
    long i = begin;
    for (; i + simd_width<T> <= end; i += simd_width<T>) stream_vector(to + i, body(Simd<T>{}, i));
    for (; i < end; ++i) to[i] = body(Wide<T>{}, i);
    streaming_done();
  });
}

}  // namespace mmdl::detail
