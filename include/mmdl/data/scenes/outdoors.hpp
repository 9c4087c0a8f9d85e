// SPDX-License-Identifier: Apache-2.0
// Outdoor compositions of the built-in scenes: sky, land, waterside and town.
#pragma once

#include <algorithm>
#include <vector>

#include "built.hpp"
#include "objects.hpp"

namespace mmdl::detail::scenes {

/// Hour and weather of an outdoor scene, and the light that goes with them.
inline void draw_weather(Painter& to, bool winter_land) {
  const float hour = to.random.uniform(), weather = to.random.uniform();
  to.hour = hour < 0.10f ? Hour::night : hour < 0.21f ? Hour::sunset : Hour::day;
  to.winter = winter_land;
  if (to.hour == Hour::day && weather < 0.07f) to.fog = to.between(1.6f, 3.2f);
  if (to.hour != Hour::sunset && !winter_land && weather > 0.955f) to.rain = true;
  if (to.hour == Hour::night) to.canvas.light = jitter(to.random, {0.38f, 0.41f, 0.52f}, 0.04f);
  if (to.hour == Hour::sunset) to.canvas.light = jitter(to.random, {0.85f, 0.56f, 0.44f}, 0.06f);
  if (to.rain && to.hour == Hour::day) to.canvas.light = jitter(to.random, {0.62f, 0.64f, 0.68f}, 0.04f);
}

/// The sky down to `horizon`, with clouds, sun or moon, and what flies in it. `busy` scales how much there
/// is.
inline void draw_sky(Painter& to, float horizon, float busy) {
  Random& random = to.random;
  Color top, low;
  static constexpr Color days[] = {
      {0.30f, 0.52f, 0.86f}, {0.45f, 0.66f, 0.90f}, {0.22f, 0.40f, 0.70f}, {0.66f, 0.72f, 0.78f}};
  static constexpr Color dusks[] = {
      {0.32f, 0.26f, 0.48f}, {0.62f, 0.34f, 0.38f}, {0.85f, 0.50f, 0.22f}, {0.30f, 0.38f, 0.62f}};
  static constexpr Color glows[] = {
      {0.98f, 0.55f, 0.20f}, {0.95f, 0.42f, 0.32f}, {0.98f, 0.72f, 0.36f}, {0.90f, 0.45f, 0.50f}};
  if (to.hour == Hour::night) {
    top = jitter(random, {0.04f, 0.05f, 0.12f}, 0.025f);
    low = top + jitter(random, {0.06f, 0.06f, 0.09f}, 0.04f);
  } else if (to.hour == Hour::sunset) {
    top = one_of(random, dusks, 0.05f);
    low = one_of(random, glows, 0.05f);
  } else {
    top = to.rain ? jitter(random, {0.48f, 0.50f, 0.54f}, 0.06f) : one_of(random, days, 0.05f);
    low = mix(top, {0.90f, 0.93f, 0.95f}, random.uniform(0.2f, 0.7f));
  }
  Brush brush;
  brush.material = Label::sky;
  brush.depth = 1;
  brush.emissive = true;
  const float edge = std::max(horizon, 0.3f);
  const std::uint32_t seed = random.bits();
  const bool stars = to.hour == Hour::night && random.uniform() < 0.6f;
  to.fill(Pose{}, Rectangle{0, 0, to.canvas.aspect(), horizon}, brush, [&](Point p, Point) {
    const float star =
        stars && grid_noise(floor_int(p.x * 60), floor_int(p.y * 60), seed) > 0.985f ? 0.6f : 0.0f;
    return Tint(mix(top, low, clamp01(p.y / edge)) + Color{star, star, star});
  });

  const float body = random.uniform(), radius = random.uniform(0.035f, 0.1f);
  const Point at{random.uniform(0.12f, 0.88f) * to.canvas.aspect(), random.uniform(0.12f, 0.85f) * horizon};
  if (to.hour == Hour::night && body < 0.45f) draw_moon(to, at, radius);
  if (to.hour == Hour::sunset && body < 0.55f)
    draw_sun(to, {at.x, mix(at.y, horizon, 0.5f)}, radius, {1.0f, 0.86f, 0.55f});
  if (to.hour == Hour::day && !to.rain && body < 0.12f) draw_sun(to, at, radius, {1.0f, 0.98f, 0.86f});

  if (to.rain || random.uniform() < (to.hour == Hour::night ? 0.12f : 0.42f)) {
    brush.material = Label::clouds;
    const float cover = to.rain ? 0.36f : random.uniform(0.42f, 0.58f), stretch = random.uniform(1.3f, 3.0f),
                size = random.uniform(2.2f, 4.0f);
    Color white = to.rain ? top * 0.8f : jitter(random, {0.93f, 0.93f, 0.94f}, 0.04f),
          shade = white * random.uniform(0.65f, 0.85f);
    if (to.hour == Hour::sunset) {
      white = mix(low, {1.0f, 0.8f, 0.65f}, 0.4f);
      shade = mix(top, low, 0.3f) * 0.8f;
    }
    if (to.hour == Hour::night) white = shade = top + Color{0.13f, 0.13f, 0.15f};
    to.fill(Pose{}, Rectangle{0, 0, to.canvas.aspect(), horizon}, brush, [&](Point p, Point) {
      const float d = fractal_noise(p.x * size, p.y * size * stretch, 4, seed + 7);
      const float under = fractal_noise(p.x * size, (p.y - 0.06f) * size * stretch, 3, seed + 7);
      return Tint(mix(white, shade, clamp01(0.5f + 3 * (under - d))),
                  0.95f * smooth_step(cover, cover + 0.11f, d));
    });
  }

  const float flying = random.uniform();
  if (to.rain) return;
  if (flying < 0.17f * busy) {
    const int count = 1 + (random.uniform() < 0.5f ? random.below(5) : 0);
    for (int i = 0; i < count; ++i) {
      const float size = random.uniform(0.07f, count > 1 ? 0.16f : 0.34f);
      Pose pose{{random.uniform(0.08f, 0.92f) * to.canvas.aspect(), random.uniform(0.2f, 0.92f) * horizon},
                size,
                random.uniform() < 0.5f ? -1.0f : 1.0f};
      draw_bird(to, pose.turned(random.uniform(-0.3f, 0.3f)), 0.25f);
    }
  } else if (flying > 1 - 0.035f * busy && to.hour != Hour::night) {
    const int count = 1 + random.below(3);
    for (int i = 0; i < count; ++i) {
      const float size = random.uniform(0.16f, 0.42f);
      draw_balloon(to,
                   Pose{{random.uniform(0.1f, 0.9f) * to.canvas.aspect(),
                         random.uniform(size, std::max(size + 0.01f, horizon))},
                        size},
                   0.45f);
    }
  }
}

/// A ridge of mountains that ends at `horizon`, with snow on the tops of some.
inline void draw_mountains(Painter& to, float horizon) {
  Random& random = to.random;
  Brush brush = to.begin(Label::mountain, 0.8f);
  const std::uint32_t seed = random.bits();
  static constexpr Color slopes[] = {
      {0.36f, 0.42f, 0.52f}, {0.42f, 0.36f, 0.30f}, {0.28f, 0.38f, 0.30f}, {0.48f, 0.46f, 0.46f}};
  const Color slope = one_of(random, slopes, 0.05f);
  const float high = std::min(random.uniform(0.16f, 0.4f), horizon - 0.04f),
              wide = random.uniform(1.6f, 3.4f);
  const bool capped = to.winter || random.uniform() < 0.4f;
  const auto crest = [&](float x) {
    const float ridge = 1 - std::fabs(2 * noise(x * wide, 0.5f, seed) - 1);
    return horizon - high * (0.35f + 0.55f * ridge + 0.14f * fractal_noise(x * 9, 1.5f, 3, seed + 1));
  };
  const auto box = Box{0, horizon - 1.1f * high, to.canvas.aspect(), horizon};
  const auto stone = [&](Point p, Point) {
    const float fold = fractal_noise(p.x * 9 + p.y * 6, p.y * 4, 3, seed + 2);
    return Tint(slope * (0.5f + 0.95f * fold));
  };
  to.fill(Pose{}, Region{box, [&](Point p) { return p.y > crest(p.x); }}, brush, stone);
  if (!capped) return;
  Brush snow = brush;
  snow.material = Label::snow;
  const float line = horizon - high * random.uniform(0.45f, 0.68f);
  to.fill(Pose{},
          Region{box,
                 [&](Point p) {
                   return p.y > crest(p.x) && p.y < line + 0.09f * (noise(p.x * 18, 0.5f, seed + 3) - 0.5f);
                 }},
          snow, [&](Point p, Point) {
            return Tint(Color{0.93f, 0.95f, 0.98f} *
                        (0.72f + 0.42f * fractal_noise(p.x * 9 + p.y * 6, p.y * 4, 3, seed + 2)));
          });
}

/// Something that stands on the ground at height `y` of the canvas; nearer things are larger.
struct Standing {
  Label label;
  float x, y, size;
};

inline float depth_at(float y, float horizon) {
  return 0.85f * clamp01(1 - (y - horizon) / std::max(1 - horizon, 0.05f));
}

/// Paints things from far to near.
inline void draw_standing(Painter& to, std::vector<Standing> things, float horizon) {
  std::stable_sort(things.begin(), things.end(),
                   [](const Standing& a, const Standing& b) { return a.y < b.y; });
  for (const Standing& thing : things) {
    Pose pose{{thing.x, thing.y}, thing.size, to.chance(0.5f) ? -1.0f : 1.0f};
    const float depth = depth_at(thing.y, horizon);
    switch (thing.label) {
      case Label::tree:
        draw_tree(to, pose, depth);
        break;
      case Label::house:
        draw_house(to, pose, depth);
        break;
      case Label::person:
        draw_person(to, pose, depth);
        break;
      case Label::animal:
        draw_animal(to, pose, depth);
        break;
      case Label::car:
        draw_car(to, pose, depth);
        break;
      case Label::ball:
        draw_ball(to, pose.turned(to.between(-0.4f, 0.4f)), depth);
        break;
      case Label::fire:
        draw_fire(to, pose, depth);
        break;
      case Label::flag:
        draw_flag(to, pose, depth);
        break;
      case Label::bird:
        draw_bird(to, pose, depth);
        break;
      case Label::fence:
        draw_fence(to, to.chance(0.5f) ? 0.0f : thing.x, to.canvas.aspect(), thing.y, thing.size, depth);
        break;
      default:
        break;
    }
  }
}

/// How high a thing is at the front of the picture.
inline float usual_size(Painter& to, Label label) {
  switch (label) {
    case Label::tree:
      return to.between(0.45f, 0.95f);
    case Label::house:
      return to.between(0.35f, 0.85f);
    case Label::person:
      return to.between(0.34f, 0.75f);
    case Label::animal:
      return to.between(0.22f, 0.55f);
    case Label::car:
      return to.between(0.22f, 0.45f);
    case Label::ball:
      return to.between(0.12f, 0.38f);
    case Label::fire:
      return to.between(0.22f, 0.5f);
    case Label::flag:
      return to.between(0.35f, 0.75f);
    case Label::bird:
      return to.between(0.16f, 0.34f);
    default:
      return to.between(0.16f, 0.34f);  // a fence
  }
}

/// `count` things of one kind, spread over the ground between `far` and `near`.
inline void scatter(Painter& to, std::vector<Standing>& things, Label label, int count, float horizon,
                    float far, float near) {
  const float size = usual_size(to, label);
  for (int i = 0; i < count; ++i) {
    const float y = to.between(far, near);
    const float nearness = (y - horizon) / std::max(1 - horizon, 0.05f);
    things.push_back({label, to.between(0.06f, 0.94f) * to.canvas.aspect(), y,
                      size * to.between(0.85f, 1.15f) * (0.42f + 0.58f * nearness)});
  }
}

/// A kind of thing that stands on land, the common ones often, the rest rarely.
inline Label draw_kind(Painter& to) {
  static constexpr struct {
    Label label;
    float weight;
  } kinds[] = {{Label::tree, 24},   {Label::house, 15}, {Label::person, 19}, {Label::animal, 10},
               {Label::fence, 8},   {Label::car, 5},    {Label::ball, 6},    {Label::bird, 4},
               {Label::fire, 2.6f}, {Label::flag, 2.6f}};
  float total = 0;
  for (const auto& kind : kinds) total += kind.weight;
  float at = to.between(0, total);
  for (const auto& kind : kinds) {
    if (at < kind.weight) return kind.label;
    at -= kind.weight;
  }
  return Label::tree;
}

/// Kinds of things for a scene: none to five of them, each once to three times, some in great numbers.
inline std::vector<Standing> populate(Painter& to, float horizon, float far, float near, float busy) {
  std::vector<Standing> things;
  const float u = to.random.uniform() * busy;
  const int kinds = u < 0.26f ? 0 : u < 0.62f ? 1 : u < 0.84f ? 2 : u < 0.95f ? 3 : 5;
  for (int k = 0; k < kinds; ++k) {
    const Label label = draw_kind(to);
    int count = 1 + (to.chance(0.4f) ? 1 + to.random.below(2) : 0);
    if (label == Label::tree && to.chance(0.25f)) count = 6 + to.random.below(9);
    if (label == Label::person && to.chance(0.2f)) count = 7 + to.random.below(10);
    if (label == Label::fence || label == Label::fire || label == Label::flag) count = 1;
    scatter(to, things, label, count, horizon, far, near);
  }
  return things;
}

}  // namespace mmdl::detail::scenes
