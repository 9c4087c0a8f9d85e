// SPDX-License-Identifier: Apache-2.0
// The images of golden/images: where they are, and the pixels expected of them (binary PPM).
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mmdl/core/file.hpp>
#include <mmdl/data/rgb_image.hpp>
#include <string>

inline std::string golden_image_path(const std::string& name) {
  return std::string(MMDL_GOLDEN_DIR) + "/images/" + name;
}

inline mmdl::RgbImage read_ppm(const std::string& name) {
  const std::string bytes = mmdl::read_file(golden_image_path(name + ".ppm"), 1 << 20);
  int width = 0, height = 0;
  REQUIRE(std::sscanf(bytes.c_str(), "P6 %d %d 255", &width, &height) == 2);
  mmdl::RgbImage image(width, height);
  REQUIRE(bytes.size() > image.pixels.size());
  std::memcpy(image.pixels.data(), bytes.data() + bytes.size() - image.pixels.size(), image.pixels.size());
  return image;
}

/// The largest difference of two numbers; 256 when the sizes differ.
inline int worst_difference(const mmdl::RgbImage& a, const mmdl::RgbImage& b) {
  if (a.width != b.width || a.height != b.height) return 256;
  int worst = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    worst = std::max(worst, std::abs(a.pixels[i] - b.pixels[i]));
  return worst;
}
