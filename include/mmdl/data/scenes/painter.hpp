// SPDX-License-Identifier: Apache-2.0
// What is being painted: the canvas, the weather and hour, and the things painted so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../../core/random.hpp"
#include "canvas.hpp"
#include "textures.hpp"

namespace mmdl::detail::scenes {

enum class Hour { day, sunset, night };

/// A painted thing: its label, on how many points of the canvas it was seen when it was painted, and how much
/// its colours differed there, in sum, from what was behind it.
struct Thing {
  Label label;
  int painted = 0;
  float contrast = 0;
};

struct Painter {
  Canvas canvas;
  Random random;
  Hour hour = Hour::day;
  bool winter = false, indoor = false;
  float fog = 0;  ///< density; 0 is a clear day
  bool rain = false;
  bool ghost = false;  ///< paint mirror images, which are nothing of their own
  long mirrored = 0;   ///< points of water that show the mirror image of a thing
  std::vector<Thing> things{Thing{Label::none}};

  Painter(int width, int height, Random source) : canvas(width, height), random(source) {}

  /// A brush for a new thing.
  Brush begin(Label label, float depth) {
    Brush brush;
    brush.depth = depth;
    if (ghost) {
      brush.ghost = true;
      brush.opacity = 0.55f;
    } else {
      things.push_back({label});
      brush.instance = static_cast<int>(things.size()) - 1;
    }
    return brush;
  }

  template <class Shape, class Paint>
  void fill(const Pose& pose, const Shape& shape, const Brush& brush, const Paint& paint) {
    const Won won = canvas.fill(pose, shape, brush, paint);
    Thing& thing = things[static_cast<std::size_t>(brush.instance)];
    thing.painted += won.points;
    thing.contrast += won.contrast;
  }

  /// A large part of the scene (ground, wall, sky), of no single thing, in one surface.
  template <class Shape>
  void lay(const Shape& shape, const Surface& surface, float horizon) {
    const float aspect = canvas.aspect();
    Brush brush;
    brush.material = surface.material;
    const bool flat = horizon < -1;                      // a wall, or a ground seen from above
    for (int band = 0; band < (flat ? 1 : 8); ++band) {  // nearer bands are less in the fog
      const float top = mix(horizon, 1, static_cast<float>(band) / 8),
                  bottom = mix(horizon, 1.001f, static_cast<float>(band + 1) / 8);
      brush.depth = flat ? 0.0f : 0.9f * (1 - static_cast<float>(band) / 8);
      const auto part = Region{shape.bounds(), [&](Point p) {
                                 return shape.contains(p) && (flat || (p.y >= top && p.y < bottom));
                               }};
      fill(Pose{}, part, brush,
           [&](Point p, Point) { return Tint(surface.at(flat ? p : on_ground(p, horizon, aspect))); });
    }
  }

  bool chance(float probability) { return random.uniform() < probability; }
  float between(float low, float high) { return random.uniform(low, high); }
};

/// Light from above left: a factor for a point on something round, `u`, `v` in [-1, 1] from its middle.
inline float rounded(float u, float v) { return clamp01(1.02f - 0.28f * (u + v) - 0.30f * (u * u + v * v)); }

}  // namespace mmdl::detail::scenes
