// SPDX-License-Identifier: Apache-2.0
// Parallel loops whose division follows the threads' speeds.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "threads.hpp"

namespace mmdl::detail {

/// The units [0, count) of some work, in equal shares, one a thread. A thread takes its own share from the
/// front, half of what is left at a time, and then from the back of the others': a core that is slower, or
/// that somebody else uses too, does less, and nobody waits for it. (Blumofe and Leiserson, "Scheduling
/// multithreaded computations by work stealing", 1999.) As long as all are equally fast, each keeps its
/// share, and what its caches hold of it.
class WorkShares {
 public:
  WorkShares(long count, int threads) : shares_(std::min(threads, most_shares)) {
    for (int i = 0; i < shares_; ++i)
      share_[i].range.store(pack(count * i / shares_, count * (i + 1) / shares_), std::memory_order_relaxed);
  }

  /// Takes [begin, end), at least `grain` units where as many are left of a share; false if all are taken.
  bool take(int thread, long grain, long& begin, long& end) {
    for (int i = 0; i < shares_; ++i) {
      const int share = (thread + i) % shares_;
      if (take_of(share, share == thread, grain, begin, end)) return true;
    }
    return false;
  }

 private:
  static constexpr int most_shares = 64;  // further threads help the others

  struct alignas(64) Share {
    std::atomic<std::uint64_t> range;  // what is left: the first unit in the lower half, the end in the upper
  };

  static std::uint64_t pack(long begin, long end) {
    return static_cast<std::uint64_t>(end) << 32 | static_cast<std::uint64_t>(begin);
  }

  bool take_of(int share, bool own, long grain, long& begin, long& end) {
    std::atomic<std::uint64_t>& range = share_[share].range;
    std::uint64_t left = range.load(std::memory_order_relaxed);
    for (;;) {
      const long first = static_cast<long>(left & 0xffffffffU), last = static_cast<long>(left >> 32);
      if (first == last) return false;
      const long size = std::min(last - first, std::max(grain, (last - first + 1) / 2));
      begin = own ? first : last - size;
      end = begin + size;
      if (range.compare_exchange_weak(left, own ? pack(end, last) : pack(first, begin),
                                      std::memory_order_relaxed))
        return true;
    }
  }

  int shares_;
  Share share_[most_shares];
};

/// Calls `body(thread, begin, end)` for parts of [0, count), `grain` or more units at a time, on all threads;
/// what is no more than a grain is done by the caller, for waking a thread would take longer. Which thread
/// does which unit is not fixed: no result may depend on it.
template <class Body>
void parallel_shares(long count, long grain, const Body& body) {
  if (count <= grain) {
    if (count > 0) body(0, 0L, count);
    return;
  }
  WorkShares shares(count, thread_count());
  parallel([&](int thread, int) {
    for (long begin, end; shares.take(thread, grain, begin, end);) body(thread, begin, end);
  });
}

}  // namespace mmdl::detail
