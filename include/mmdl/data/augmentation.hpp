// SPDX-License-Identifier: Apache-2.0
// Random crops and mirror images for training, the same for a seed on any number of threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "../core/error.hpp"
#include "../core/random.hpp"
#include "../data/rgb_image.hpp"
#include "../data/transform.hpp"

namespace mmdl {

/// What training varies from epoch to epoch. Off unless asked for.
struct Augmentation {
  bool flip = false;         ///< mirror left to right, every second time
  bool random_crop = false;  ///< take a random part of the picture instead of the whole
  float min_area = 0.25f;    ///< the smallest part of the picture's area that a crop may keep, in (0, 1]
  float max_aspect =
      4.0f / 3.0f;  ///< a crop's proportions change by at most this factor either way, 1 or more
};

/// How a whole picture comes to the proportions of the network's input.
enum class Fit {
  stretch,      ///< all of it, its proportions changed
  centre_crop,  ///< the largest part in its middle that has the right proportions
};

/// Throws `Error` when an option is out of its range.
inline void check_augmentation(const Augmentation& augmentation) {
  if (!(augmentation.min_area > 0 && augmentation.min_area <= 1))
    detail::fail("Augmentation: min_area", std::to_string(augmentation.min_area), "above 0, at most 1");
  if (!(augmentation.max_aspect >= 1 && augmentation.max_aspect <= 100))
    detail::fail("Augmentation: max_aspect", std::to_string(augmentation.max_aspect), "1 to 100");
}

/// The random numbers of one sample in one epoch: they depend on nothing else, such as the number of threads.
/// `epoch` and `sample` are 0 or more.
inline Random augmentation_random(std::uint64_t seed, int epoch, int sample) {
  // The constant keeps these streams apart from those of the same seed's weights and shuffles.
  return Random(seed ^ 0x6175676D656E7421U,
                static_cast<std::uint64_t>(epoch) << 32 | static_cast<std::uint32_t>(sample));
}

/// A random part of a picture: its area uniform in [min_area, 1] of the whole, its proportions those of the
/// picture, or of `aspect` = width / height where that is above 0, times a factor log-uniform in
/// [1 / max_aspect, max_aspect]; ten draws, then the middle of the picture.
/// PyTorch: `torchvision.transforms.RandomResizedCrop.get_params` (there `aspect` is 1).
/// Source: Szegedy et al., "Going Deeper with Convolutions", section 6.
inline Box random_box(const RgbImage& image, const Augmentation& augmentation, Random& random,
                      double aspect = 0) {
  const double area = static_cast<double>(image.width) * image.height;
  const double centre = aspect > 0 ? aspect : static_cast<double>(image.width) / image.height;
  const double log_range = std::log(static_cast<double>(augmentation.max_aspect));
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double part = static_cast<double>(random.uniform(augmentation.min_area, 1.0f)) * area;
    const double shape = centre * std::exp(log_range * static_cast<double>(random.uniform(-1.0f, 1.0f)));
    const double wide = std::round(std::sqrt(part * shape)), high = std::round(std::sqrt(part / shape));
    if (wide < 1 || high < 1 || wide > image.width || high > image.height) continue;
    const int width = static_cast<int>(wide), height = static_cast<int>(high);
    const int x = random.below(image.width - width + 1);
    return {x, random.below(image.height - height + 1), width, height};
  }
  if (aspect > 0)
    return centre_box(image, std::max(1, static_cast<int>(std::lround(1000 * std::min(1.0, aspect)))),
                      std::max(1, static_cast<int>(std::lround(1000 * std::min(1.0, 1 / aspect)))));
  return {0, 0, image.width, image.height};
}

/// The picture as `width` x `height` pixels: a random part of it or all (by `fit`), mirrored or not.
/// Draws from `random` only what the options need. Throws `Error` for a size below 1x1 or an option out of
/// range.
inline RgbImage augment(const RgbImage& image, const Augmentation& augmentation, Fit fit, int width,
                        int height, Random& random) {
  check_augmentation(augmentation);
  if (width < 1 || height < 1)
    detail::fail("augment", std::to_string(width) + "x" + std::to_string(height), "a size of 1x1 or more");
  const double aspect = static_cast<double>(width) / height;
  const Box box = augmentation.random_crop
                      ? random_box(image, augmentation, random, fit == Fit::stretch ? 0 : aspect)
                  : fit == Fit::stretch ? Box{0, 0, image.width, image.height}
                                        : centre_box(image, width, height);
  RgbImage result = resize(image, width, height, box);
  return augmentation.flip && random.below(2) == 1 ? flip_horizontal(std::move(result)) : result;
}

}  // namespace mmdl
