// SPDX-License-Identifier: Apache-2.0
// Living and natural things of the built-in scenes. Each function paints one thing at a pose.
#pragma once

#include "painter.hpp"

namespace mmdl::detail::scenes {

/// A conifer, a leafy tree, a palm, or bare branches; with snow on it in winter.
inline void draw_tree(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::tree, depth);
  const std::uint32_t seed = random.bits();
  const Color bark = jitter(random, {0.32f, 0.22f, 0.15f}, 0.05f);
  static constexpr Color leaves[] = {
      {0.14f, 0.34f, 0.12f}, {0.26f, 0.42f, 0.12f}, {0.20f, 0.36f, 0.22f}, {0.70f, 0.42f, 0.12f}};
  const Color leaf = one_of(random, leaves, 0.05f);
  const bool winter = to.winter;
  const float kind = random.uniform();
  const auto foliage = [&](Point p, Point) {
    const float n = noise(p.x * 16, p.y * 16, seed);
    const float snowy = winter ? smooth_step(0.45f, 0.6f, noise(p.x * 9, p.y * 13, seed + 1)) : 0.0f;
    return Tint(mix(leaf * (0.55f + 0.85f * n - 0.25f * p.x), {0.92f, 0.94f, 0.97f}, snowy));
  };
  if (kind < 0.4f) {  // conifer
    to.fill(pose, Rectangle{-0.045f, -0.2f, 0.045f, 0}, brush, [&](Point, Point) { return Tint(bark); });
    for (int tier = 0; tier < 3; ++tier) {
      const float base = -0.14f - 0.25f * static_cast<float>(tier),
                  half = 0.30f - 0.07f * static_cast<float>(tier);
      to.fill(pose, Polygon{{{-half, base}, {half, base}, {0, base - 0.42f}}, 3}, brush, foliage);
    }
  } else if (kind < 0.85f && !(winter && kind > 0.6f)) {  // round crown with a ragged edge
    to.fill(pose, Rectangle{-0.05f, -0.5f, 0.05f, 0}, brush, [&](Point, Point) { return Tint(bark); });
    const float wide = random.uniform(0.27f, 0.42f);
    to.fill(pose,
            Region{Box{-0.5f, -1.02f, 0.5f, -0.28f},
                   [&](Point p) {
                     const float u = p.x / wide, v = (p.y + 0.64f) / 0.36f;
                     return u * u + v * v < 0.7f + 0.5f * noise(p.x * 8, p.y * 8, seed + 2);
                   }},
            brush, foliage);
  } else if (!winter && kind > 0.93f) {  // palm
    const float lean = random.uniform(-0.2f, 0.2f);
    to.fill(pose, Stroke{{0, 0}, {lean, -0.75f}, 0.035f}, brush, [&](Point, Point) {
      return Tint(bark + Color{0.15f, 0.1f, 0.05f});
    });
    for (int i = 0; i < 7; ++i) {
      const float a = -0.3f + 0.63f * static_cast<float>(i);
      const Point tip{lean + 0.36f * std::cos(a), -0.75f - 0.24f * std::sin(a) + 0.08f};
      to.fill(pose, Stroke{{lean, -0.76f}, tip, 0.045f}, brush, foliage);
    }
  } else {  // bare
    const Color twig = bark * random.uniform(0.6f, 1.0f);
    const auto paint = [&](Point, Point) { return Tint(twig); };
    to.fill(pose, Stroke{{0, 0}, {0, -0.7f}, 0.04f}, brush, paint);
    for (int i = 0; i < 8; ++i) {
      const float side = (i & 1) != 0 ? 1.0f : -1.0f, from = -0.35f - 0.06f * static_cast<float>(i);
      const Point elbow{side * (0.24f - 0.012f * static_cast<float>(i)), from - random.uniform(0.12f, 0.22f)};
      to.fill(pose, Stroke{{0, from}, elbow, 0.022f}, brush, paint);
      to.fill(pose, Stroke{elbow, {elbow.x + side * 0.05f, elbow.y - 0.16f}, 0.016f}, brush, paint);
    }
  }
}

/// A standing or walking person, about 0.35 wide.
inline void draw_person(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::person, depth);
  static constexpr Color skins[] = {
      {0.93f, 0.76f, 0.64f}, {0.80f, 0.60f, 0.45f}, {0.58f, 0.40f, 0.28f}, {0.38f, 0.26f, 0.19f}};
  const Color skin = one_of(random, skins, 0.03f), shirt = any_color(random),
              trousers = any_color(random) * 0.7f;
  const Color hair = Color{0.25f, 0.18f, 0.12f} * random.uniform(0.3f, 2.2f);
  const float stride = random.uniform(0.02f, 0.13f), arm = random.uniform(-0.05f, 0.2f);
  const float other_arm = random.uniform(-0.05f, 0.2f);
  const bool raised = random.uniform() < 0.15f, skirt = random.uniform() < 0.3f;
  const auto flat = [](Color c) { return [c](Point p, Point) { return Tint(c * (1 - 0.6f * p.x)); }; };
  to.fill(pose, Stroke{{-0.05f, -0.46f}, {-0.04f - stride, -0.03f}, 0.05f}, brush,
          flat(skirt ? skin : trousers));
  to.fill(pose, Stroke{{0.05f, -0.46f}, {0.04f + stride, -0.03f}, 0.05f}, brush,
          flat(skirt ? skin : trousers));
  if (skirt)
    to.fill(pose, Polygon{{{-0.1f, -0.52f}, {0.1f, -0.52f}, {0.18f, -0.25f}, {-0.18f, -0.25f}}, 4}, brush,
            flat(trousers));
  to.fill(pose, Stroke{{-0.13f, -0.75f}, {-0.15f - arm, raised ? -1.0f : -0.48f}, 0.038f}, brush,
          flat(shirt * 0.85f));
  to.fill(pose, Stroke{{0.13f, -0.75f}, {0.15f + other_arm, -0.48f}, 0.038f}, brush, flat(shirt * 0.85f));
  to.fill(pose, Polygon{{{-0.15f, -0.80f}, {0.15f, -0.80f}, {0.12f, -0.44f}, {-0.12f, -0.44f}}, 4}, brush,
          flat(shirt));
  to.fill(pose, Ellipse{0, -0.91f, 0.085f, 0.10f}, brush, flat(hair));
  to.fill(pose, Ellipse{0.01f, -0.885f, 0.07f, 0.08f}, brush, flat(skin));
}

/// A four-legged animal seen from the side: cow, horse, sheep or dog, about 1.2 long.
inline void draw_animal(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::animal, depth);
  static constexpr Color coats[] = {
      {0.50f, 0.32f, 0.18f}, {0.15f, 0.13f, 0.12f}, {0.90f, 0.88f, 0.84f}, {0.70f, 0.52f, 0.32f}};
  const Color coat = one_of(random, coats, 0.05f), spot = one_of(random, coats, 0.05f);
  const bool spotted = random.uniform() < 0.35f;
  const std::uint32_t seed = random.bits();
  const float leg = random.uniform(0.035f, 0.06f), belly = random.uniform(0.19f, 0.27f),
              neck = random.uniform(0.0f, 0.25f);
  const auto fur = [&](Point p, Point) {
    const bool dark = spotted && noise(p.x * 6, p.y * 6, seed) > 0.58f;
    return Tint((dark ? spot : coat) *
                (0.85f - 0.35f * (p.y + 0.6f) + 0.15f * noise(p.x * 20, p.y * 20, seed + 1)));
  };
  for (const float x : {-0.36f, -0.24f, 0.2f, 0.32f})
    to.fill(pose, Stroke{{x, -0.4f}, {x + random.uniform(-0.06f, 0.06f), -0.04f}, leg}, brush, fur);
  to.fill(pose, Stroke{{-0.42f, -0.62f}, {-0.58f, -0.36f}, 0.03f}, brush, fur);  // tail
  to.fill(pose, Ellipse{0, -0.55f, 0.48f, belly}, brush, fur);
  to.fill(pose, Stroke{{0.36f, -0.62f}, {0.56f, -0.74f - neck}, 0.11f}, brush, fur);
  to.fill(pose, Ellipse{0.65f, -0.74f - neck, 0.17f, 0.105f}, brush, fur);
  to.fill(pose, Polygon{{{0.52f, -0.8f - neck}, {0.6f, -0.84f - neck}, {0.5f, -0.98f - neck}}, 3}, brush,
          fur);
}

/// A bird: gliding with both wings seen, or from the side with a body, a beak and a tail.
inline void draw_bird(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::bird, depth);
  static constexpr Color feathers[] = {{0.12f, 0.12f, 0.14f},
                                       {0.92f, 0.92f, 0.92f},
                                       {0.45f, 0.35f, 0.28f},
                                       {0.2f, 0.35f, 0.65f},
                                       {0.75f, 0.2f, 0.15f}};
  const Color feather = one_of(random, feathers, 0.05f);
  const auto body = [&](Point p, Point) { return Tint(feather * (0.9f - 0.3f * (p.y + 0.5f))); };
  const auto wing = [&](Point, Point) { return Tint(feather * 0.75f); };
  if (random.uniform() < 0.55f) {
    const float lift = random.uniform(0.15f, 0.45f);
    for (const float side : {-1.0f, 1.0f})
      to.fill(pose,
              Polygon{{{0, -0.42f},
                       {side * 0.42f, -0.5f - lift},
                       {side * 0.95f, -0.38f - 0.5f * lift},
                       {side * 0.4f, -0.34f - 0.6f * lift},
                       {0, -0.24f}},
                      5},
              brush, wing);
    to.fill(pose, Ellipse{0, -0.33f, 0.11f, 0.19f}, brush, body);
  } else {
    to.fill(pose, Polygon{{{-0.35f, -0.42f}, {-0.85f, -0.5f}, {-0.8f, -0.32f}, {-0.3f, -0.28f}}, 4}, brush,
            wing);
    to.fill(pose, Ellipse{0, -0.38f, 0.44f, 0.2f}, brush, body);
    to.fill(pose, Ellipse{0.42f, -0.53f, 0.15f, 0.14f}, brush, body);
    to.fill(pose, Polygon{{{0.53f, -0.6f}, {0.76f, -0.52f}, {0.53f, -0.47f}}, 3}, brush, [](Point, Point) {
      return Tint({0.92f, 0.65f, 0.15f});
    });
    to.fill(pose, Polygon{{{0.15f, -0.45f}, {-0.2f, -0.45f}, {-0.42f, -0.95f}}, 3}, brush, wing);
  }
}

/// A ball with panels or stripes, its foot at the pose.
inline void draw_ball(Painter& to, Pose pose, float depth) {
  Random& random = to.random;
  const Brush brush = to.begin(Label::ball, depth);
  const Color first = any_color(random),
              second = random.uniform() < 0.5f ? Color{0.95f, 0.95f, 0.93f} : any_color(random);
  const bool panels = random.uniform() < 0.4f;
  const float turn = random.uniform(0, 6.28f), wedges = 2.0f + static_cast<float>(random.below(2));
  const float cx = random.uniform(-0.4f, 0.4f), cy = random.uniform(-0.4f, 0.4f);
  to.fill(pose, Ellipse{0, -0.5f, 0.5f, 0.5f}, brush, [&](Point p, Point) {
    const float u = 2 * p.x, v = 2 * p.y + 1;
    const bool mark = panels ? std::sin(7 * u + turn) * std::sin(7 * v + turn) > 0.25f
                             : std::sin(wedges * std::atan2(v - cy, u - cx) + turn) > 0;
    return Tint((mark ? first : second) * rounded(u, v));
  });
}

/// Flames with a glow around them.
inline void draw_fire(Painter& to, Pose pose, float depth) {
  const std::uint32_t seed = to.random.bits();
  Brush glow = to.begin(Label::fire, depth);
  Brush brush = glow;
  brush.emissive = glow.emissive = true;
  glow.ghost = true;
  to.fill(pose, Ellipse{0, -0.45f, 1.1f, 0.95f}, glow, [](Point p, Point) {
    const float u = p.x / 1.1f, v = (p.y + 0.45f) / 0.95f;
    return Tint({1, 0.55f, 0.15f}, 0.45f * clamp01(1 - u * u - v * v));
  });
  for (const float turn : {0.35f, -0.3f})
    to.fill(pose.turned(pose.mirror * turn), Rectangle{-0.4f, -0.13f, 0.4f, -0.02f}, brush, [](Point, Point) {
      return Tint({0.25f, 0.15f, 0.1f});
    });
  to.fill(pose,
          Region{Box{-0.42f, -1, 0.42f, -0.02f},
                 [&](Point p) {
                   const float height = -p.y, edge = 0.40f * std::sqrt(clamp01(1 - height)) *
                                                     (0.35f + 1.1f * noise(p.x * 5, p.y * 4, seed));
                   return std::fabs(p.x) < edge;
                 }},
          brush, [&](Point p, Point) {
            const float heat = clamp01(1.25f + p.y - 2.2f * std::fabs(p.x) +
                                       0.5f * (noise(p.x * 9, p.y * 7, seed + 1) - 0.5f));
            return Tint(mix({0.85f, 0.22f, 0.05f}, {1.0f, 0.88f, 0.35f}, heat));
          });
}

/// The sun with its glow; `color` is that of the hour.
inline void draw_sun(Painter& to, Point at, float radius, Color color) {
  Brush brush = to.begin(Label::sun, 1);
  brush.emissive = true;
  Brush glow = brush;
  glow.ghost = true;
  to.fill(Pose{}, Ellipse{at.x, at.y, 3 * radius, 3 * radius}, glow, [&](Point p, Point) {
    const float dx = (p.x - at.x) / (3 * radius), dy = (p.y - at.y) / (3 * radius);
    const float fade = clamp01(1 - std::sqrt(dx * dx + dy * dy));
    return Tint(color, 0.6f * fade * fade);
  });
  to.fill(Pose{}, Ellipse{at.x, at.y, radius, radius}, brush, [&](Point, Point) { return Tint(color); });
}

/// The moon, full or a crescent.
inline void draw_moon(Painter& to, Point at, float radius) {
  Brush brush = to.begin(Label::moon, 1);
  brush.emissive = true;
  const std::uint32_t seed = to.random.bits();
  const bool crescent = to.random.uniform() < 0.5f;
  const float side = to.random.uniform() < 0.5f ? -1.0f : 1.0f, bite = to.random.uniform(0.5f, 0.9f);
  to.fill(
      Pose{},
      Region{Box{at.x - radius, at.y - radius, at.x + radius, at.y + radius},
             [&](Point p) {
               const float dx = (p.x - at.x) / radius, dy = (p.y - at.y) / radius;
               const float shifted = dx - side * bite;
               return dx * dx + dy * dy < 1 && !(crescent && shifted * shifted + dy * dy < 0.9f);
             }},
      brush, [&](Point p, Point) {
        return Tint(Color{0.93f, 0.92f, 0.84f} *
                    (0.75f + 0.3f * noise((p.x - at.x) / radius * 2.5f, (p.y - at.y) / radius * 2.5f, seed)));
      });
}

}  // namespace mmdl::detail::scenes
