// SPDX-License-Identifier: Apache-2.0
// Surfaces of the built-in scenes: told apart by their structure, since their colours overlap.
#pragma once

#include <cmath>
#include <cstdint>

#include "../../core/random.hpp"
#include "canvas.hpp"

namespace mmdl::detail::scenes {

/// `color` with each channel moved by up to `amount`, and all together by as much.
inline Color jitter(Random& random, Color color, float amount) {
  const float all = random.uniform(-amount, amount);
  return {clamp01(color.r + all + random.uniform(-amount, amount)),
          clamp01(color.g + all + random.uniform(-amount, amount)),
          clamp01(color.b + all + random.uniform(-amount, amount))};
}

/// Any colour of paint or cloth, from pale to bright to dark.
inline Color any_color(Random& random) {
  const float hue = random.uniform(0, 6), value = random.uniform(0.25f, 0.95f);
  const float saturation = random.uniform(0.1f, 0.9f);
  const auto channel = [&](float shift) {
    const float h = std::fmod(hue + shift, 6.0f);
    return value * (1 - saturation * clamp01(2 - std::fabs(h - 3)));
  };
  return {channel(0), channel(2), channel(4)};
}

/// One of a few colours, jittered.
template <int Count>
Color one_of(Random& random, const Color (&colors)[Count], float amount) {
  return jitter(random, colors[random.below(Count)], amount);
}

/// A surface with its own colours, scale and seed. `at` is its colour at a point; one unit is the height of
/// the picture, and structures are a few hundredths of it.
struct Surface {
  Label material;
  Color base, second;
  std::uint32_t seed;
  float scale;     ///< of the structure, about 1
  bool alternate;  ///< a second variant: planks upright, stripes on a wall

  Color at(Point p) const {
    switch (material) {
      case Label::grass:
        return grass(p);
      case Label::sand:
        return sand(p);
      case Label::water:
        return water(p);
      case Label::snow:
        return snow(p);
      case Label::brick:
        return brick(p);
      case Label::wood:
        return wood(p);
      case Label::rock:
        return rock(p);
      case Label::flowers:
        return flowers(p);
      case Label::road:
        return road(p);
      default:
        return plaster(p);
    }
  }

 private:
  Color grass(Point p) const {
    const float lean = 0.03f * noise(p.x * 5, p.y * 5, seed + 9);
    const float blade = noise((p.x + lean) * 52 / scale, p.y * 15 / scale, seed);
    const float patch = fractal_noise(p.x * 4, p.y * 4, 2, seed + 1);
    return mix(base * 0.45f, second, clamp01(1.7f * blade - 0.45f)) * (0.7f + 0.6f * patch);
  }

  Color sand(Point p) const {
    const float grain = noise(p.x * 70, p.y * 70, seed) - 0.5f;
    const float bend = 0.12f * fractal_noise(p.x * 3, p.y * 3, 2, seed + 1);
    const float ripple = std::sin((p.y + bend) * 55 / scale);
    return base * (0.96f + 0.3f * grain + (alternate ? 0.07f * ripple : 0.02f * ripple));
  }

  Color water(Point p) const {
    const float drift = 2 * noise(p.x * 3, p.y * 8, seed + 3);
    const float wave = noise(p.x * 7 / scale + drift, p.y * 42 / scale, seed);
    const float glint = smooth_step(0.72f, 0.9f, noise(p.x * 14 / scale + drift, p.y * 60 / scale, seed + 1));
    return mix(mix(base * 0.7f, base, wave), second, 0.25f * wave + 0.45f * glint);
  }

  Color snow(Point p) const {
    const float drift = fractal_noise(p.x * 2.5f, p.y * 6, 3, seed);
    const float sparkle = grid_noise(floor_int(p.x * 64), floor_int(p.y * 64), seed) > 0.97f ? 0.12f : 0.0f;
    const Color c = mix(second, base, smooth_step(0.25f, 0.6f, drift));
    return c + Color{sparkle, sparkle, sparkle};
  }

  Color brick(Point p) const {
    const float high = 0.055f * scale, wide = 2.1f * high;
    const int row = floor_int(p.y / high);
    const float along = p.x / wide + ((row & 1) != 0 ? 0.5f : 0.0f);
    const int column = floor_int(along);
    const float u = along - static_cast<float>(column), v = p.y / high - static_cast<float>(row);
    const float own = grid_noise(column, row, seed), grain = noise(p.x * 60, p.y * 60, seed + 1);
    if (u < 0.09f || v < 0.18f) return second * (0.85f + 0.2f * grain);
    return base * (0.72f + 0.4f * own + 0.2f * (grain - 0.5f));
  }

  Color wood(Point p) const {
    if (alternate) p = {p.y, p.x};
    const float wide = 0.13f * scale;
    const int plank = floor_int(p.y / wide);
    const float v = p.y / wide - static_cast<float>(plank);
    const float own = grid_noise(plank, 0, seed);
    const float bend = 0.4f * noise(p.x * 3, p.y * 9, seed + 2);
    const float grain = fractal_noise(p.x * 4 + own * 50, (p.y / scale) * 48 + bend * 4, 2, seed + 1);
    if (v < 0.09f) return base * 0.35f;
    return mix(base * 0.6f, second, smooth_step(0.2f, 0.8f, grain)) * (0.8f + 0.35f * own);
  }

  Color rock(Point p) const {
    const float cell = 0.16f * scale;  // cracks run where the two nearest stones are equally near
    const float x = p.x / cell + noise(p.x * 12, p.y * 12, seed + 5),
                y = p.y / cell + noise(p.x * 12, p.y * 12, seed + 6);
    float near = 9, next = 9, own = 0;
    for (int j = floor_int(y) - 1; j <= floor_int(y) + 1; ++j)
      for (int i = floor_int(x) - 1; i <= floor_int(x) + 1; ++i) {
        const float dx = static_cast<float>(i) + grid_noise(i, j, seed) - x;
        const float dy = static_cast<float>(j) + grid_noise(i, j, seed + 1) - y;
        const float distance = dx * dx + dy * dy;
        if (distance < near) {
          next = near;
          near = distance;
          own = grid_noise(i, j, seed + 2);
        } else if (distance < next) {
          next = distance;
        }
      }
    const float grain = fractal_noise(p.x * 22, p.y * 22, 2, seed + 3);
    const float crack = smooth_step(0.0f, 0.14f, std::sqrt(next) - std::sqrt(near));
    return mix(base, second, grain) * ((0.35f + 0.65f * crack) * (0.65f + 0.5f * own));
  }

  Color flowers(Point p) const {
    const Color leaf = Color{0.16f, 0.36f, 0.12f} * (0.5f + noise(p.x * 40, p.y * 40, seed + 3));
    const float cell = 0.085f * scale;
    const float x = p.x / cell, y = p.y / cell;
    Color result = leaf;
    for (int j = floor_int(y - 0.5f); j <= floor_int(y + 0.5f); ++j)
      for (int i = floor_int(x - 0.5f); i <= floor_int(x + 0.5f); ++i) {
        if (grid_noise(i, j, seed + 4) < 0.12f) continue;
        const float dx = x - static_cast<float>(i) - 0.3f - 0.4f * grid_noise(i, j, seed);
        const float dy = y - static_cast<float>(j) - 0.3f - 0.4f * grid_noise(i, j, seed + 1);
        const float distance = std::sqrt(dx * dx + dy * dy);
        const float petal = 0.36f + 0.09f * std::cos(5 * std::atan2(dy, dx) + 6 * grid_noise(i, j, seed + 5));
        if (distance > petal) continue;
        const Color bloom = grid_noise(i, j, seed + 2) < 0.75f || !alternate ? base : second;
        result = distance < 0.13f ? Color{0.95f, 0.8f, 0.2f} : bloom * (0.8f + 0.3f * distance / petal);
      }
    return result;
  }

  Color road(Point p) const {
    const float grain = noise(p.x * 64, p.y * 64, seed) - 0.5f;
    return base * (0.95f + 0.22f * grain + 0.2f * (fractal_noise(p.x * 5, p.y * 5, 2, seed + 1) - 0.5f));
  }

  Color plaster(Point p) const {
    const float patch = fractal_noise(p.x * 3, p.y * 3, 2, seed);
    const bool stripe = alternate && std::sin(p.x * 40 / scale) > 0;
    return (stripe ? second : base) * (0.92f + 0.16f * patch);
  }
};

/// A surface of the kind, in one of its colours. `Label::none` is plaster or cloth.
inline Surface make_surface(Random& random, Label material) {
  static constexpr Color greens[] = {
      {0.30f, 0.52f, 0.16f}, {0.22f, 0.45f, 0.20f}, {0.48f, 0.55f, 0.22f}, {0.55f, 0.50f, 0.25f}};
  static constexpr Color sands[] = {
      {0.82f, 0.72f, 0.52f}, {0.78f, 0.62f, 0.45f}, {0.72f, 0.68f, 0.62f}, {0.86f, 0.80f, 0.68f}};
  static constexpr Color waters[] = {
      {0.16f, 0.36f, 0.55f}, {0.15f, 0.42f, 0.45f}, {0.30f, 0.38f, 0.42f}, {0.25f, 0.36f, 0.28f}};
  static constexpr Color earths[] = {
      {0.62f, 0.28f, 0.20f}, {0.55f, 0.38f, 0.25f}, {0.52f, 0.50f, 0.48f}, {0.72f, 0.60f, 0.44f}};
  static constexpr Color stones[] = {
      {0.52f, 0.52f, 0.54f}, {0.50f, 0.44f, 0.38f}, {0.38f, 0.40f, 0.42f}, {0.62f, 0.50f, 0.42f}};
  static constexpr Color blooms[] = {{0.85f, 0.15f, 0.18f},
                                     {0.92f, 0.72f, 0.15f},
                                     {0.86f, 0.45f, 0.65f},
                                     {0.92f, 0.90f, 0.88f},
                                     {0.50f, 0.28f, 0.72f}};
  Surface s{material, {}, {}, random.bits(), random.uniform(0.8f, 1.35f), random.uniform() < 0.5f};
  switch (material) {
    case Label::grass:
      s.base = one_of(random, greens, 0.06f);
      s.second = mix(s.base, {0.75f, 0.8f, 0.35f}, random.uniform(0.15f, 0.4f));
      break;
    case Label::sand:
      s.base = s.second = one_of(random, sands, 0.05f);
      break;
    case Label::water:
      s.base = one_of(random, waters, 0.06f);
      s.second = jitter(random, {0.78f, 0.84f, 0.88f}, 0.06f);
      break;
    case Label::snow:
      s.base = jitter(random, {0.90f, 0.92f, 0.95f}, 0.03f);
      s.second = jitter(random, {0.68f, 0.75f, 0.85f}, 0.05f);
      break;
    case Label::brick:
      s.base = one_of(random, earths, 0.06f);
      s.second = jitter(random, {0.72f, 0.70f, 0.66f}, 0.08f);
      break;
    case Label::wood:
      s.base = one_of(random, earths, 0.06f);
      s.second = mix(s.base, {0.92f, 0.80f, 0.62f}, random.uniform(0.2f, 0.5f));
      break;
    case Label::rock:
      s.base = one_of(random, stones, 0.05f);
      s.second = mix(s.base, {0.85f, 0.82f, 0.78f}, random.uniform(0.2f, 0.6f));
      break;
    case Label::flowers:
      s.base = one_of(random, blooms, 0.05f);
      s.second = one_of(random, blooms, 0.05f);
      break;
    case Label::road:
      s.base = s.second = jitter(random, {0.40f, 0.40f, 0.42f}, 0.07f);
      break;
    default:
      s.base = any_color(random);
      s.base = mix(s.base, {0.85f, 0.82f, 0.76f}, random.uniform(0.4f, 0.95f));
      s.second = s.base * random.uniform(0.75f, 0.92f);
      break;
  }
  return s;
}

/// A point of the ground as its surface sees it: structures shrink towards the horizon.
inline Point on_ground(Point p, float horizon, float aspect) {
  const float reach = std::max(1 - horizon, 0.05f);
  const float t = clamp01((p.y - horizon) / reach);
  const float spread = 1 / (0.35f + 0.65f * t);
  return {(p.x - 0.5f * aspect) * spread + 7, reach * std::log((0.35f + 0.65f * t) / 0.35f) / 0.65f + 7};
}

}  // namespace mmdl::detail::scenes
