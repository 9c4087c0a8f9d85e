// SPDX-License-Identifier: Apache-2.0
// Paints one scene and reads its labels off what is seen of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../../core/error.hpp"
#include "camera.hpp"
#include "compositions.hpp"
#include "room.hpp"

namespace mmdl::detail::scenes {

/// A painted picture with its labels in the order of `label_names`.
struct Picture {
  int width, height;
  std::vector<std::uint8_t> pixels;
  std::vector<Label> labels;
};

// A label is given for what is seen: shares of the picture's area, except where said otherwise.
inline constexpr float texture_share = 0.05f;  ///< the least of a texture (and of clouds)
inline constexpr float sky_share = 0.08f;      ///< the least of sky, clouds in it included
inline constexpr float thing_share = 0.003f;   ///< the least of a thing: 12 pixels of 64 x 64
inline constexpr float thing_visible = 0.3f;   ///< the least part of a thing that others leave uncovered
inline constexpr float thing_contrast =
    0.06f;  ///< the least mean difference of its colours from what is behind
inline constexpr float mirror_share = 0.012f;  ///< the least area of mirror images

/// The labels of what the canvas shows.
inline std::vector<Label> seen_labels(const Painter& from) {
  const Canvas& canvas = from.canvas;
  std::vector<long> seen(from.things.size(), 0);
  std::vector<long> area(static_cast<std::size_t>(label_count) + 1, 0);
  long shore_line = 0;
  for (int row = 0; row < canvas.height(); ++row)
    for (int column = 0; column < canvas.width(); ++column) {
      const std::size_t i = canvas.place(column, row);
      ++seen[canvas.owner[i]];
      ++area[index_of(canvas.material[i])];
      const auto meets = [&](std::size_t j) {
        const Label a = canvas.material[i], b = canvas.material[j];
        return (a == Label::sand && b == Label::water) || (a == Label::water && b == Label::sand);
      };
      if (column + 1 < canvas.width() && meets(i + 1)) ++shore_line;
      if (row + 1 < canvas.height() && meets(canvas.place(column, row + 1))) ++shore_line;
    }
  const float points = static_cast<float>(canvas.width()) * static_cast<float>(canvas.height());
  std::vector<bool> has(static_cast<std::size_t>(label_count), false);
  const auto set = [&](Label label, bool value) { has[index_of(label)] = value; };
  const auto get = [&](Label label) { return static_cast<bool>(has[index_of(label)]); };
  const auto share = [&](Label label) { return static_cast<float>(area[index_of(label)]) / points; };
  for (const Label label : {Label::clouds, Label::grass, Label::sand, Label::water, Label::snow, Label::brick,
                            Label::wood, Label::rock, Label::flowers, Label::road})
    set(label, share(label) >= texture_share);
  set(Label::sky, share(Label::sky) + share(Label::clouds) >= sky_share);
  std::vector<int> count(static_cast<std::size_t>(label_count) + 1, 0);
  for (std::size_t thing = 1; thing < from.things.size(); ++thing) {
    const float visible = static_cast<float>(seen[thing]),
                painted = static_cast<float>(from.things[thing].painted);
    if (visible < thing_share * points || visible < thing_visible * painted) continue;
    if (from.things[thing].contrast < thing_contrast * painted) continue;
    ++count[index_of(from.things[thing].label)];
    set(from.things[thing].label, true);
  }
  const auto number = [&](Label label) { return count[index_of(label)]; };
  set(Label::night, from.hour == Hour::night && get(Label::sky));
  set(Label::sunset, from.hour == Hour::sunset && get(Label::sky));
  set(Label::fog, from.fog > 0);
  set(Label::rain, from.rain);
  set(Label::indoor, from.indoor);
  set(Label::winter, from.winter && get(Label::snow));
  set(Label::crowd, number(Label::person) >= 5);
  set(Label::forest, number(Label::tree) >= 5);
  set(Label::city, number(Label::tower) + number(Label::house) >= 4);
  set(Label::garden, get(Label::flowers) && get(Label::grass) && (get(Label::fence) || get(Label::house)));
  set(Label::beach, get(Label::sand) && get(Label::water) &&
                        static_cast<float>(shore_line) > 0.35f * static_cast<float>(canvas.width()));
  set(Label::reflection, get(Label::water) && static_cast<float>(from.mirrored) > mirror_share * points);
  std::vector<Label> labels;
  for (int label = 0; label < label_count; ++label)
    if (has[static_cast<std::size_t>(label)]) labels.push_back(static_cast<Label>(label));
  return labels;
}

inline constexpr int most_labels = 8;

/// The picture of a stream of random numbers: the first try of at most 255 that shows 1 to 8 labels (by far
/// most first tries do). The streams from `stream` to `stream + 254` are its own.
inline Picture paint_picture(std::uint64_t seed, std::uint64_t stream, int width, int height) {
  for (std::uint64_t attempt = 0;; ++attempt) {
    Painter painter(2 * width, 2 * height, Random(seed, stream + attempt));
    const float kind = painter.random.uniform();
    if (kind < 0.24f)
      compose_closeup(painter);
    else if (kind < 0.34f)
      compose_sky(painter);
    else if (kind < 0.62f)
      compose_land(painter);
    else if (kind < 0.78f)
      compose_water(painter);
    else if (kind < 0.86f)
      compose_town(painter);
    else
      compose_room(painter);
    if (painter.fog > 0) draw_fog(painter);
    if (painter.rain) draw_rain(painter);
    if (painter.winter && painter.chance(0.4f)) draw_snowfall(painter);
    std::vector<Label> labels = seen_labels(painter);
    if (labels.empty() || labels.size() > most_labels) {
      if (attempt < 254) continue;
      detail::fail("draw_scene: no picture with 1 to 8 labels in 255 tries for seed " + std::to_string(seed));
    }
    return {width, height, expose(painter, width, height), std::move(labels)};
  }
}

}  // namespace mmdl::detail::scenes
