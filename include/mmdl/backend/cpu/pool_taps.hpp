// SPDX-License-Identifier: Apache-2.0
// The places of a window along one axis that lie in the input.
#pragma once

namespace mmdl::detail {

/// Taps [begin, end) of a window whose first tap lies at `origin`.
struct PoolTaps {
  long begin = 0, end = 0;
  long count() const { return end - begin; }

  PoolTaps(long origin, long taps, long dilation, long extent) {
    while (begin < taps && origin + begin * dilation < 0) ++begin;
    for (end = begin; end < taps && origin + end * dilation < extent;) ++end;
  }
};

}  // namespace mmdl::detail
