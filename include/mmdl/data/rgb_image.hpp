// SPDX-License-Identifier: Apache-2.0
// A picture in memory: 8-bit RGB of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../core/error.hpp"

namespace mmdl {

/// A picture: `height` rows of `width` pixels of red, green and blue, 0 to 255, without padding (HWC order).
/// Its size is a run-time value, unlike a tensor's. PyTorch: a `uint8` tensor of shape (height, width, 3).
struct RgbImage {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;  ///< width * height * 3 numbers

  RgbImage() = default;
  /// A black picture. Throws `Error` when an extent is below 1.
  RgbImage(int width_, int height_) : width(width_), height(height_) {
    if (width < 1 || height < 1)
      detail::fail("RgbImage", std::to_string(width) + "x" + std::to_string(height), "1x1 or more");
    pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  }

  /// Where the three numbers of the pixel in column `x` of row `y` begin. Not range-checked.
  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }

  friend bool operator==(const RgbImage&, const RgbImage&) = default;

 private:
  std::size_t offset(int x, int y) const {
    return 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x));
  }
};

/// How an image is decoded.
struct DecodeOptions {
  /// When both are above 0: the size the picture will be shrunk to. A JPEG at least 4 times that large in
  /// both directions is decoded at 1/2, 1/4 or 1/8 of its size, but never below twice the target (the DCT is
  /// scaled, several times faster), so the size of the result is not that of the file. Turned by Exif's
  /// orientation like the picture.
  int target_width = 0, target_height = 0;
  /// Images with more pixels are refused before memory is taken for them.
  std::int64_t max_pixels = std::int64_t{1} << 28;
};

namespace detail {

/// The size of an image file's header, checked against the limit.
inline void check_size(const std::string& place, std::int64_t width, std::int64_t height,
                       const DecodeOptions& options) {
  if (width < 1 || height < 1 || width > options.max_pixels / height)
    fail(place, "an image of " + std::to_string(width) + "x" + std::to_string(height) + " pixels",
         "1 to " + std::to_string(options.max_pixels) + " pixels");
}

/// A picture about to be encoded.
inline void check_image(const std::string& place, const RgbImage& image, int max_extent) {
  const std::string size = std::to_string(image.width) + "x" + std::to_string(image.height);
  if (image.width < 1 || image.height < 1 || image.width > max_extent || image.height > max_extent)
    fail(place, "an image of " + size, "1 to " + std::to_string(max_extent) + " pixels a side");
  if (image.pixels.size() !=
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3)
    fail(place, std::to_string(image.pixels.size()) + " numbers for an image of " + size,
         "width * height * 3 numbers");
}

}  // namespace detail
}  // namespace mmdl
