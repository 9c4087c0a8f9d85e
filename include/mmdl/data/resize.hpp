// SPDX-License-Identifier: Apache-2.0
// Cutting, and resizing with a triangle filter that widens when a picture shrinks, so that nothing is skipped
// (antialiasing).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../data/rgb_image.hpp"

namespace mmdl {

/// A rectangle of whole pixels in a picture; `x` and `y` are its upper left one.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
  friend bool operator==(const Box&, const Box&) = default;
};

namespace detail {

inline void check_box(const std::string& place, const RgbImage& image, const Box& box) {
  if (box.width < 1 || box.height < 1 || box.x < 0 || box.y < 0 || box.width > image.width ||
      box.height > image.height || box.x > image.width - box.width || box.y > image.height - box.height)
    fail(place,
         "a box of " + std::to_string(box.width) + "x" + std::to_string(box.height) + " at " +
             std::to_string(box.x) + "," + std::to_string(box.y),
         "one of 1x1 or more within " + std::to_string(image.width) + "x" + std::to_string(image.height));
}

/// For each number of a resized row or column: where its taps begin in the old one, and their weights, which
/// are whole numbers of 1 / 2^22 as in Pillow, so that both round alike.
struct ResizeTaps {
  static constexpr int fraction_bits = 22;
  int count = 0;                     ///< weights kept for each number, the last ones may be 0
  std::vector<int> first, length;    ///< of each number
  std::vector<std::int32_t> weight;  ///< count for each number

  /// The triangle filter max(0, 1 - |distance|), stretched by the ratio of the sizes when that is above 1.
  ResizeTaps(int from, int to, int offset) {
    const double ratio = static_cast<double>(from) / to, stretch = std::max(ratio, 1.0);
    count = static_cast<int>(std::ceil(stretch)) * 2 + 1;
    first.resize(static_cast<std::size_t>(to));
    length.resize(first.size());
    weight.resize(first.size() * static_cast<std::size_t>(count));
    std::vector<double> taps(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < first.size(); ++i) {
      const double centre = (static_cast<double>(i) + 0.5) * ratio;
      const int begin = std::max(0, static_cast<int>(centre - stretch + 0.5));
      const int end = std::min(from, static_cast<int>(centre + stretch + 0.5));
      double sum = 0;
      for (int k = begin; k < end; ++k) {
        double& tap = taps[static_cast<std::size_t>(k - begin)];
        tap = std::max(0.0, 1.0 - std::fabs((k - centre + 0.5) / stretch));
        sum += tap;
      }
      first[i] = offset + begin;
      length[i] = end - begin;
      for (int k = 0; k < end - begin; ++k)
        weight[i * static_cast<std::size_t>(count) + static_cast<std::size_t>(k)] = static_cast<std::int32_t>(
            std::lround(taps[static_cast<std::size_t>(k)] / sum * (1 << fraction_bits)));
    }
  }

  static std::uint8_t round(std::int32_t sum) {
    return static_cast<std::uint8_t>(std::clamp(sum >> fraction_bits, 0, 255));
  }
};

/// Each row of `box` to the width of `result`, whose height is the box's.
inline void resize_rows(const RgbImage& image, const Box& box, RgbImage& result) {
  const ResizeTaps taps(box.width, result.width, box.x);
  for (int y = 0; y < result.height; ++y) {
    std::uint8_t* to = result.at(0, y);
    const std::int32_t* weight = taps.weight.data();
    for (std::size_t x = 0; x < taps.first.size(); ++x, to += 3, weight += taps.count) {
      const std::uint8_t* from = image.at(taps.first[x], box.y + y);
      std::int32_t red = 1 << (ResizeTaps::fraction_bits - 1), green = red, blue = red;
      for (int k = 0; k < taps.length[x]; ++k, from += 3) {
        red += weight[k] * from[0];
        green += weight[k] * from[1];
        blue += weight[k] * from[2];
      }
      to[0] = ResizeTaps::round(red);
      to[1] = ResizeTaps::round(green);
      to[2] = ResizeTaps::round(blue);
    }
  }
}

/// The columns of `image` to the height of `result`, whose width is the same.
inline void resize_columns(const RgbImage& image, RgbImage& result) {
  const ResizeTaps taps(image.height, result.height, 0);
  const std::size_t row_size = static_cast<std::size_t>(image.width) * 3;
  std::vector<std::int32_t> sums(row_size);
  for (std::size_t y = 0; y < taps.first.size(); ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (ResizeTaps::fraction_bits - 1));
    for (int k = 0; k < taps.length[y]; ++k) {
      const std::int32_t weight =
          taps.weight[y * static_cast<std::size_t>(taps.count) + static_cast<std::size_t>(k)];
      const std::uint8_t* from = image.at(0, taps.first[y] + k);
      for (std::size_t i = 0; i < row_size; ++i) sums[i] += weight * from[i];
    }
    std::uint8_t* to = result.at(0, static_cast<int>(y));
    for (std::size_t i = 0; i < row_size; ++i) to[i] = ResizeTaps::round(sums[i]);
  }
}

}  // namespace detail

/// A part of a picture: `width` x `height` pixels, the upper left one in column `x` of row `y`.
/// Throws `Error` when `box` is empty or not within the picture. PyTorch:
/// `torchvision.transforms.functional.crop`.
inline RgbImage crop(const RgbImage& image, const Box& box) {
  detail::check_box("crop", image, box);
  RgbImage result(box.width, box.height);
  for (int y = 0; y < box.height; ++y)
    std::memcpy(result.at(0, y), image.at(box.x, box.y + y), static_cast<std::size_t>(box.width) * 3);
  return result;
}

/// The part `box` of a picture as `width` x `height` pixels, by linear interpolation when it grows and by a
/// triangle filter over all the pixels that fall together when it shrinks; rows first, then columns, each
/// rounded to whole levels. Equal to Pillow's `image.crop(box).resize((width, height), BILINEAR)` to within a
/// level. Throws `Error` when the size is below 1x1 or `box` is not within the picture. PyTorch:
/// `torchvision.transforms.functional.resize(..., antialias=True)` of a crop.
inline RgbImage resize(const RgbImage& image, int width, int height, const Box& box) {
  detail::check_box("resize", image, box);
  if (width < 1 || height < 1)
    detail::fail("resize", std::to_string(width) + "x" + std::to_string(height), "a size of 1x1 or more");
  if (width == box.width && height == box.height) return crop(image, box);
  RgbImage wide(width, box.height);
  detail::resize_rows(image, box, wide);
  if (height == box.height) return wide;
  RgbImage result(width, height);
  detail::resize_columns(wide, result);
  return result;
}

/// The whole picture as `width` x `height` pixels; its proportions are not kept.
inline RgbImage resize(const RgbImage& image, int width, int height) {
  return resize(image, width, height, {0, 0, image.width, image.height});
}

}  // namespace mmdl
