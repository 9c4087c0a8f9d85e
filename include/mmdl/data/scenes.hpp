// SPDX-License-Identifier: Apache-2.0
// The built-in scenes: labelled, tagged pictures made by a program, for trying without a data set.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/file.hpp"
#include "../core/random.hpp"
#include "../core/text.hpp"
#include "../core/threads.hpp"
#include "../data/jpeg.hpp"
#include "../data/manifest.hpp"
#include "../data/scenes/compose.hpp"
#include "../data/scenes/tags.hpp"

namespace mmdl {

/// What scenes to make. The tags' defaults are about as noisy as those of photo sharing sites.
struct SceneOptions {
  int train = 2000, test = 500;  ///< pictures of the two splits; one of them may be 0
  int size = 64;                 ///< pixels a side, 32 to 512
  float stretch = 0;             ///< up to this much wider than high, drawn for each picture; 0 to 1
  std::uint64_t seed = 1;
  int quality = 92;            ///< of the JPEG files, 1 to 100
  float tag_keep = 0.5f;       ///< chance that a true label is tagged, by its name or a synonym
  float tag_confuse = 0.12f;   ///< chance, a true label, of a tag for an absent label that often goes with it
  float tag_unrelated = 3.5f;  ///< mean number of words that have nothing to do with the picture (Zipf's law)
  float tag_untagged = 0.06f;  ///< chance that a picture has no tags at all
};

/// One picture with what it shows and what a user wrote about it.
struct Scene {
  RgbImage image;
  std::vector<int> labels;  ///< 1 to 8 places in `scene_labels()`, ascending
  std::vector<std::string>
      tags;  ///< distinct words of `scene_tag_words()`, in no telling order; may be empty
};

/// The names of the labels, always the same 40: textures (grass, brick, ...), objects (house, bird, ...),
/// then what only a whole picture shows (night, crowd, reflection, ...).
inline std::vector<std::string> scene_labels() {
  return {detail::scenes::label_names.begin(), detail::scenes::label_names.end()};
}

/// Every word that a tag can be, in byte order.
inline const std::vector<std::string>& scene_tag_words() { return detail::scenes::Words::instance().all; }

namespace detail {

inline void check_scene_options(const SceneOptions& options) {
  const auto whole = [](const char* name, int value, int low, int high) {
    if (value < low || value > high)
      fail(std::string("scenes: ") + name, std::to_string(value),
           std::to_string(low) + " to " + std::to_string(high));
  };
  const auto real = [](const char* name, float value, float high) {
    if (!(value >= 0 && value <= high))  // so that NaN fails too
      fail(std::string("scenes: ") + name, std::to_string(value), "0 to " + std::to_string(high));
  };
  whole("train", options.train, 0, 1000000);
  whole("test", options.test, 0, 1000000);
  whole("size", options.size, 32, 512);
  whole("quality", options.quality, 1, 100);
  real("stretch", options.stretch, 1);
  real("tag_keep", options.tag_keep, 1);
  real("tag_confuse", options.tag_confuse, 1);
  real("tag_unrelated", options.tag_unrelated, 100);
  real("tag_untagged", options.tag_untagged, 1);
}

/// A folder that is to appear whole or not at all: filled beside its place, then renamed.
class AtomicFolder {
 public:
  explicit AtomicFolder(const std::string& path) : target_(std::filesystem::path(path).lexically_normal()) {
    if (!target_.has_filename()) target_ = target_.parent_path();  // "scenes/" is "scenes"
    const std::string place = printable(path, 4096);
    std::error_code error;
    const auto status = std::filesystem::symlink_status(target_, error);
    if (std::filesystem::exists(status) &&
        !(std::filesystem::is_directory(status) && std::filesystem::is_empty(target_, error) && !error))
      fail(place, "something there already", "a new or an empty folder");
    for (int attempt = 0; attempt < 1000; ++attempt) {
      temporary_ = target_;
      temporary_ +=
          "." + std::to_string(::getpid()) + (attempt == 0 ? "" : "." + std::to_string(attempt)) + ".tmp";
      if (std::filesystem::create_directory(temporary_, error)) return;
      if (error) fail(place + ": cannot create a folder beside it: " + error.message());
    }
    fail(place, "1000 left-over temporary folders beside it", "room for one");
  }
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  ~AtomicFolder() {
    std::error_code ignored;
    if (!committed_) std::filesystem::remove_all(temporary_, ignored);
  }

  /// Writes one file of the folder. It need not be atomic, since the folder is.
  void write(const std::string& name, std::span<const std::byte> bytes) const {
    const std::string path = (temporary_ / name).string();
    std::FILE* file = std::fopen(path.c_str(), "wbxe");
    if (file == nullptr) fail_file(path, "create", errno);
    const bool whole = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    const int error = errno;
    if (std::fclose(file) != 0) fail_file(path, "write", errno);
    if (!whole) fail_file(path, "write", error);
  }

  /// Where to write meanwhile.
  const std::filesystem::path& path() const { return temporary_; }

  void commit() {
    std::error_code error;
    std::filesystem::rename(temporary_, target_, error);
    if (error)
      fail(printable(target_.string(), 4096) + ": cannot put the new folder there: " + error.message());
    committed_ = true;
  }

 private:
  std::filesystem::path target_, temporary_;
  bool committed_ = false;
};

}  // namespace detail

/// Paints picture number `index` of a seed: the same for the same `seed`, `index` and options, whatever other
/// pictures are made and on whichever thread (`options.seed`, `train`, `test` and `quality` play no part).
/// A label is given if, and only if, it is seen: a texture on at least 5 % of the picture (sky: 8 %), a thing
/// on at least 0.3 % of it, with at least 30 % of the thing uncovered and colours that differ from what is
/// behind it by 6 % of the full range or more. Throws `Error` for options out of range.
inline Scene draw_scene(std::uint64_t seed, std::uint64_t index, const SceneOptions& options = {}) {
  detail::check_scene_options(options);
  const std::uint64_t stream = index * 256;  // 255 tries to paint, then the tags
  Random shape(seed, stream + 255);
  const int width =
      options.size + static_cast<int>(static_cast<float>(options.size) * options.stretch * shape.uniform());
  auto picture = detail::scenes::paint_picture(seed, stream, width, options.size);
  Scene scene;
  scene.image.width = picture.width;
  scene.image.height = picture.height;
  scene.image.pixels = std::move(picture.pixels);
  for (const auto label : picture.labels) scene.labels.push_back(static_cast<int>(label));
  scene.tags = detail::scenes::draw_tags(
      shape, picture.labels,
      {options.tag_keep, options.tag_confuse, options.tag_unrelated, options.tag_untagged});
  return scene;
}

/// The index in its seed of the first test picture: far behind the training pictures, so that the test split
/// does not change with their number.
inline constexpr std::uint64_t first_test_scene = std::uint64_t{1} << 32;

/// Writes a data set to `folder`, which must be new or empty: `images/000001.jpg`, ..., training pictures
/// first, and the manifests `train.json` and `test.json` (a split of 0 pictures has none). The folder appears
/// whole or not at all: it is filled beside its place and then renamed. The same options give the same bytes
/// from the same program, on any number of threads. Throws `Error` for options out of range, no pictures at
/// all, a folder with something in it, and when the system refuses.
inline void write_scenes(const std::string& folder, const SceneOptions& options = {}) {
  detail::check_scene_options(options);
  if (options.train + options.test < 1) detail::fail("scenes: train and test", "0 pictures", "1 or more");
  detail::AtomicFolder place(folder);
  std::error_code error;
  if (!std::filesystem::create_directory(place.path() / "images", error))
    detail::fail(detail::printable(folder, 4096) + ": cannot create images/ in it: " + error.message());
  const int count = options.train + options.test;
  std::vector<Sample> samples(static_cast<std::size_t>(count));
  std::exception_ptr failure;
  std::mutex failure_mutex;
  detail::parallel_ranges(count, 1, [&](long begin, long end) {
    try {
      for (long i = begin; i < end; ++i) {
        const bool is_test = i >= options.train;
        const auto index = is_test ? first_test_scene + static_cast<std::uint64_t>(i - options.train)
                                   : static_cast<std::uint64_t>(i);
        Scene scene = draw_scene(options.seed, index, options);
        std::string number = std::to_string(i + 1);
        number.insert(0, number.size() < 6 ? 6 - number.size() : 0, '0');
        Sample& sample = samples[static_cast<std::size_t>(i)];
        sample = {"images/" + number + ".jpg", std::move(scene.labels), std::move(scene.tags)};
        place.write(sample.image, encode_jpeg(scene.image, options.quality));
      }
    } catch (...) {  // an exception must not leave a thread
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  const auto middle = samples.begin() + options.train;
  if (options.train > 0)
    write_manifest((place.path() / "train.json").string(),
                   Manifest{scene_labels(), {samples.begin(), middle}, ""});
  if (options.test > 0)
    write_manifest((place.path() / "test.json").string(),
                   Manifest{scene_labels(), {middle, samples.end()}, ""});
  place.commit();
}

}  // namespace mmdl
