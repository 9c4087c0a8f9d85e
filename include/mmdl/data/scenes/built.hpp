// SPDX-License-Identifier: Apache-2.0
// Things that people build: each function paints one at a pose.
#pragma once

#include "painter.hpp"

namespace mmdl::detail::scenes {

/// Panes that are lit by night: some of them yellow, the rest dark.
inline Brush window_brush(const Painter& to, Brush brush, bool lit) {
  brush.emissive = lit && to.hour == Hour::night;
  return brush;
}

/// A house with a gable or hip roof, about 1.1 wide; bricks or planks show when it is large enough.
inline void draw_house(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  Brush brush = to.begin(Label::house, depth);
  const float half = random.uniform(0.42f, 0.62f), eaves = random.uniform(-0.62f, -0.5f);
  const bool large = pose.size > 0.42f;
  const Label texture =
      large && random.uniform() < 0.6f ? (random.uniform() < 0.5f ? Label::brick : Label::wood) : Label::none;
  const Surface wall = make_surface(random, texture);
  static constexpr Color roofs[] = {
      {0.55f, 0.25f, 0.18f}, {0.30f, 0.28f, 0.28f}, {0.42f, 0.32f, 0.25f}, {0.25f, 0.30f, 0.38f}};
  const Color roof = one_of(random, roofs, 0.05f), door = any_color(random) * 0.6f;
  const float ridge = random.uniform() < 0.5f ? 0.0f : 0.3f * half, overhang = half + 0.07f;
  Brush wall_brush = brush;
  wall_brush.material = texture;
  to.fill(pose, Rectangle{-half, eaves, half, 0}, wall_brush,
          [&](Point p, Point at) { return Tint(wall.at(at) * (1.0f - 0.15f * p.x)); });
  if (random.uniform() < 0.5f)
    to.fill(pose, Rectangle{0.18f, -0.98f, 0.28f, -0.7f}, brush,
            [&](Point, Point) { return Tint(roof * 0.8f); });
  Brush roof_brush = brush;
  if (to.winter) roof_brush.material = Label::snow;
  const Color top = to.winter ? Color{0.9f, 0.92f, 0.96f} : roof;
  to.fill(pose, Polygon{{{-overhang, eaves}, {overhang, eaves}, {ridge, -0.97f}, {-ridge, -0.97f}}, 4},
          roof_brush, [&](Point p, Point) { return Tint(top * (0.92f + 0.1f * std::sin(p.y * 70))); });
  const float door_x = random.uniform(-0.15f, 0.15f);
  to.fill(pose, Rectangle{door_x - 0.075f, -0.32f, door_x + 0.075f, 0}, brush,
          [&](Point, Point) { return Tint(door); });
  for (const float side : {-1.0f, 1.0f}) {
    const bool lit = random.uniform() < 0.75f;
    const float x = side * half * 0.62f;
    if (std::fabs(x - door_x) < 0.17f) continue;
    to.fill(pose, Rectangle{x - 0.1f, eaves + 0.1f, x + 0.1f, eaves + 0.3f}, brush, [&](Point, Point) {
      return Tint({0.88f, 0.87f, 0.84f});
    });
    to.fill(
        pose, Rectangle{x - 0.08f, eaves + 0.12f, x + 0.08f, eaves + 0.28f}, window_brush(to, brush, lit),
        [&](Point, Point) {
          return Tint(to.hour == Hour::night && lit ? Color{1.0f, 0.82f, 0.4f} : Color{0.25f, 0.32f, 0.4f});
        });
  }
}

/// A high building with a grid of windows, `wide` times its height in width.
inline void draw_tower(Painter& to, Pose pose, float depth, float wide) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::tower, depth);
  static constexpr Color walls[] = {{0.55f, 0.56f, 0.58f},
                                    {0.62f, 0.52f, 0.42f},
                                    {0.35f, 0.42f, 0.50f},
                                    {0.75f, 0.72f, 0.68f},
                                    {0.50f, 0.32f, 0.26f}};
  const Color wall = one_of(random, walls, 0.06f), glass = jitter(random, {0.28f, 0.36f, 0.45f}, 0.08f);
  const float half = 0.5f * wide, step = random.uniform(0.042f, 0.065f) / pose.size,
              bright = random.uniform(0.3f, 0.8f);
  const std::uint32_t seed = random.bits();
  const float roof = random.uniform();
  const auto pane = [&](Point p) {
    const float u = p.x / step - std::floor(p.x / step), v = p.y / step - std::floor(p.y / step);
    return u > 0.28f && v > 0.3f && p.y > -0.96f && p.y < -0.04f;
  };
  const auto lit = [&](Point p) {
    return grid_noise(floor_int(p.x / step), floor_int(p.y / step), seed) < bright;
  };
  if (roof < 0.3f)
    to.fill(pose, Polygon{{{-half, -0.99f}, {half, -0.99f}, {0, -1.16f}}, 3}, brush,
            [&](Point, Point) { return Tint(wall * 0.7f); });
  if (roof > 0.75f)
    to.fill(pose, Rectangle{-0.014f / pose.size, -1.2f, 0.014f / pose.size, -0.99f}, brush,
            [&](Point, Point) { return Tint(wall * 0.6f); });
  to.fill(pose, Rectangle{-half, -1, half, 0}, brush,
          [&](Point p, Point) { return Tint(pane(p) ? glass : wall * (1.0f - 0.3f * p.x / half)); });
  if (to.hour == Hour::night)
    to.fill(pose, Region{Box{-half, -1, half, 0}, [&](Point p) { return pane(p) && lit(p); }},
            window_brush(to, brush, true), [&](Point, Point) {
              return Tint({1.0f, 0.85f, 0.5f});
            });
}

/// A sailing boat, a motor boat or a rowing boat, about 1.3 long.
inline void draw_boat(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  Brush brush = to.begin(Label::boat, depth);
  const Color hull = any_color(random), trim = hull * 0.55f,
              sail = random.uniform() < 0.7f ? Color{0.93f, 0.92f, 0.88f} : any_color(random);
  const float kind = random.uniform();
  const auto flat = [](Color c) { return [c](Point p, Point) { return Tint(c * (0.95f - 0.15f * p.x)); }; };
  if (kind < 0.55f) {
    to.fill(pose, Rectangle{-0.02f, -1.0f, 0.02f, -0.2f}, brush, flat({0.35f, 0.28f, 0.22f}));
    to.fill(pose, Polygon{{{0.04f, -0.98f}, {0.04f, -0.26f}, {0.52f, -0.26f}}, 3}, brush, flat(sail));
    if (random.uniform() < 0.7f)
      to.fill(pose, Polygon{{{-0.05f, -0.88f}, {-0.05f, -0.26f}, {-0.42f, -0.26f}}, 3}, brush,
              flat(sail * 0.88f));
  } else if (kind < 0.85f) {
    to.fill(pose, Polygon{{{-0.35f, -0.2f}, {-0.28f, -0.52f}, {0.12f, -0.52f}, {0.25f, -0.2f}}, 4}, brush,
            flat({0.88f, 0.88f, 0.86f}));
    for (const float x : {-0.2f, 0.0f})
      to.fill(pose, Rectangle{x - 0.06f, -0.44f, x + 0.06f, -0.32f}, window_brush(to, brush, true),
              flat({0.3f, 0.35f, 0.42f}));
    to.fill(pose, Rectangle{-0.14f, -0.72f, -0.02f, -0.5f}, brush, flat(trim));
  } else {
    to.fill(pose, Stroke{{-0.1f, -0.3f}, {-0.55f, 0.02f}, 0.025f}, brush, flat({0.55f, 0.4f, 0.25f}));
  }
  to.fill(pose, Polygon{{{-0.62f, -0.24f}, {0.72f, -0.27f}, {0.48f, 0.02f}, {-0.46f, 0.02f}}, 4}, brush,
          flat(hull));
  to.fill(pose, Rectangle{-0.6f, -0.24f, 0.65f, -0.19f}, brush, flat(trim));
}

/// A car from the side, about 2 long and 0.9 high.
inline void draw_car(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::car, depth);
  const Color paint = any_color(random), tyre{0.08f, 0.08f, 0.09f};
  const bool van = random.uniform() < 0.3f;
  const float front = random.uniform(0.3f, 0.55f), rear = van ? -0.95f : random.uniform(-0.75f, -0.6f);
  const auto flat = [](Color c) {
    return [c](Point p, Point) { return Tint(c * (0.85f - 0.35f * (p.y + 0.4f))); };
  };
  to.fill(pose,
          Polygon{{{rear, -0.5f}, {rear + 0.2f, -0.92f}, {front - 0.22f, -0.92f}, {front + 0.1f, -0.5f}}, 4},
          brush, flat(paint));
  to.fill(pose,
          Polygon{{{rear + 0.12f, -0.52f}, {rear + 0.27f, -0.84f}, {-0.18f, -0.84f}, {-0.18f, -0.52f}}, 4},
          brush, flat({0.25f, 0.32f, 0.4f}));
  to.fill(pose, Polygon{{{-0.1f, -0.52f}, {-0.1f, -0.84f}, {front - 0.25f, -0.84f}, {front, -0.52f}}, 4},
          brush, flat({0.25f, 0.32f, 0.4f}));
  to.fill(pose, Polygon{{{-1, -0.5f}, {0.85f, -0.54f}, {1, -0.4f}, {1, -0.16f}, {-1, -0.16f}}, 5}, brush,
          flat(paint));
  for (const float x : {-0.58f, 0.56f}) {
    to.fill(pose, Ellipse{x, -0.18f, 0.2f, 0.2f}, brush, [&](Point, Point) { return Tint(tyre); });
    to.fill(pose, Ellipse{x, -0.18f, 0.09f, 0.09f}, brush, [&](Point, Point) {
      return Tint({0.65f, 0.65f, 0.66f});
    });
  }
  Brush lamp = window_brush(to, brush, true);
  to.fill(pose, Ellipse{0.94f, -0.4f, 0.07f, 0.06f}, lamp, [&](Point, Point) {
    return Tint({1.0f, 0.95f, 0.7f});
  });
}

/// A fence from `left` to `right` of the canvas: pickets or rails, of height `high`, standing at `y`.
inline void draw_fence(Painter& to, float left, float right, float y, float high, float depth) {
  Random& random = to.random;
  Brush brush = to.begin(Label::fence, depth);
  const Surface wood = make_surface(random, Label::wood);
  const bool painted = random.uniform() < 0.5f, pickets = random.uniform() < 0.65f;
  const Color white = mix(any_color(random), {0.92f, 0.92f, 0.9f}, 0.8f);
  if (!painted) brush.material = Label::wood;
  const float step = pickets ? high * random.uniform(0.3f, 0.42f) : high * random.uniform(0.9f, 1.4f);
  const float thick = pickets ? 0.55f * step : 0.14f * high;
  const auto paint = [&](Point p, Point) {
    return Tint(painted ? white * (0.9f + 0.1f * noise(p.x * 30, p.y * 8, wood.seed)) : wood.at({p.y, p.x}));
  };
  const auto inside = [&](Point p) {
    const float up = (y - p.y) / high, u = p.x - left - step * std::floor((p.x - left) / step);
    const bool rail = (up > 0.25f && up < 0.4f) || (up > 0.68f && up < 0.83f);
    const float peak = pickets ? 1 - 0.35f * std::fabs(u - 0.5f * thick) / thick : 1.0f;
    return rail || (u < thick && up < peak);
  };
  to.fill(Pose{}, Region{Box{left, y - high, right, y}, inside}, brush, paint);
}

/// A bridge over the whole width: arches of stone or a deck hung from two pylons. The deck is at `deck`.
inline void draw_bridge(Painter& to, float deck, float water, float depth) {
  Random& random = to.random;
  Brush brush = to.begin(Label::bridge, depth);
  const float aspect = to.canvas.aspect(), thick = random.uniform(0.035f, 0.06f);
  if (random.uniform() < 0.55f) {
    Surface stone = make_surface(random, Label::rock);
    stone.scale = 0.5f;
    const float span = random.uniform(0.28f, 0.5f), pier = 0.05f, shift = random.uniform(0, span);
    to.fill(Pose{},
            Region{Box{0, deck, aspect, water},
                   [&](Point p) {
                     const float u = p.x + shift - span * std::floor((p.x + shift) / span) - 0.5f * span;
                     const float half = 0.5f * span - pier,
                                 v = (water - p.y) / std::max(water - deck - thick, 0.01f);
                     return !(std::fabs(u) < half && v < std::sqrt(clamp01(1 - u * u / (half * half))));
                   }},
            brush, [&](Point p, Point) { return Tint(stone.at(p)); });
    return;
  }
  static constexpr Color steels[] = {{0.65f, 0.22f, 0.15f}, {0.35f, 0.38f, 0.42f}, {0.60f, 0.62f, 0.62f}};
  const Color steel = one_of(random, steels, 0.05f);
  const float high = std::min(deck - 0.04f, random.uniform(0.2f, 0.34f)),
              left = aspect * random.uniform(0.15f, 0.3f), right = aspect - left;
  const auto paint = [&](Point, Point) { return Tint(steel); };
  to.fill(Pose{}, Rectangle{0, deck, aspect, deck + thick}, brush, paint);
  for (const float x : {left, right})
    to.fill(Pose{}, Rectangle{x - 0.02f, deck - high, x + 0.02f, water}, brush, paint);
  to.fill(Pose{},
          Region{Box{0, deck - high, aspect, deck},
                 [&](Point p) {
                   const float middle = 0.5f * (left + right), half = 0.5f * (right - left);
                   const float nearest = p.x < middle ? left : right;
                   const bool between = p.x > left && p.x < right;
                   const float t =
                       between ? (p.x - middle) / half : 1 - std::fabs(p.x - nearest) / std::max(left, 0.01f);
                   const float cable = deck - high * (between ? 0.1f + 0.9f * t * t : clamp01(t));
                   const bool hanger = p.y > cable && p.x / 0.07f - std::floor(p.x / 0.07f) < 0.16f;
                   return std::fabs(p.y - cable) < 0.012f || hanger;
                 }},
          brush, paint);
}

/// A hot-air balloon with its basket, its foot at the pose.
inline void draw_balloon(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::balloon, depth);
  const Color first = any_color(random), second = any_color(random);
  const float stripes = static_cast<float>(4 + random.below(5));
  to.fill(pose, Rectangle{-0.09f, -0.13f, 0.09f, 0}, brush, [](Point, Point) {
    return Tint({0.45f, 0.3f, 0.16f});
  });
  for (const float side : {-1.0f, 1.0f})
    to.fill(pose, Stroke{{side * 0.08f, -0.12f}, {side * 0.16f, -0.36f}, 0.012f}, brush, [](Point, Point) {
      return Tint({0.3f, 0.25f, 0.2f});
    });
  to.fill(pose,
          Region{Box{-0.38f, -1, 0.38f, -0.28f},
                 [](Point p) {
                   const float v = (p.y + 0.64f) / 0.36f, narrow = v > 0 ? 1 - 0.55f * v * v : 1.0f;
                   const float u = p.x / (0.37f * narrow);
                   return v > 0 ? std::fabs(u) < std::sqrt(clamp01(1 - 0.5f * v * v)) : u * u + v * v < 1;
                 }},
          brush, [&](Point p, Point) {
            const float v = (p.y + 0.64f) / 0.36f,
                        around = std::asin(std::clamp(
                            p.x / (0.38f * std::sqrt(clamp01(1.05f - 0.6f * v * v))), -1.0f, 1.0f));
            return Tint((std::sin(stripes * around) > 0 ? first : second) * rounded(p.x / 0.38f, v));
          });
}

/// A waving flag on its pole: two or three bands.
inline void draw_flag(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::flag, depth);
  const Color bands[3] = {any_color(random),
                          random.uniform() < 0.6f ? Color{0.94f, 0.94f, 0.94f} : any_color(random),
                          any_color(random)};
  const bool upright = random.uniform() < 0.5f;
  const float phase = random.uniform(0, 6.28f);
  to.fill(pose, Rectangle{-0.02f, -1, 0.02f, 0}, brush, [](Point, Point) {
    return Tint({0.72f, 0.72f, 0.74f});
  });
  const auto wave = [&](float x) { return 0.045f * std::sin(8 * x + phase); };
  to.fill(pose,
          Region{Box{0.02f, -1.06f, 0.66f, -0.48f},
                 [&](Point p) { return p.y > -0.98f + wave(p.x) && p.y < -0.56f + wave(p.x); }},
          brush, [&](Point p, Point) {
            const float t = upright ? p.x / 0.66f : (p.y - wave(p.x) + 0.98f) / 0.42f;
            const std::size_t band = static_cast<std::size_t>(std::clamp(floor_int(3 * t), 0, 2));
            return Tint(bands[band] * (0.88f + 2.2f * wave(p.x)));
          });
}

}  // namespace mmdl::detail::scenes
