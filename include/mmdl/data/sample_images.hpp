// SPDX-License-Identifier: Apache-2.0
// The images of a manifest as network input: decoded, kept in memory where there is room, varied, normalised.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../data/augmentation.hpp"
#include "../data/image.hpp"
#include "../data/manifest_builder.hpp"
#include "../data/transform.hpp"

namespace mmdl {

/// How pictures become the numbers of a network's input.
struct ImageOptions {
  Normalisation normalisation = Normalisation::imagenet();
  Augmentation augmentation = {};  ///< for training; off in the beginning
  Fit fit = Fit::stretch;
  /// Pictures are kept in memory, decoded and shrunk, up to this many bytes, and decoded once only.
  std::size_t cache_bytes = 0;
};

namespace detail {

/// What `load` writes depends on its arguments alone, cached or not.
class SampleImages {
 public:
  SampleImages(std::string root, std::size_t samples, const ImageOptions& options, std::uint64_t seed,
               int width, int height)
      : root_(std::move(root)),
        options_(options),
        seed_(seed),
        width_(width),
        height_(height),
        cache_(samples) {
    check_augmentation(options_.augmentation);
    check_normalisation(options_.normalisation);
    // A crop of the smallest area should still have the pixels of the network's input.
    const double margin = options_.augmentation.random_crop
                              ? 1 / std::sqrt(static_cast<double>(options_.augmentation.min_area))
                              : 1.0;
    kept_width_ = static_cast<int>(std::ceil(width * std::min(margin, 8.0)));
    kept_height_ = static_cast<int>(std::ceil(height * std::min(margin, 8.0)));
  }

  /// Sample number `index` in an epoch, as height x width x 3 numbers. Different samples may be loaded at
  /// once on several threads, the same one may not. Throws `Error` when its image cannot be used.
  void load(const std::string& image, int epoch, int index, std::span<float> out) {
    RgbImage& cached = cache_[static_cast<std::size_t>(index)];
    RgbImage fresh;
    if (cached.pixels.empty()) {
      fresh = shrunk(image);
      const std::size_t bytes = fresh.pixels.size();
      if (cached_bytes_.fetch_add(bytes) + bytes <= options_.cache_bytes) {
        cached = std::move(fresh);
        cached.pixels.shrink_to_fit();
      } else {
        cached_bytes_.fetch_sub(bytes);
      }
    }
    const RgbImage& picture = cached.pixels.empty() ? fresh : cached;
    Random random = augmentation_random(seed_, epoch, index);
    normalise(augment(picture, options_.augmentation, options_.fit, width_, height_, random),
              options_.normalisation, out);
  }

  std::size_t cached_bytes() const { return cached_bytes_.load(); }

 private:
  /// The picture with no more pixels than are of use: of the input's size where every epoch shows it whole,
  /// else in its own proportions and large enough for crops.
  RgbImage shrunk(const std::string& image) const {
    DecodeOptions decoding;
    decoding.target_width = kept_width_;
    decoding.target_height = kept_height_;
    RgbImage picture = read_image((std::filesystem::path(root_) / image).string(), decoding);
    if (!options_.augmentation.random_crop) {
      Random unused(0);
      return augment(picture, {}, options_.fit, width_, height_, unused);
    }
    const double scale = std::max(static_cast<double>(kept_width_) / picture.width,
                                  static_cast<double>(kept_height_) / picture.height);
    if (scale >= 1) return picture;
    return resize(picture, std::max(1, static_cast<int>(std::lround(picture.width * scale))),
                  std::max(1, static_cast<int>(std::lround(picture.height * scale))));
  }

  std::string root_;
  ImageOptions options_;
  std::uint64_t seed_;
  int width_, height_, kept_width_ = 0, kept_height_ = 0;
  std::vector<RgbImage> cache_;
  std::atomic<std::size_t> cached_bytes_{0};
};

}  // namespace detail
}  // namespace mmdl
