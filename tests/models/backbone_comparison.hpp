// SPDX-License-Identifier: Apache-2.0
// A backbone against the values of generate_backbones.py: each of its scales, then a classifier over the last
// one: inference, loss, every gradient, an optimizer's step, running statistics.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "network_comparison.hpp"

namespace comparison {

inline const SafetensorsFile& backbones_file() {
  static const SafetensorsFile opened(MMDL_GOLDEN_DIR "/backbones.safetensors");
  return opened;
}

template <class T>
void compare_tap(Comparison& compare, const T* values, long count, std::size_t tap) {
  const auto norms = compare.golden("tap_norms"), sums = compare.golden("tap_signed"),
             samples = compare.golden("tap_samples");
  double squares = 0.0;
  for (long i = 0; i < count; ++i) squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  compare.add("taps", std::sqrt(squares) - norms[tap], norms[tap]);
  compare.add("taps", signed_sum(values, count) - sums[tap], norms[tap]);
  double largest = 0.0;
  for (long i = 0; i < count; ++i) largest = std::max(largest, std::fabs(static_cast<double>(values[i])));
  for (std::size_t k = 0; k < samples_of_a_tensor; ++k)
    compare.add(
        "taps",
        static_cast<double>(values[count * static_cast<long>(k) / static_cast<long>(samples_of_a_tensor)]) -
            samples[tap * samples_of_a_tensor + k],
        largest);
}

template <class T, class B, int Size>
void compare_backbone(const std::string& name) {
  using Image = Shape<Size, Size, 3>;
  {
    Model<B, Image, Cpu<T>> model;
    set_by_formula(model, 0);
    const auto taps = model.predict(image<Image, T>(2));
    Comparison compare(backbones_file(), name);
    std::apply(
        [&](const auto&... tap) {
          std::size_t number = 0;
          (compare_tap(compare, tap.data(), static_cast<long>(tap.size()), number++), ...);
          CHECK(number == compare.golden("tap_norms").size());
        },
        taps);
    compare.verify<T>(1e-7);
  }
  compare_classifier<T, Sequential<MultiScale<B, NoFusion>, Linear<10>>, Size>(backbones_file(), name, 2, 0,
                                                                               1e-7);
}

}  // namespace comparison
