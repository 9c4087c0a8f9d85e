// SPDX-License-Identifier: Apache-2.0
// Dropout whose mask is drawn anew in the backward instead of being kept.
#pragma once

#include <cstdint>

#include "../../core/random.hpp"
#include "activation.hpp"

namespace mmdl::detail {

/// In training y = x / keep with probability keep = 1 - rate_percent / 100, else 0; otherwise y = x. The
/// output may be the input. The mask is a function of (seed, step, node, element): neither the number of
/// threads nor the time of the call changes it. PyTorch: `dropout(x, p)` (its random numbers are others).
template <class T>
struct CpuKernel<operators::Dropout, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    apply(*a.node, a.samples, a.training, a.random, a.inputs[0], a.output, false);
  }

  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    apply(*a.node, a.samples, a.training, a.random, a.output_gradient, a.input_gradients[0], a.accumulate[0]);
  }

 private:
  static void apply(const Node& node, int samples, bool training, const RandomKey& key, const T* from, T* to,
                    bool accumulate) {
    const long count = samples * node.output.size();
    if (!training || node.rate_percent == 0) {
      parallel_chunks(count, [&](long i, long length) { store(from + i, to + i, length, accumulate); });
      return;
    }
    // The highest bit keeps these streams apart from those of initial weights and of shuffling.
    const std::uint64_t stream =
        (std::uint64_t{1} << 63) | (key.step << 20) | static_cast<std::uint64_t>(node.source);
    const std::uint64_t dropped =
        (std::uint64_t{1} << 32) * static_cast<std::uint64_t>(node.rate_percent) / 100;
    const Wide<T> scale =
        node.rate_percent < 100 ? Wide<T>{100} / static_cast<Wide<T>>(100 - node.rate_percent) : Wide<T>{0};
    static_assert(chunk_length % 4 == 0 && parallel_grain % 4 == 0, "four numbers are drawn at a time");
    parallel_chunks(count, [&](long begin, long length) {
      Wide<T> factors[chunk_length];
      for (long i = 0; i < length; i += 4) {
        const auto bits = random_bits(key.seed, stream, static_cast<std::uint64_t>(begin + i) / 4);
        for (long j = 0; j < 4; ++j)
          factors[i + j] = bits[static_cast<unsigned>(j)] >= dropped ? scale : Wide<T>{0};
      }
      const T* x = from + begin;
      T* y = to + begin;
      if (accumulate) {
        MMDL_SIMD
        for (long i = 0; i < length; ++i) y[i] += x[i] * factors[i];
      } else {
        MMDL_SIMD
        for (long i = 0; i < length; ++i) y[i] = x[i] * factors[i];
      }
    });
  }
};

}  // namespace mmdl::detail
