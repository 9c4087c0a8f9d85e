// SPDX-License-Identifier: Apache-2.0
// The indoor composition of the built-in scenes.
#pragma once

#include <vector>

#include "outdoors.hpp"

namespace mmdl::detail::scenes {

/// A room: walls in perspective, a floor, furniture, and who or what is in it.
inline void compose_room(Painter& to) {
  to.indoor = true;
  const Color lamp = to.chance(0.5f) ? Color{0.98f, 0.88f, 0.72f} : Color{0.88f, 0.9f, 0.92f};
  const float bright = to.between(0.68f, 1.02f);
  to.canvas.light = jitter(to.random, lamp, 0.07f) * bright;
  const float aspect = to.canvas.aspect(), floor = to.between(0.58f, 0.76f),
              ceiling = to.between(-0.1f, 0.16f);
  const float left = to.between(-0.1f, 0.24f) * aspect, right = to.between(0.76f, 1.1f) * aspect;
  const float wall_kind = to.random.uniform();
  const Surface wall = make_surface(to.random, wall_kind < 0.14f   ? Label::brick
                                               : wall_kind < 0.24f ? Label::wood
                                                                   : Label::none);
  const float ground_kind = to.random.uniform();
  const Surface ground = make_surface(to.random, ground_kind < 0.45f ? Label::wood : Label::none);
  to.lay(to.canvas.everywhere(), wall, -9);
  Brush brush;
  const Color white = jitter(to.random, {0.88f, 0.87f, 0.84f}, 0.04f);
  const auto side = [&](float dark) {
    return [&wall, dark](Point p, Point) { return Tint(wall.at(p) * dark); };
  };
  brush.material = wall.material;
  to.fill(Pose{}, Polygon{{{-0.5f, -0.7f}, {left, ceiling}, {left, floor}, {-0.5f, 1.6f}}, 4}, brush,
          side(0.8f));
  to.fill(Pose{},
          Polygon{{{aspect + 0.5f, -0.7f}, {right, ceiling}, {right, floor}, {aspect + 0.5f, 1.6f}}, 4},
          brush, side(0.68f));
  brush.material = Label::none;
  to.fill(Pose{}, Polygon{{{-0.5f, -0.7f}, {aspect + 0.5f, -0.7f}, {right, ceiling}, {left, ceiling}}, 4},
          brush, [&](Point, Point) { return Tint(white); });
  to.lay(Polygon{{{left, floor}, {right, floor}, {aspect + 0.5f, 1.6f}, {-0.5f, 1.6f}}, 4}, ground,
         floor - 0.25f);
  to.fill(Pose{}, Rectangle{left, floor - 0.025f, right, floor}, brush,
          [&](Point, Point) { return Tint(white * 0.85f); });
  const float middle = to.between(left + 0.25f, right - 0.25f), hang = to.between(0.2f, 0.32f);
  if (to.chance(0.55f)) {  // a window
    const float half = to.between(0.11f, 0.17f);
    const Color pane = to.chance(0.75f) ? Color{0.75f, 0.86f, 0.95f} : Color{0.1f, 0.12f, 0.2f};
    brush.emissive = true;
    to.fill(Pose{}, Rectangle{middle - half, hang - 0.08f, middle + half, hang + 0.24f}, brush,
            [&](Point, Point) { return Tint(white * 0.9f); });
    for (const float shift : {-0.5f, 0.5f})
      to.fill(Pose{},
              Rectangle{middle + shift * half - 0.42f * half, hang - 0.05f,
                        middle + shift * half + 0.42f * half, hang + 0.21f},
              brush, [&](Point, Point) { return Tint(pane); });
    brush.emissive = false;
  } else if (to.chance(0.6f)) {  // a picture on the wall
    const Color frame = any_color(to.random), inside = any_color(to.random);
    to.fill(Pose{}, Rectangle{middle - 0.13f, hang - 0.02f, middle + 0.13f, hang + 0.16f}, brush,
            [&](Point, Point) { return Tint(frame * 0.6f); });
    to.fill(Pose{}, Rectangle{middle - 0.1f, hang + 0.01f, middle + 0.1f, hang + 0.13f}, brush,
            [&](Point p, Point) { return Tint(inside * (0.6f + 0.8f * noise(p.x * 20, p.y * 20, 5))); });
  }
  if (to.chance(0.5f)) {  // a table or a sofa
    const float x = to.between(0.2f, 0.8f) * aspect, half = to.between(0.14f, 0.26f),
                top = floor - to.between(0.0f, 0.08f), foot = floor + to.between(0.1f, 0.2f);
    const Color cloth = any_color(to.random);
    if (to.chance(0.5f)) {
      for (const float leg : {-0.85f, 0.85f})
        to.fill(Pose{}, Rectangle{x + leg * half - 0.015f, top, x + leg * half + 0.015f, foot}, brush,
                [&](Point, Point) {
                  return Tint({0.35f, 0.24f, 0.15f});
                });
      to.fill(Pose{}, Rectangle{x - half, top - 0.03f, x + half, top + 0.015f}, brush, [&](Point, Point) {
        return Tint({0.5f, 0.35f, 0.22f});
      });
    } else {
      to.fill(Pose{}, Rectangle{x - half, top - 0.12f, x + half, foot - 0.05f}, brush,
              [&](Point, Point) { return Tint(cloth * 0.8f); });
      to.fill(Pose{}, Rectangle{x - half - 0.04f, top, x + half + 0.04f, foot}, brush,
              [&](Point, Point) { return Tint(cloth); });
    }
  }
  std::vector<Standing> things;
  static constexpr Label kinds[] = {Label::person, Label::person, Label::ball,
                                    Label::animal, Label::person, Label::fire};
  const int count = to.random.uniform() < 0.3f ? 0 : 1 + (to.chance(0.3f) ? 1 : 0);
  for (int i = 0; i < count; ++i) {
    const Label kind = kinds[to.random.below(6)];
    if (kind == Label::fire && to.chance(0.65f)) continue;
    scatter(to, things, kind,
            kind == Label::person && to.chance(0.12f) ? 7 + to.random.below(7)
            : kind == Label::fire                     ? 1
                                                      : 1 + (to.chance(0.25f) ? 1 : 0),
            0.3f, floor + 0.1f, 0.98f);
  }
  draw_standing(to, things, 0.3f);
}

}  // namespace mmdl::detail::scenes
