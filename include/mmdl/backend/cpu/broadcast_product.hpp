// SPDX-License-Identifier: Apache-2.0
// A map times a factor that is the same for all its channels, or for all its pixels.
#pragma once

#include <algorithm>

#include "activation.hpp"

namespace mmdl::detail {

/// y[pixel][c] = x[pixel][c] * f, the second input f being of one channel (f[pixel]), of one pixel (f[c]), or
/// one number. PyTorch: `x * f` by its broadcasting rules.
template <class T>
struct CpuKernel<operators::BroadcastProduct, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const Steps steps(a.extents[1]);
    const long pixels = a.node->output.pixels(), channels = a.node->output.channels;
    parallel_ranges(a.samples * pixels, parallel_grain / channels + 1, [&](long begin, long end) {
      for (long pixel = begin; pixel < end; ++pixel) {
        const T* x = a.inputs[0] + pixel * channels;
        const T* factor = a.inputs[1] + steps.place(pixel, pixels);
        T* y = a.output + pixel * channels;
        for (long c = 0; c < channels; ++c) y[c] = x[c] * factor[c * steps.channel];
      }
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    const Steps steps(a.extents[1]);
    const long pixels = a.node->output.pixels(), channels = a.node->output.channels;
    // A sample at a time: its factor's gradient first, since that of x may lie in the array of dy.
    parallel_ranges(a.samples, parallel_grain / a.node->output.size() + 1, [&](long begin, long end) {
      for (long sample = begin; sample < end; ++sample) {
        const long first = sample * pixels;
        const T *x = a.inputs[0] + first * channels, *dy = a.output_gradient + first * channels;
        const T* factor = a.inputs[1] + steps.place(first, pixels);
        if (a.input_gradients[1] != nullptr)
          factor_gradient(steps, pixels, channels, x, dy, a.input_gradients[1] + steps.place(first, pixels),
                          a.accumulate[1]);
        if (a.input_gradients[0] == nullptr) continue;
        T* dx = a.input_gradients[0] + first * channels;
        for (long pixel = 0; pixel < pixels; ++pixel)
          for (long c = 0; c < channels; ++c) {
            const Wide<T> f = factor[pixel * steps.pixel + c * steps.channel];
            const long i = pixel * channels + c;
            const Wide<T> gradient = dy[i] * f;
            dx[i] = a.accumulate[0] ? dx[i] + gradient : gradient;
          }
      }
    });
  }

 private:
  /// From one number of the factor to the next: over a pixel, a channel, a sample.
  struct Steps {
    explicit Steps(Extent factor)
        : pixel(factor.pixels() > 1 ? factor.channels : 0),
          channel(factor.channels > 1 ? 1 : 0),
          sample(factor.size()) {}
    long place(long pixel_of_batch, long pixels) const {
      return pixel_of_batch / pixels * sample + pixel_of_batch % pixels * pixel;
    }
    long pixel, channel, sample;
  };

  static void factor_gradient(const Steps& steps, long pixels, long channels, const T* x, const T* dy, T* to,
                              bool accumulate) {
    const auto put = [&](long i, Wide<T> sum) { to[i] = accumulate ? to[i] + sum : sum; };
    if (steps.channel == 0) {  // one number for each pixel, or one in all
      Wide<T> total = 0;
      for (long pixel = 0; pixel < pixels; ++pixel) {
        Wide<T> sum = 0;
        for (long i = pixel * channels; i < (pixel + 1) * channels; ++i) sum += wide(x[i]) * wide(dy[i]);
        if (steps.pixel > 0) put(pixel, sum);
        total += sum;
      }
      if (steps.pixel == 0) put(0, total);
      return;
    }
    Wide<T> sums[chunk_length];
    for (long first = 0; first < channels; first += chunk_length) {
      const long count = std::min(channels - first, static_cast<long>(chunk_length));
      std::fill_n(sums, count, Wide<T>{});
      for (long pixel = 0; pixel < pixels; ++pixel)
        for (long c = 0; c < count; ++c) {
          const long i = pixel * channels + first + c;
          sums[c] += wide(x[i]) * wide(dy[i]);
        }
      for (long c = 0; c < count; ++c) put(first + c, sums[c]);
    }
  }
};

}  // namespace mmdl::detail
