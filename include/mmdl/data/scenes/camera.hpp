// SPDX-License-Identifier: Apache-2.0
// The air and the camera of the built-in scenes: fog, rain, snowfall, exposure, blur and sensor noise.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "painter.hpp"

namespace mmdl::detail::scenes {

/// Blends what is far into the fog; what it hides is seen no more.
inline void draw_fog(Painter& to) {
  Canvas& canvas = to.canvas;
  const Color air = jitter(to.random, {0.76f, 0.78f, 0.80f}, 0.05f);
  const std::uint32_t seed = to.random.bits();
  for (int row = 0; row < canvas.height(); ++row)
    for (int column = 0; column < canvas.width(); ++column) {
      const std::size_t i = canvas.place(column, row);
      const Point p = canvas.center(column, row);
      const float density = to.fog * (0.7f + 0.6f * fractal_noise(p.x * 2, p.y * 4, 2, seed));
      const float through = std::exp(-density * canvas.depth[i]);
      canvas.color[i] = mix(air, canvas.color[i], through);
      if (through < 0.22f) {
        canvas.owner[i] = 0;
        canvas.material[i] = Label::none;
      }
    }
}

inline void draw_rain(Painter& to) {
  Random& random = to.random;
  const float slant = random.uniform(-0.35f, 0.35f);
  Brush brush;
  brush.ghost = true;
  const int drops = 90 + random.below(90);
  for (int i = 0; i < drops; ++i) {
    const Point from{random.uniform(-0.1f, to.canvas.aspect() + 0.1f), random.uniform(-0.1f, 1)};
    const float length = random.uniform(0.06f, 0.16f);
    brush.opacity = random.uniform(0.25f, 0.55f);
    to.fill(Pose{}, Stroke{from, {from.x + slant * length, from.y + length}, 0.004f}, brush,
            [](Point, Point) {
              return Tint({1.1f, 1.12f, 1.16f});
            });
  }
}

inline void draw_snowfall(Painter& to) {
  Random& random = to.random;
  Brush brush;
  brush.ghost = true;
  const int flakes = 60 + random.below(120);
  for (int i = 0; i < flakes; ++i) {
    const float x = random.uniform(0, to.canvas.aspect()), y = random.uniform(),
                radius = random.uniform(0.005f, 0.014f);
    brush.opacity = random.uniform(0.5f, 0.9f);
    to.fill(Pose{}, Ellipse{x, y, radius, radius}, brush, [](Point, Point) { return Tint({1, 1, 1}); });
  }
}

/// The canvas as `width` x `height` pixels of 8 bits (rows of red, green, blue), through a camera whose
/// exposure, white balance, focus and noise differ from picture to picture.
inline std::vector<std::uint8_t> expose(Painter& from, int width, int height) {
  Random& random = from.random;
  const Canvas& canvas = from.canvas;
  const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const int factor = canvas.width() / width;
  std::vector<Color> pixels(count), blurred(count);
  const float share = 1 / static_cast<float>(factor * factor);
  const auto at = [width](int x, int y) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      Color sum{0, 0, 0};
      for (int j = 0; j < factor; ++j)
        for (int i = 0; i < factor; ++i)
          sum = sum + canvas.color[canvas.place(x * factor + i, y * factor + j)];
      pixels[at(x, y)] = sum * share;
    }
  if (random.uniform() < 0.35f) {  // out of focus: a 3x3 binomial blur, its strength drawn
    const float side = random.uniform(0.05f, 0.25f), middle = 1 - 2 * side;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        blurred[at(x, y)] =
            pixels[at(x, y)] * middle +
            (pixels[at(std::max(x - 1, 0), y)] + pixels[at(std::min(x + 1, width - 1), y)]) * side;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        pixels[at(x, y)] =
            blurred[at(x, y)] * middle +
            (blurred[at(x, std::max(y - 1, 0))] + blurred[at(x, std::min(y + 1, height - 1))]) * side;
  }
  const float exposure = random.uniform(0.78f, 1.2f), contrast = random.uniform(0.82f, 1.15f),
              grain = random.uniform(0.008f, 0.045f);
  const float saturation = random.uniform() < 0.04f ? 0.0f : random.uniform(0.65f, 1.15f);
  const float red = random.uniform(0.91f, 1.09f), green = random.uniform(0.95f, 1.05f),
              blue = random.uniform(0.91f, 1.09f);
  const Color balance{red * exposure, green * exposure, blue * exposure};
  const std::uint32_t seed = random.bits();
  std::vector<std::uint8_t> bytes(3 * count);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const Color c = pixels[at(x, y)] * balance;
      const float gray = 0.3f * c.r + 0.59f * c.g + 0.11f * c.b;
      const float channels[3] = {c.r, c.g, c.b};
      for (int k = 0; k < 3; ++k) {
        float value = mix(gray, channels[k], saturation);
        value = 0.5f + contrast * (value - 0.5f) + (1 - contrast) * -0.1f;
        float sum = -1.5f;  // three uniform numbers: near enough to normal, of deviation 1/2
        for (std::uint32_t term = 0; term < 3; ++term)
          sum += grid_noise(x, y, seed + 3 * static_cast<std::uint32_t>(k) + term);
        value = clamp01(value + 2 * grain * sum);
        bytes[3 * at(x, y) + static_cast<std::size_t>(k)] = static_cast<std::uint8_t>(value * 255 + 0.5f);
      }
    }
  return bytes;
}

}  // namespace mmdl::detail::scenes
