// SPDX-License-Identifier: Apache-2.0
// How the numbers of a long short-term memory lie, and which of its steps are used.
#pragma once

#include "gemm.hpp"
#include "kernel.hpp"

namespace mmdl::detail {

/// The sizes of an LSTM in one call. `used`: the steps up to the last that any sample of the batch has, at
/// least one; those behind it are absent in all.
struct LstmSizes {
  LstmSizes(const Node& node, long count)
      : samples(count),
        steps(node.input.pixels()),
        channels(node.input.channels),
        units(node.output.channels / 6),
        used(steps),
        state(node.input_count >= 3),
        mask(node.input_count % 2 == 0 ? node.input_count - 1 : 0) {}
  long rows() const { return samples * steps; }
  long used_rows() const { return samples * used; }
  long values() const { return 6 * units; }

  /// Whether the mask says that a step of a sample, row sample * steps + step, is not there.
  bool absent(const auto& inputs, long row) const { return mask > 0 && wide(inputs[mask][row]) == 0; }

  void find_used(const auto& inputs) {
    const auto lacks = [&](long step) {
      for (long sample = 0; sample < samples; ++sample)
        if (!absent(inputs, sample * steps + step)) return false;
      return true;
    };
    while (used > 1 && lacks(used - 1)) --used;
  }

  long samples, steps, channels, units, used;
  bool state;
  int mask;  ///< the input's number; 0: none
};

/// Where h and c before a step lie, sample n's at n * stride; null for zeros.
template <class W>
struct LstmState {
  LstmState(const LstmSizes& s, long t, const W* y, const W* first_h, const W* first_c)
      : h(t > 0 ? y + (t - 1) * s.values() : first_h),
        c(t > 0 ? h + s.units : first_c),
        stride(t > 0 ? s.steps * s.values() : s.units) {}
  const W *h, *c;
  long stride;
};

/// `count` numbers of each used step of each sample, or of the step before it, with zeros before the first.
template <class W>
PatchMatrix<W> of_used_steps(const LstmSizes& s, const W* data, long count, long stride, bool before) {
  if (!before && s.used == s.steps) return plain_matrix(data, s.rows(), count, stride);
  PatchMatrix<W> matrix = plain_matrix(data, s.samples, count, stride);
  matrix.sample_stride = s.steps * stride;
  matrix.width = matrix.grid_width = s.used;
  matrix.x0 = before ? -1 : 0;
  return matrix;
}

}  // namespace mmdl::detail
