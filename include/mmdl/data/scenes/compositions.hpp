// SPDX-License-Identifier: Apache-2.0
// The kinds of pictures that the built-in scenes are made of.
#pragma once

#include <algorithm>
#include <vector>

#include "outdoors.hpp"

namespace mmdl::detail::scenes {

/// One surface fills the picture, or two side by side, with little or nothing on it.
inline void compose_closeup(Painter& to) {
  static constexpr Label grounds[] = {
      Label::grass,   Label::grass,   Label::sand,  Label::water, Label::water, Label::snow, Label::rock,
      Label::flowers, Label::flowers, Label::brick, Label::wood,  Label::brick, Label::wood, Label::road};
  const Label first = grounds[to.random.below(14)], second = grounds[to.random.below(14)];
  to.canvas.light = jitter(to.random, {0.92f, 0.92f, 0.92f}, 0.08f);
  Surface surface = make_surface(to.random, first);
  surface.scale *= to.between(0.9f, 1.7f);
  to.lay(to.canvas.everywhere(), surface, -9);
  if (to.chance(0.35f) && second != first) {
    const Surface other = make_surface(to.random, second);
    const float level = to.between(0.3f, 0.7f), slope = to.between(-0.3f, 0.3f), bend = to.between(0, 0.12f);
    const bool sideways = to.chance(0.4f);
    to.lay(Region{Box{0, 0, to.canvas.aspect(), 1},
                  [&](Point p) {
                    const float a = sideways ? p.y : p.x, b = sideways ? p.x : p.y;
                    return b > level + slope * (a - 0.5f) + bend * std::sin(9 * a);
                  }},
           other, -9);
  }
  const float extra = to.random.uniform();
  const Label things[] = {Label::ball, Label::bird, Label::animal, Label::person, Label::fence};
  const int kind = to.random.below(5);
  if (extra < 0.5f && !(first == Label::water && kind != 1)) {
    std::vector<Standing> placed;
    const int count = kind == 4 ? 1 : 1 + (to.chance(0.3f) ? to.random.below(3) : 0);
    scatter(to, placed, things[kind], count, 0.0f, 0.55f, 0.98f);
    draw_standing(to, placed, 0.0f);
  } else if (first == Label::water && extra < 0.75f) {
    draw_boat(to,
              Pose{{to.between(0.25f, 0.75f) * to.canvas.aspect(), to.between(0.5f, 0.85f)},
                   to.between(0.25f, 0.6f)},
              0.1f);
  }
}

inline void compose_sky(Painter& to) {
  draw_weather(to, false);
  to.fog = 0;
  draw_sky(to, 1.001f, 2.6f);
}

/// Open land: a ground with a horizon, perhaps mountains, a road, a pond or a bed of flowers, and things on
/// it.
inline void compose_land(Painter& to) {
  const float pick = to.random.uniform();
  const Label ground = pick < 0.52f   ? Label::grass
                       : pick < 0.70f ? Label::snow
                       : pick < 0.82f ? Label::sand
                       : pick < 0.9f  ? Label::rock
                                      : Label::flowers;
  draw_weather(to, ground == Label::snow);
  const bool low = to.chance(0.22f);  // no sky: the camera looks down
  const float horizon = low ? to.between(-0.5f, -0.05f) : to.between(0.22f, 0.62f);
  if (!low) draw_sky(to, horizon + 0.01f, 0.8f);
  if (!low && to.chance(0.24f)) draw_mountains(to, horizon + 0.005f);
  to.lay(Rectangle{0, horizon, to.canvas.aspect(), 1}, make_surface(to.random, ground), horizon);
  const float first = std::max(horizon, 0.0f), reach = 1 - first, aspect = to.canvas.aspect();
  const float feature = to.random.uniform();
  const float at = to.between(0.2f, 0.8f) * aspect, wide = to.between(0.12f, 0.3f),
              bottom = to.between(0.1f, 0.9f) * aspect;
  bool road = false;
  if (feature < 0.13f) {  // a road to the horizon
    road = true;
    const Surface surface = make_surface(to.random, Label::road);
    const auto middle = [&](float y) { return mix(at, bottom, (y - first) / reach); };
    const auto half = [&](float y) { return 0.01f + wide * (y - first) / reach; };
    to.lay(
        Region{Box{0, first, aspect, 1}, [&](Point p) { return std::fabs(p.x - middle(p.y)) < half(p.y); }},
        surface, horizon);
    Brush line;
    line.material = Label::road;
    to.fill(Pose{},
            Region{Box{0, first, aspect, 1},
                   [&](Point p) {
                     return std::fabs(p.x - middle(p.y)) < 0.07f * half(p.y) &&
                            std::sin(9 / (0.15f + (p.y - first) / reach)) > 0;
                   }},
            line, [](Point, Point) {
              return Tint({0.9f, 0.88f, 0.75f});
            });
  } else if (feature < 0.20f) {  // a pond
    const float y = first + reach * to.between(0.35f, 0.75f), high = reach * to.between(0.1f, 0.2f);
    to.lay(Ellipse{at, y, wide * 1.9f, high}, make_surface(to.random, Label::water), horizon);
  } else if (feature < 0.36f && ground == Label::grass) {  // a bed of flowers
    const float y = first + reach * to.between(0.3f, 0.8f), high = reach * to.between(0.15f, 0.35f);
    to.lay(Rectangle{0, y, aspect, y + high}, make_surface(to.random, Label::flowers), -9);
    std::vector<Standing> things = populate(to, horizon, first + 0.1f * reach, y, 1.0f);
    if (to.chance(0.6f))
      scatter(to, things, to.chance(0.5f) ? Label::fence : Label::house, 1, horizon, first + 0.15f * reach,
              y);
    draw_standing(to, things, horizon);
    return;
  }
  std::vector<Standing> things = populate(to, horizon, first + 0.06f * reach, first + 0.96f * reach, 1.0f);
  if (road && to.chance(0.6f))
    scatter(to, things, Label::car, 1 + to.random.below(2), horizon, first + 0.2f * reach,
            first + 0.9f * reach);
  draw_standing(to, things, horizon);
}

/// The mirror image of all that stands above `shore` in water at rest.
inline void mirror_in_water(Painter& to, float shore, float strength) {
  Canvas& canvas = to.canvas;
  const std::uint32_t seed = to.random.bits();
  const std::vector<Color> before = canvas.color;
  for (int row = 0; row < canvas.height(); ++row) {
    for (int column = 0; column < canvas.width(); ++column) {
      const Point p = canvas.center(column, row);
      const std::size_t here = canvas.place(column, row);
      if (canvas.material[here] != Label::water || canvas.owner[here] != 0 || p.y <= shore) continue;
      const float ripple =
          0.035f * (noise(p.x * 5, p.y * 34, seed) - 0.5f) * smooth_step(0, 0.1f, p.y - shore);
      const float scale = static_cast<float>(canvas.height());
      const int from_row = floor_int((2 * shore - p.y) * scale),
                from_column = floor_int((p.x + ripple) * scale);
      if (from_row < 0 || from_column < 0 || from_column >= canvas.width()) continue;
      const std::size_t from = canvas.place(from_column, from_row);
      canvas.color[here] = mix(canvas.color[here], before[from] * 0.88f, strength);
      if (to.things[canvas.owner[from]].label != Label::none) ++to.mirrored;
    }
  }
}

/// Sea or lake under a sky, with a far shore, a bridge, boats, and sometimes land in front.
inline void compose_water(Painter& to) {
  draw_weather(to, false);
  const float horizon = to.between(0.25f, 0.6f), aspect = to.canvas.aspect();
  draw_sky(to, horizon + 0.01f, 0.9f);
  const float background = to.random.uniform();
  if (background < 0.2f) draw_mountains(to, horizon + 0.005f);
  const bool calm = !to.rain && to.chance(0.42f);
  Surface water = make_surface(to.random, Label::water);
  if (calm) water.second = mix(water.base, water.second, 0.35f);
  to.lay(Rectangle{0, horizon, aspect, 1}, water, horizon);
  std::vector<Standing> shore;
  if (background > 0.55f) {
    const float bank = horizon + 0.03f;
    const Label land = to.chance(0.7f) ? Label::grass : Label::rock;
    to.lay(Rectangle{0, horizon, aspect, bank}, make_surface(to.random, land), -9);
    const Label kind = to.chance(0.65f) ? Label::tree : Label::house;
    const int count = 1 + to.random.below(6);
    const float size = to.between(0.18f, std::max(0.2f, 0.75f * horizon));
    for (int i = 0; i < count; ++i)
      shore.push_back({kind, to.between(0.05f, 0.95f) * aspect, bank, size * to.between(0.75f, 1.15f)});
    draw_standing(to, shore, horizon);
  }
  if (to.chance(0.09f)) {
    const float above = to.between(0.02f, 0.1f), below = to.between(0.05f, 0.14f);
    draw_bridge(to, horizon - above, horizon + below, 0.6f);
  }
  if (calm) mirror_in_water(to, horizon + (background > 0.55f ? 0.03f : 0.0f), to.between(0.55f, 0.8f));
  const float front = to.random.uniform();
  const float edge = front < 0.55f ? to.between(0.62f, 0.85f) : 1.0f;
  if (to.chance(0.5f)) {
    const int count = 1 + (to.chance(0.35f) ? 1 + to.random.below(4) : 0);
    const float size = to.between(0.2f, 0.6f);
    for (int i = 0; i < count; ++i) {
      const float y = to.between(horizon + 0.05f, std::min(edge, 0.92f));
      const Pose pose{{to.between(0.1f, 0.9f) * aspect, y},
                      size * (0.4f + 0.6f * (y - horizon) / (1 - horizon)),
                      to.chance(0.5f) ? -1.0f : 1.0f};
      const Random same = to.random;
      if (calm) {
        Pose below = pose;
        below.upside = -1;
        to.ghost = true;
        draw_boat(to, below, 0);
        to.ghost = false;
        to.random = same;
      }
      const std::size_t index = to.things.size();
      draw_boat(to, pose, depth_at(y, horizon));
      if (calm) to.mirrored += to.things[index].painted / 2;
    }
  }
  if (edge < 1) {
    const Label ground = front < 0.30f   ? Label::sand
                         : front < 0.40f ? Label::grass
                         : front < 0.5f  ? Label::rock
                                         : Label::wood;
    const float bend = to.between(0, 0.07f), phase = to.between(0, 6);
    to.lay(Region{Box{0, horizon, aspect, 1},
                  [&](Point p) { return p.y > edge + bend * std::sin(4 * p.x + phase); }},
           make_surface(to.random, ground), horizon);
    draw_standing(to, populate(to, horizon, edge + 0.06f, 0.99f, 0.95f), horizon);
  }
}

/// Streets and towers.
inline void compose_town(Painter& to) {
  draw_weather(to, to.chance(0.08f));
  if (to.hour == Hour::day && to.chance(0.22f)) {
    to.hour = Hour::night;
    to.fog = 0;
    to.canvas.light = jitter(to.random, {0.38f, 0.40f, 0.50f}, 0.04f);
  }
  const float horizon = to.between(0.55f, 0.82f), aspect = to.canvas.aspect();
  draw_sky(to, horizon + 0.01f, 0.6f);
  const int count = to.chance(0.25f) ? 1 + to.random.below(2) : 5 + to.random.below(8);
  const float high = to.between(0.3f, 0.62f);
  for (int row = 0; row < 2; ++row)
    for (int i = row; i < count; i += 2) {
      const float size = high * to.between(0.55f, 1.25f),
                  x = (static_cast<float>(i) + to.between(0.2f, 0.8f)) / static_cast<float>(count) * aspect;
      const float wide = std::max(to.between(0.14f, 0.3f) * (count < 4 ? 1.5f : 1.0f), 0.1f);
      draw_tower(to, Pose{{x, horizon + 0.02f * static_cast<float>(row)}, size},
                 0.6f - 0.25f * static_cast<float>(row), wide / size);
    }
  const float pick = to.random.uniform();
  const Label ground = to.winter     ? Label::snow
                       : pick < 0.6f ? Label::road
                       : pick < 0.8f ? Label::water
                                     : Label::grass;
  to.lay(Rectangle{0, horizon + 0.02f, aspect, 1}, make_surface(to.random, ground), horizon);
  if (ground == Label::water) {
    if (to.chance(0.6f)) mirror_in_water(to, horizon + 0.02f, to.between(0.5f, 0.75f));
    return;
  }
  std::vector<Standing> things = populate(to, horizon, horizon + 0.08f, 0.98f, 0.7f);
  things.erase(
      std::remove_if(things.begin(), things.end(), [](const Standing& t) { return t.label == Label::house; }),
      things.end());
  if (ground == Label::road && to.chance(0.55f))
    scatter(to, things, Label::car, 1 + to.random.below(3), horizon, horizon + 0.1f, 0.97f);
  draw_standing(to, things, horizon);
}

}  // namespace mmdl::detail::scenes
