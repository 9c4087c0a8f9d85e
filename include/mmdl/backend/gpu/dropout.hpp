// SPDX-License-Identifier: Apache-2.0
// Dropout with the CPU's masks: the same seed and step drop the same numbers.
#pragma once

#include "elementwise.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Dropout, T>`; seed and step are read on the device, so a captured step
/// draws anew each time.
template <class T>
struct GpuKernel<operators::Dropout, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    record(commands, *a.node, a.samples, a.training, a.inputs[0], a.output, false);
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    record(commands, *a.node, a.samples, a.training, a.output_gradient, a.input_gradients[0],
           a.accumulate[0]);
  }

 private:
  static void record(GpuCommands& commands, const Node& node, int samples, bool training, const T* from,
                     T* to, bool accumulate) {
    const long count = samples * node.output.size();
    if (!training || node.rate_percent == 0) {
      if (from == to) return;
      ElementwiseKernelOf<T>("dropout_idle", "y0 = x0;")
          .read(from)
          .write(to, accumulate)
          .launch(commands, count);
      return;
    }
    const unsigned long long dropped =
        (1ULL << 32) * static_cast<unsigned long long>(node.rate_percent) / 100;
    const float scale = node.rate_percent < 100 ? 100.0f / static_cast<float>(100 - node.rate_percent) : 0.0f;
    ElementwiseKernelOf<T>("dropout",
                           "const Bits64* state = (const Bits64*)a.p[EXTRA];\n"
                           "const Bits64 stream = (1ull << 63) | (state[1] << 20) | (Bits64)NODE;\n"
                           "const FourWords four = random_bits(state[0], stream, (Bits64)i / 4);\n"
                           "y0 = (Bits64)four.w[i % 4] >= (Bits64)DROPPED ? x0 * a.f[0] : x0 * 0.0f;")
        .read(from)
        .write(to, accumulate)
        .extra(commands.step_state)
        .set("NODE", node.source)
        .set("DROPPED", static_cast<long>(dropped))
        .factor(scale)
        .launch(commands, count);
  }
};

}  // namespace mmdl::detail
