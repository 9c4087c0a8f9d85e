// SPDX-License-Identifier: Apache-2.0
// What a manifest is, and the checks that each of its forms has to pass.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"

namespace mmdl {

/// One annotated image.
struct Sample {
  std::string image;              ///< path below the manifest's root
  std::vector<int> labels;        ///< places in the manifest's vocabulary, each at most once; may be empty
  std::vector<std::string> tags;  ///< what users wrote about it: noisy, any words, may be empty
  friend bool operator==(const Sample&, const Sample&) = default;
};

/// A data set: the vocabulary of labels, and images with their labels and tags.
struct Manifest {
  std::vector<std::string> labels;  ///< the vocabulary: column i of a label tensor is labels[i]
  std::vector<Sample> samples;
  std::string root;  ///< the folder that the samples' paths begin at
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// How a manifest is read.
struct ManifestOptions {
  /// The folder of the images, relative to the folder of the manifest unless absolute. Empty: that folder
  /// itself.
  std::string root = {};
  /// Accept images that are reached by symbolic links that lead out of the root.
  bool links_outside = false;
};

namespace detail {

/// The path without ".", ".." and double slashes. Throws `Error` when it names no file below the root.
inline std::string normal_path(const std::string& place, std::string_view path) {
  const auto bad = [&](const char* why) {
    fail(place, "the path " + quoted(path) + why, "a path of a file below the root");
  };
  if (path.empty()) fail(place, "an empty path", "a path of a file below the root");
  if (path.front() == '/') bad(", which is absolute");
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      bad(", which leads out of it");
    } else {
      parts.pop_back();
    }
  }
  if (parts.empty()) bad(", which names a folder");
  std::string result;
  for (const auto part : parts) (result.empty() ? result : result += '/') += part;
  return result;
}

/// A label, tag or path: not empty, UTF-8, no control characters (a line end in a name would break TSV, a NUL
/// would cut a path short for the system and not for our checks).
inline void check_name(const std::string& place, const char* kind, std::string_view name) {
  if (name.empty()) fail(place, std::string("an empty ") + kind, std::string("a ") + kind);
  const bool control = std::any_of(name.begin(), name.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; });
  if (control || !valid_utf8(name))
    fail(place, std::string("the ") + kind + " " + quoted(name), "UTF-8 text without control characters");
}

/// Refuses images that symbolic links take out of the root. A file that is not there is left to who reads it.
class LinkGuard {
 public:
  explicit LinkGuard(const std::string& root) {
    std::error_code error;
    root_ = std::filesystem::canonical(root.empty() ? "." : root, error);
    given_ = root;
  }

  void check(const std::string& place, const std::string& image) {
    if (root_.empty()) return;
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path path = fs::path(given_) / image;
    const std::string parent = path.parent_path().string();
    auto known = folders_.find(parent);  // few folders hold many images
    if (known == folders_.end()) {
      const fs::path real = fs::canonical(parent.empty() ? "." : parent, error);
      known = folders_.emplace(parent, error || inside(real)).first;
    }
    bool ok = known->second;
    if (ok && fs::is_symlink(fs::symlink_status(path, error))) {
      const fs::path real = fs::canonical(path, error);
      ok = error || inside(real);
    }
    if (!ok)
      fail(place, "the path " + quoted(image) + ", which a symbolic link takes out of the root",
           "a path of a file below the root");
  }

 private:
  bool inside(const std::filesystem::path& path) const {
    return std::mismatch(root_.begin(), root_.end(), path.begin(), path.end()).first == root_.end();
  }
  std::filesystem::path root_;
  std::string given_;
  std::unordered_map<std::string, bool> folders_;
};

/// Puts a manifest together and refuses what contradicts itself. `place` names file and line or sample.
class ManifestBuilder {
 public:
  ManifestBuilder(std::string root, bool links_outside) : links_outside_(links_outside), guard_(root) {
    manifest_.root = std::move(root);
  }

  void set_labels(const std::string& place, std::vector<std::string> labels) {
    if (labels.empty()) fail(place, "a vocabulary without labels", "at least one");
    for (std::size_t i = 0; i < labels.size(); ++i) {
      check_name(place, "label", labels[i]);
      if (!columns_.emplace(labels[i], static_cast<int>(i)).second)
        fail(place, "the label " + quoted(labels[i]) + " twice in the vocabulary", "each label once");
    }
    manifest_.labels = std::move(labels);
  }

  void add(const std::string& place, std::string image, const std::vector<std::string>& labels,
           std::vector<std::string> tags) {
    Sample sample;
    if (!image.empty()) check_name(place, "path", image);
    std::string path = normal_path(place, image);
    if (!links_outside_) guard_.check(place, path);
    const auto [first, is_new] = images_.emplace(std::move(path), place);
    if (!is_new)
      fail(place, "the image " + quoted(image) + " again, already at " + first->second, "each image once");
    for (const auto& label : labels) {
      check_name(place, "label", label);
      const auto column = columns_.find(label);
      if (column == columns_.end())
        fail(place, "the unknown label " + quoted(label), "a label of the vocabulary");
      if (std::find(sample.labels.begin(), sample.labels.end(), column->second) != sample.labels.end())
        fail(place, "the label " + quoted(label) + " twice", "each label of a sample once");
      sample.labels.push_back(column->second);
    }
    for (const auto& tag : tags) check_name(place, "tag", tag);
    sample.image = std::move(image);
    sample.tags = std::move(tags);
    manifest_.samples.push_back(std::move(sample));
  }

  Manifest finish(const std::string& place) {
    if (manifest_.samples.empty()) fail(place, "no samples", "at least one");
    return std::move(manifest_);
  }

 private:
  bool links_outside_;
  LinkGuard guard_;
  Manifest manifest_;
  std::unordered_map<std::string, int> columns_;
  std::unordered_map<std::string, std::string> images_;  ///< normal path, and where it was first
};

}  // namespace detail
}  // namespace mmdl
