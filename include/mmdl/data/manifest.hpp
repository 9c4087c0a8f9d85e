// SPDX-License-Identifier: Apache-2.0
// Manifests: which images there are, with their labels and tags; read and written as JSON or TSV.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/file.hpp"
#include "../core/text.hpp"
#include "../data/image_keys.hpp"
#include "../data/line_reader.hpp"
#include "../data/manifest_builder.hpp"
#include "../data/manifest_json.hpp"
#include "../data/manifest_tsv.hpp"

namespace mmdl {

/// Parses the text of a manifest, told apart by its first character. JSON:
///
///     {"labels": ["grass", "sky"],
///      "samples": [{"image": "images/1.jpg", "labels": ["grass"], "tags": ["holiday"]}, ...]}
///
/// where `image_name` and `image_labels` may stand for `image` and `labels`, and `tags` may be left out. TSV,
/// with LF or CRLF, where the third field may be left out and the second may be empty:
///
///     #labels<TAB>grass,sky
///     images/1.jpg<TAB>grass<TAB>holiday,sun
///
/// `name` stands for the text in messages, `root` becomes the manifest's root.
/// Throws `Error` with the line (TSV), or the byte or the sample (JSON, from 0), for text that is cut short
/// or of another form, a wrong type, a key that is none of these, an empty, unknown or repeated label, a
/// repeated image, a path that is absolute or leads out of the root by ".." or (unless `links_outside`) a
/// symbolic link, and for a manifest without labels or samples.
inline Manifest parse_manifest(std::string_view text, const std::string& name, const std::string& root,
                               bool links_outside = false) {
  const std::string place = detail::printable(name, 4096);
  detail::ManifestBuilder builder(root, links_outside);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (text[first] == '{' || text[first] == '['))
    detail::parse_json_manifest(place, text, builder);
  else
    detail::parse_tsv_manifest(place, text, builder);
  return builder.finish(place);
}

/// Reads a manifest file; see `parse_manifest`. Its root is the folder of the file, or `options.root`.
/// Throws `Error` when the file cannot be read or has more than 2^31 bytes, too.
inline Manifest read_manifest(const std::string& path, const ManifestOptions& options = {}) {
  const std::filesystem::path root = std::filesystem::path(path).parent_path() / options.root;
  return parse_manifest(read_file(path, std::size_t{1} << 31), path, root.string(), options.links_outside);
}

/// Writes a manifest, whole or not at all: as JSON to a path that ends in ".json", as TSV to one in ".tsv".
/// The samples' paths are written as they are: a reader takes them from the folder of the file, or from its
/// own `ManifestOptions::root`. Reading it back gives an equal manifest, but for the root. Throws `Error` for
/// another ending, for what `parse_manifest` would refuse, for a name with a comma in TSV, and when the file
/// cannot be written.
inline void write_manifest(const std::string& path, const Manifest& manifest) {
  const std::string place = detail::printable(path, 4096);
  detail::ManifestBuilder builder(manifest.root, true);
  builder.set_labels(place + ": labels", manifest.labels);
  for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
    const Sample& sample = manifest.samples[i];
    const std::string sample_place = place + ": sample " + std::to_string(i);
    std::vector<std::string> labels;
    for (const int label : sample.labels) {
      if (label < 0 || static_cast<std::size_t>(label) >= manifest.labels.size())
        detail::fail(sample_place, "label " + std::to_string(label),
                     "0 to " + std::to_string(manifest.labels.size() - 1));
      labels.push_back(manifest.labels[static_cast<std::size_t>(label)]);
    }
    builder.add(sample_place, sample.image, labels, sample.tags);
  }
  builder.finish(place);
  if (path.ends_with(".json"))
    write_file(path, detail::json_manifest(manifest));
  else if (path.ends_with(".tsv"))
    write_file(path, detail::tsv_manifest(place, manifest));
  else
    detail::fail(place, "an unknown ending", "a path that ends in .json or .tsv");
}

/// How a tags file is joined to a manifest.
struct TagsOptions {
  bool allow_unknown_images = false;  ///< pass over lines about images that the manifest has not
  ImageKey key = ImageKey::path;      ///< what a line begins with
  bool several_images = false;        ///< give the tags of a key that fits several images to each of them
};

namespace detail {

/// `attach_tags` to samples.
inline int attach_tags(std::span<Sample> samples, const std::string& path, const TagsOptions& options) {
  LineReader reader(path);
  const std::string& name = reader.name();
  const ImageIndex index(name, samples, options.key);
  std::unordered_map<std::size_t, std::vector<std::string>> found;
  int unknown = 0;
  std::string_view line;
  while (reader.next(line)) {
    const std::string place = reader.place();
    std::vector<std::string> words;
    for (std::size_t begin = line.find_first_not_of(" \t"); begin < line.size();) {
      const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
      words.emplace_back(line.substr(begin, end - begin));
      begin = line.find_first_not_of(" \t", end);
    }
    if (words.empty()) continue;
    for (const auto& word : words) check_name(place, "word", word);
    const std::vector<std::size_t>* const images = index.find(place, words[0]);
    if (images == nullptr) {
      if (!options.allow_unknown_images)
        fail(place, "the unknown image " + quoted(words[0]), "an image of the manifest");
      ++unknown;
      continue;
    }
    if (images->size() > 1 && !options.several_images)
      fail(place, "the key " + quoted(words[0]) + " of " + std::to_string(images->size()) + " images",
           "a key of one image, such as its path");
    words.erase(words.begin());
    for (const std::size_t image : *images)
      if (!found.emplace(image, words).second) fail(place, "a second line of an image", "each image once");
  }
  for (auto& [sample, words] : found) {
    auto& tags = samples[sample].tags;
    tags.insert(tags.end(), words.begin(), words.end());
  }
  return unknown;
}

}  // namespace detail

/// Appends the tags of a file to the samples: lines `<image> <tag> <tag> ...`, separated by blanks or tabs,
/// where `<image>` is a sample's path (or, with `ImageKey::any`, its file name or number) and has no blanks.
/// A sample may have no line, a line no tags. Returns the number of lines passed over. Throws `Error` with
/// the line for an unknown image (unless allowed), a key of several images (unless allowed), an image twice
/// or a tag that is not text, and when the file cannot be read; the manifest is unchanged then.
inline int attach_tags(Manifest& manifest, const std::string& path, const TagsOptions& options = {}) {
  return detail::attach_tags(std::span<Sample>(manifest.samples), path, options);
}

}  // namespace mmdl
