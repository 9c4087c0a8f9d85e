// SPDX-License-Identifier: Apache-2.0
// The orientation that a camera notes in Exif data, and turning a picture by it.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "../data/rgb_image.hpp"

namespace mmdl::detail {

/// The orientation, 1 to 8, of Exif data that begins with its TIFF header; 1 where there is none or the data
/// make no sense (cameras write much that makes none, and the picture is good all the same).
/// Source: JEITA CP-3451 (Exif), tag 0x0112 of IFD 0.
inline int exif_orientation(std::span<const unsigned char> exif) {
  if (exif.size() < 8) return 1;
  const bool little = exif[0] == 'I' && exif[1] == 'I';
  if (!little && !(exif[0] == 'M' && exif[1] == 'M')) return 1;
  const auto number = [&](std::size_t place, int bytes) {
    std::size_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value = value << 8 | exif[place + static_cast<std::size_t>(little ? bytes - 1 - i : i)];
    return value;
  };
  if (number(2, 2) != 42) return 1;
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() - 2) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > exif.size()) return 1;
    if (number(entry, 2) != 0x0112) continue;
    const std::size_t type = number(entry + 2, 2), count = number(entry + 4, 4), value = number(entry + 8, 2);
    return type == 3 && count == 1 && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// Orientations 5 to 8 swap width and height.
inline bool orientation_swaps(int orientation) { return orientation >= 5; }

/// The picture as it is to be seen. 2: mirrored left to right, 3: turned by 180 degrees, 4: mirrored top to
/// bottom, 5: transposed, 6: turned right by 90 degrees, 7: transposed along the other diagonal, 8: turned
/// left.
inline RgbImage orient(RgbImage image, int orientation) {
  if (orientation <= 1) return image;
  const bool swap = orientation_swaps(orientation);
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  RgbImage result(swap ? image.height : image.width, swap ? image.width : image.height);
  for (int y = 0; y < result.height; ++y) {
    unsigned char* to = result.at(0, y);
    for (int x = 0; x < result.width; ++x, to += 3) {
      const int u = swap ? y : x, v = swap ? x : y;
      const unsigned char* from =
          image.at(mirror_x ? image.width - 1 - u : u, mirror_y ? image.height - 1 - v : v);
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
    }
  }
  return result;
}

}  // namespace mmdl::detail
