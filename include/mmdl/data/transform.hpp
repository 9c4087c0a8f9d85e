// SPDX-License-Identifier: Apache-2.0
// Pictures cut, mirrored, resized, and turned into the numbers that a network takes.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "../core/error.hpp"
#include "../core/random.hpp"
#include "../data/resize.hpp"
#include "../data/rgb_image.hpp"

namespace mmdl {

/// The middle `width` x `height` pixels, rounded towards the upper left. Throws `Error` when the picture is
/// smaller. PyTorch: `torchvision.transforms.functional.center_crop`.
inline RgbImage centre_crop(const RgbImage& image, int width, int height) {
  return crop(image, {(image.width - width) / 2, (image.height - height) / 2, width, height});
}

/// `width` x `height` pixels from a place drawn uniformly. Throws `Error` when the picture is smaller.
/// PyTorch: `torchvision.transforms.RandomCrop`.
inline RgbImage random_crop(const RgbImage& image, int width, int height, Random& random) {
  detail::check_box("random_crop", image, {0, 0, width, height});
  const int x = random.below(image.width - width + 1);
  const int y = random.below(image.height - height + 1);
  return crop(image, {x, y, width, height});
}

/// The picture mirrored left to right. PyTorch: `torchvision.transforms.functional.hflip`.
inline RgbImage flip_horizontal(RgbImage image) {
  for (int y = 0; y < image.height; ++y)
    for (int left = 0, right = image.width - 1; left < right; ++left, --right)
      for (int c = 0; c < 3; ++c) std::swap(image.at(left, y)[c], image.at(right, y)[c]);
  return image;
}

/// The part of `image`, as large as possible and in its middle, with the proportions of `width` to `height`.
/// Throws `Error` when `width` or `height` is below 1.
inline Box centre_box(const RgbImage& image, int width, int height) {
  if (width < 1 || height < 1)
    detail::fail("centre_box", std::to_string(width) + "x" + std::to_string(height), "1x1 or more");
  const std::int64_t w = image.width, h = image.height;
  const bool wide = w * height > h * width;  // wider than wanted: the full height is kept
  const auto fit = [](std::int64_t extent, std::int64_t part, std::int64_t whole) {
    return static_cast<int>(std::max<std::int64_t>(1, (extent * part + whole / 2) / whole));
  };
  const int box_width = wide ? fit(h, width, height) : image.width;
  const int box_height = wide ? image.height : fit(w, height, width);
  return {(image.width - box_width) / 2, (image.height - box_height) / 2, box_width, box_height};
}

/// How 0 … 255 becomes what a network was trained on: (x / 255 - mean) / deviation, channel by channel.
/// PyTorch: `torchvision.transforms.Normalize` after `ToTensor`.
struct Normalisation {
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};  ///< red, green, blue

  /// The mean and deviation of ImageNet, as the networks of torchvision were trained.
  static constexpr Normalisation imagenet() { return {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}}; }
  /// x / 127.5 - 1, as MobileNet and Inception were trained.
  static constexpr Normalisation minus_one_to_one() { return {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}}; }
};

/// Throws `Error` when a number is not finite or a deviation is not above 0.
inline void check_normalisation(const Normalisation& normalisation) {
  for (std::size_t c = 0; c < 3; ++c) {
    if (!std::isfinite(normalisation.mean[c]))
      detail::fail("Normalisation: mean", std::to_string(normalisation.mean[c]), "a finite number");
    if (!std::isfinite(normalisation.deviation[c]) || !(normalisation.deviation[c] > 0))
      detail::fail("Normalisation: deviation", std::to_string(normalisation.deviation[c]),
                   "a number above 0");
  }
}

/// Writes one sample, height x width x 3 numbers (NHWC): out = (pixel / 255 - mean) / deviation.
/// Throws `Error` when `out` has another size, and as `check_normalisation`.
inline void normalise(const RgbImage& image, const Normalisation& normalisation, std::span<float> out) {
  if (out.size() != image.pixels.size())
    detail::fail("normalise", "room for " + std::to_string(out.size()) + " numbers",
                 std::to_string(image.pixels.size()));
  check_normalisation(normalisation);
  // A picture has at most 256 different values a channel: a table costs less than the arithmetic, and is
  // exact.
  std::array<std::array<float, 256>, 3> table;
  for (std::size_t c = 0; c < 3; ++c) {
    const double mean = static_cast<double>(normalisation.mean[c]);
    const double deviation = static_cast<double>(normalisation.deviation[c]);
    for (std::size_t value = 0; value < 256; ++value)
      table[c][value] = static_cast<float>((static_cast<double>(value) / 255.0 - mean) / deviation);
  }
  for (std::size_t i = 0; i < out.size(); i += 3)
    for (std::size_t c = 0; c < 3; ++c) out[i + c] = table[c][image.pixels[i + c]];
}

}  // namespace mmdl
