// SPDX-License-Identifier: Apache-2.0
// How the numbers of a long short-term memory lie, and which of its rows count.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

/// The sizes of an LSTM in one call. At a step the samples up to the last that has it count: all without a
/// mask, and with one the fewer the more a batch is sorted by length, longest first.
struct LstmSizes {
  LstmSizes(const Node& node, long count)
      : samples(count),
        steps(node.input.pixels()),
        channels(node.input.channels),
        units(node.output.channels / 6),
        state(node.input_count >= 3),
        mask(node.input_count % 2 == 0 ? node.input_count - 1 : 0) {}
  long rows() const { return samples * steps; }
  long values() const { return 6 * units; }

  /// Whether the mask says that a step of a sample, row sample * steps + step, is not there.
  bool absent(const auto& inputs, long row) const { return mask > 0 && wide(inputs[mask][row]) == 0; }

  long count(const auto& inputs, long step) const {
    long last = samples;
    while (last > 0 && absent(inputs, (last - 1) * steps + step)) --last;
    return last;
  }
  /// The rows of all steps that count.
  long counted(const auto& inputs) const {
    long sum = 0;
    for (long step = 0; step < steps; ++step) sum += count(inputs, step);
    return sum;
  }

  long samples, steps, channels, units;
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

}  // namespace mmdl::detail
