// SPDX-License-Identifier: Apache-2.0
// MSCOCO's instances_*.json as a manifest.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/file.hpp"
#include "../core/text.hpp"
#include "../data/coco_json.hpp"
#include "../data/incomplete.hpp"
#include "../data/manifest_builder.hpp"

namespace mmdl {

/// How `read_coco` reads.
struct CocoOptions {
  Incomplete unlabelled = Incomplete::keep;  ///< images without annotation
  Incomplete gone = Incomplete::keep;        ///< images without a file; `keep` does not look for the files
  bool links_outside = false;                ///< accept symbolic links that lead out of the image folder
};

/// What `read_coco` gives.
struct Coco {
  Manifest manifest;                       ///< labels are the categories by rising id
  std::vector<std::int64_t> category_ids;  ///< of each label
  std::vector<std::int64_t> image_ids;     ///< of each sample
  int unlabelled = 0;                      ///< images left out because they have no annotation
  int gone = 0;                            ///< images left out because they have no file
};

namespace detail {

inline Coco make_coco(const std::string& name, CocoParts parts, const std::string& root,
                      const CocoOptions& options) {
  Coco result;
  std::map<std::int64_t, std::string> categories;
  for (std::size_t i = 0; i < parts.categories.size(); ++i)
    if (!categories.emplace(parts.categories[i].id, std::move(parts.categories[i].name)).second)
      fail(name + ": category " + std::to_string(i),
           "the id " + std::to_string(parts.categories[i].id) + " again", "each category once");
  std::vector<std::string> labels;
  std::unordered_map<std::int64_t, std::size_t> columns, rows;
  for (const auto& [id, label] : categories) {
    columns.emplace(id, labels.size());
    result.category_ids.push_back(id);
    labels.push_back(label);
  }
  ManifestBuilder builder(root, options.links_outside);
  builder.set_labels(name + ": categories", labels);

  for (std::size_t i = 0; i < parts.images.size(); ++i)
    if (!rows.emplace(parts.images[i].id, i).second)
      fail(name + ": image " + std::to_string(i), "the id " + std::to_string(parts.images[i].id) + " again",
           "each image once");
  std::vector<std::vector<std::size_t>> found(parts.images.size());
  for (std::size_t i = 0; i < parts.annotations.size(); ++i) {
    const auto [image, category] = parts.annotations[i];
    const auto row = rows.find(image);
    const auto column = columns.find(category);
    const auto place = [&] { return name + ": annotation " + std::to_string(i); };
    if (row == rows.end()) fail(place(), "the unknown image " + std::to_string(image), "an id of 'images'");
    if (column == columns.end())
      fail(place(), "the unknown category " + std::to_string(category), "an id of 'categories'");
    auto& set = found[row->second];
    if (std::find(set.begin(), set.end(), column->second) == set.end()) set.push_back(column->second);
  }

  for (std::size_t i = 0; i < parts.images.size(); ++i) {
    const std::string place = name + ": image " + std::to_string(i);
    std::error_code error;
    if (options.gone != Incomplete::keep &&
        !std::filesystem::is_regular_file(std::filesystem::path(root) / parts.images[i].name, error)) {
      if (options.gone == Incomplete::refuse)
        fail(place, "no file " + quoted(parts.images[i].name), "one in " + quoted(root));
      ++result.gone;
      continue;
    }
    if (found[i].empty() && options.unlabelled != Incomplete::keep) {
      if (options.unlabelled == Incomplete::refuse)
        fail(place, "no annotation of " + quoted(parts.images[i].name), "at least one");
      ++result.unlabelled;
      continue;
    }
    std::sort(found[i].begin(), found[i].end());
    std::vector<std::string> names;
    for (const std::size_t column : found[i]) names.push_back(labels[column]);
    builder.add(place, std::move(parts.images[i].name), names, {});
    result.image_ids.push_back(parts.images[i].id);
  }
  result.manifest = builder.finish(name);
  return result;
}

}  // namespace detail

/// Reads annotations of objects in MSCOCO's form (`instances_train2014.json` and `instances_val2014.json` are
/// the splits of the paper): the labels of an image are the set of the categories of its annotations, columns
/// are the categories by rising id (which has gaps: 1 to 90 for 80 categories). `image_root` is the folder
/// that `file_name` begins at. Tags are no part of it: see `attach_tags` with `ImageKey::any`. The file is
/// streamed; polygons and masks are passed over, and never in memory. Throws `Error` with the byte for text
/// that is not JSON or cut short; with the number (from 0) for an image, annotation or category without its
/// fields, an id or a file twice, an annotation of an unknown image or category, a path that leads out of
/// `image_root`; and when nothing is left, or a file cannot be read.
inline Coco read_coco(const std::string& instances_json, const std::string& image_root,
                      const CocoOptions& options = {}) {
  const std::unique_ptr<std::FILE, detail::CloseFile> file(std::fopen(instances_json.c_str(), "rbe"));
  if (!file) detail::fail_file(instances_json, "open", errno);
  const std::string name = detail::printable(instances_json, 4096);
  detail::CocoParts parts = detail::parse_coco(name, file.get());
  if (std::ferror(file.get()) != 0) detail::fail_file(instances_json, "read", errno);
  return detail::make_coco(name, std::move(parts), image_root, options);
}

}  // namespace mmdl
