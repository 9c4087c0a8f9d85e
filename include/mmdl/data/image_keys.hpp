// SPDX-License-Identifier: Apache-2.0
// By what names a file of tags may call the images of a manifest.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/manifest_builder.hpp"

namespace mmdl {

/// What stands for an image in a tags file.
enum class ImageKey {
  path,  ///< its path in the manifest
  /// Its path, or else its file name, or that without its extension, or the number at the end of that without
  /// leading zeros: `val2014/COCO_val2014_000000000042.jpg`, `COCO_val2014_000000000042` or `42` (COCO's id),
  /// and the Flickr id `174174086` of NUS-WIDE's `actor/0002_174174086.jpg`. The first that fits counts.
  any,
};

namespace detail {

/// The number at the end of a file's name, without leading zeros; empty when it ends otherwise.
inline std::string_view trailing_number(std::string_view stem) {
  std::size_t begin = stem.size();
  while (begin > 0 && stem[begin - 1] >= '0' && stem[begin - 1] <= '9') --begin;
  std::string_view number = stem.substr(begin);
  while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
  return number;
}

/// Finds images by key.
class ImageIndex {
 public:
  ImageIndex(const std::string& name, std::span<const Sample> samples, ImageKey key) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::string path = normal_path(name + ": sample " + std::to_string(i), samples[i].image);
      maps_[0][path].push_back(i);
      if (key == ImageKey::path) continue;
      const std::string_view file = std::string_view(path).substr(path.rfind('/') + 1);
      const std::string_view stem = file.substr(0, file.rfind('.'));
      maps_[1][std::string(file)].push_back(i);
      maps_[2][std::string(stem)].push_back(i);
      if (const auto number = trailing_number(stem); !number.empty())
        maps_[3][std::string(number)].push_back(i);
    }
  }

  /// The images of a key; null when there are none.
  const std::vector<std::size_t>* find(const std::string& place, std::string_view key) const {
    const std::string path = normal_path(place, key);
    for (const auto& map : maps_)
      if (const auto found = map.find(path); found != map.end()) return &found->second;
    return nullptr;
  }

 private:
  std::array<std::unordered_map<std::string, std::vector<std::size_t>>, 4> maps_;
};

}  // namespace detail
}  // namespace mmdl
