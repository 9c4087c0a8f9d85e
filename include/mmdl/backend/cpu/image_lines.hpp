// SPDX-License-Identifier: Apache-2.0
// Division of a batch of images among threads, by lines.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"

namespace mmdl::detail {

/// Calls `body(thread, sample, begin, end)` for lines [begin, end) of a sample's image: each thread has one
/// part of all the lines, cut where a sample ends. No more than `grain` lines are the caller's alone.
template <class Body>
void parallel_image_lines(long samples, long height, long grain, const Body& body) {
  const auto run = [&](long thread, long threads) {
    const long last = samples * height * (thread + 1) / threads;
    for (long line = samples * height * thread / threads; line < last;) {
      const long sample = line / height, end = std::min(last, (sample + 1) * height);
      body(thread, sample, line - sample * height, end - sample * height);
      line = end;
    }
  };
  if (samples * height <= grain)
    run(0, 1);
  else
    parallel(run);
}

}  // namespace mmdl::detail
