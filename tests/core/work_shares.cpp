// SPDX-License-Identifier: Apache-2.0
#include "mmdl/core/work_shares.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

namespace work_shares_test {

using namespace mmdl;

namespace {

/// How often each of `count` units is taken by threads that take turns as `turn` says: a thread, or -1.
template <class Turn>
std::vector<int> taken(long count, int threads, long grain, const Turn& turn) {
  detail::WorkShares shares(count, threads);
  std::vector<int> times(static_cast<std::size_t>(count));
  long begin = 0, end = 0;
  for (long step = 0; shares.take(turn(step), grain, begin, end); ++step) {
    REQUIRE(begin >= 0);
    REQUIRE(begin < end);
    REQUIRE(end <= count);
    for (long i = begin; i < end; ++i) ++times[static_cast<std::size_t>(i)];
  }
  return times;
}

}  // namespace

TEST_CASE("every unit is taken once, whichever threads come") {
  for (const long count : {0L, 1L, 2L, 7L, 64L, 1000L})
    for (const int threads : {1, 2, 3, 64, 100})
      for (const long grain : {1L, 5L, 2000L}) {
        const std::vector<int> once(static_cast<std::size_t>(count), 1);
        CHECK(taken(count, threads, grain, [](long) { return 0; }) == once);  // all by one, from the others
        CHECK(taken(count, threads, grain,
                    [=](long step) { return threads - 1 - static_cast<int>(step % threads); }) == once);
      }
}

TEST_CASE("threads of one speed keep to their own shares, from the front, half of what is left at a time") {
  detail::WorkShares shares(200, 2);
  long begin = 0, end = 0;
  const auto takes = [&](int thread, long first, long last) {
    return shares.take(thread, 10, begin, end) && begin == first && end == last;
  };
  CHECK(takes(0, 0, 50));
  CHECK(takes(1, 100, 150));
  CHECK(takes(0, 50, 75));
  CHECK(takes(1, 150, 175));
  CHECK(takes(0, 75, 88));
  CHECK(takes(0, 88, 98));
  CHECK(takes(0, 98, 100));
  CHECK(takes(0, 187, 200));  // from the back of the other's
  CHECK(takes(1, 175, 185));
  CHECK(takes(0, 185, 187));
  CHECK_FALSE(shares.take(0, 10, begin, end));
  CHECK_FALSE(shares.take(1, 10, begin, end));
}

TEST_CASE("a parallel loop of shares does each unit once") {
  const int threads = thread_count();
  for (const int count : {1, 3, 5}) {
    set_thread_count(count);
    std::vector<std::atomic<int>> times(1013);
    for (int round = 0; round < 50; ++round)
      detail::parallel_shares(1013, 2, [&](int thread, long begin, long end) {
        CHECK(thread < count);
        for (long i = begin; i < end; ++i) ++times[static_cast<std::size_t>(i)];
      });
    for (const std::atomic<int>& unit : times) REQUIRE(unit == 50);
  }
  set_thread_count(threads);
}

}  // namespace work_shares_test
