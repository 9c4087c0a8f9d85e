// SPDX-License-Identifier: Apache-2.0
// The words that the made-up users of the built-in scenes write: names of what is seen, and everything else.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "labels.hpp"

namespace mmdl::detail::scenes {

/// What users write for a label, the label's own word first; a word may stand for several labels.
inline constexpr std::array<std::string_view, static_cast<std::size_t>(label_count)> label_words{
    "sky blue heaven air horizon",
    "clouds cloud cloudy weather overcast",
    "grass lawn meadow green field",
    "sand dune desert sandy",
    "water sea lake ocean waves",
    "snow snowy white ice",
    "brick bricks wall masonry",
    "wood wooden timber planks",
    "rock rocks stone stones cliff",
    "flowers flower blossom bloom petals",
    "road street asphalt path way",
    "mountain mountains hills peak alps",
    "house home cottage building roof",
    "tower skyscraper building highrise office",
    "tree trees branches leaves nature",
    "boat ship sailing yacht sail",
    "car auto vehicle traffic cars",
    "bird birds gull wings animal",
    "ball football game toy round",
    "person man woman people portrait",
    "fence gate picket barrier",
    "sun sunshine sunny light sunlight",
    "moon lunar crescent moonlight",
    "bridge arch crossing span",
    "animal cow horse dog pet sheep",
    "fire flames campfire hot burning",
    "balloon hotair flight floating",
    "flag banner pole waving",
    "night dark nightscape evening lights",
    "sunset dusk sundown orange evening",
    "fog mist foggy haze misty",
    "crowd people group many festival",
    "reflection mirror reflections calm symmetry",
    "beach coast shore seaside sand",
    "city urban skyline downtown town",
    "garden park backyard spring gardening",
    "indoor room inside interior home",
    "winter cold frost white snow",
    "rain rainy storm wet weather",
    "forest woods trees woodland nature"};

/// What users write beside what is seen, the most usual first.
inline constexpr std::string_view other_words =
    "canon nikon photo summer travel vacation family friends 2008 art explore trip 2007 europe usa "
    "california "
    "wedding music party color bw macro london blackandwhite birthday digital kodak sony wow hdr film day "
    "red "
    "holiday food baby new black yellow york paris italy france japan spain germany canada australia "
    "beautiful "
    "love fun cute old vintage square concert live me sister brother mother father kids child girl boy "
    "weekend march april may june july august september october november december january february monday "
    "tuesday friday saturday sunday morning noon afternoon geotagged flickr bestshot award favourite lens "
    "zoom "
    "wide closeup abstract pattern texture detail shadow silhouette contrast bokeh exposure panorama raw iso "
    "tripod flash filter studio model fashion dance band guitar piano show stage theatre cinema museum "
    "gallery "
    "painting drawing sculpture graffiti sign letters book library school university work computer "
    "phone laptop coffee tea cake bread cheese wine beer dinner lunch breakfast restaurant kitchen market "
    "shop "
    "store church temple castle palace monument statue history ruins heritage station train metro bus plane "
    "airport bicycle motorbike taxi hotel camping hiking climbing skiing surfing swimming running cycling "
    "soccer baseball tennis golf team match stadium race marathon north south east west island river "
    "valley canyon waterfall volcano rainbow thunder wind dawn star space planet earth world asia africa "
    "india china thailand brazil mexico chile peru scotland ireland wales norway sweden iceland greece "
    "turkey "
    "egypt kenya texas florida seattle chicago boston berlin rome madrid lisbon vienna prague tokyo sydney "
    "happy sad lonely quiet peace dream memories smile eyes face hair hands dress hat shoes glasses silver "
    "gold "
    "pink purple brown grey bright soft warm cool fresh sweet strange random funny amazing lovely perfect "
    "great "
    "big small long high low near far left right up down";

inline std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find(' ', begin);
    if (end == std::string_view::npos) end = text.size();
    words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// Labels that are often seen together, so that a user writes one where another is.
inline constexpr std::array<std::array<Label, 4>, static_cast<std::size_t>(label_count)> companions = [] {
  using enum Label;
  return std::array<std::array<Label, 4>, static_cast<std::size_t>(label_count)>{{
      {clouds, sun, bird, sunset},        {sky, rain, sun, mountain},        {tree, flowers, animal, garden},
      {beach, water, rock, sun},          {boat, reflection, beach, bridge}, {winter, mountain, tree, fog},
      {house, wood, city, indoor},        {brick, tree, fence, indoor},      {mountain, water, sand, beach},
      {garden, grass, tree, house},       {car, city, house, tree},          {snow, sky, rock, forest},
      {garden, tree, fence, brick},       {city, night, car, road},          {forest, grass, bird, house},
      {water, reflection, beach, person}, {road, city, person, tower},       {sky, tree, water, animal},
      {person, grass, beach, indoor},     {crowd, indoor, city, ball},       {garden, house, grass, animal},
      {sky, sunset, beach, clouds},       {night, sky, clouds, city},        {water, city, reflection, boat},
      {grass, fence, forest, person},     {night, crowd, wood, forest},      {sky, clouds, crowd, bird},
      {crowd, city, tower, house},        {moon, city, fire, tower},         {sun, sky, beach, clouds},
      {forest, rain, water, winter},      {person, city, flag, indoor},      {water, boat, bridge, tree},
      {sand, water, person, sun},         {tower, road, car, crowd},         {flowers, house, tree, fence},
      {person, wood, fire, ball},         {snow, tree, fog, mountain},       {clouds, fog, city, water},
      {tree, fog, animal, mountain},
  }};
}();

}  // namespace mmdl::detail::scenes
