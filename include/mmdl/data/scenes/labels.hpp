// SPDX-License-Identifier: Apache-2.0
// The labels of the built-in scenes: what a picture may show, from fine texture to whole scene.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mmdl::detail::scenes {

/// The order is the order of the labels in a manifest. Textures first, then objects, then concepts that only
/// the whole picture shows.
enum class Label : std::uint8_t {
  sky,
  clouds,
  grass,
  sand,
  water,
  snow,
  brick,
  wood,
  rock,
  flowers,
  road,
  mountain,
  house,
  tower,
  tree,
  boat,
  car,
  bird,
  ball,
  person,
  fence,
  sun,
  moon,
  bridge,
  animal,
  fire,
  balloon,
  flag,
  night,
  sunset,
  fog,
  crowd,
  reflection,
  beach,
  city,
  garden,
  indoor,
  winter,
  rain,
  forest,
  none  ///< a part of the picture that no label names
};

inline constexpr int label_count = static_cast<int>(Label::none);

inline constexpr std::array<const char*, static_cast<std::size_t>(label_count)> label_names{
    "sky",   "clouds",   "grass",      "sand",   "water",  "snow",   "brick",   "wood",   "rock",  "flowers",
    "road",  "mountain", "house",      "tower",  "tree",   "boat",   "car",     "bird",   "ball",  "person",
    "fence", "sun",      "moon",       "bridge", "animal", "fire",   "balloon", "flag",   "night", "sunset",
    "fog",   "crowd",    "reflection", "beach",  "city",   "garden", "indoor",  "winter", "rain",  "forest"};

constexpr std::size_t index_of(Label label) { return static_cast<std::size_t>(label); }

}  // namespace mmdl::detail::scenes
