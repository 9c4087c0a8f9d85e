// SPDX-License-Identifier: Apache-2.0
// Reading the data sets of a study.
#include "data.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mmdl/data/coco.hpp>
#include <mmdl/data/manifest.hpp>
#include <mmdl/data/nus_wide.hpp>
#include <mmdl/data/scenes.hpp>

namespace reproduce {

using mmdl::detail::fail, mmdl::detail::quoted;

namespace {

/// Draws the scenes once: the same options draw the same pictures.
mmdl::Manifest scenes(const std::string& folder, const mmdl::SceneOptions& options, const char* manifest) {
  if (!std::filesystem::exists(folder)) mmdl::write_scenes(folder, options);
  mmdl::Manifest result = mmdl::read_manifest(folder + "/" + manifest);
  const auto expected =
      static_cast<std::size_t>(manifest == std::string_view("test.json") ? options.test : options.train);
  if (result.samples.size() != expected)
    fail(folder + ": scenes of other options",
         std::to_string(result.samples.size()) + " pictures in " + manifest,
         std::to_string(expected) + " (another --out, or remove the folder)");
  return result;
}

/// What a network learns to recognise before it is shown this data set: the things in pictures of their own,
/// as a network that was trained on ImageNet knows objects. Textures and what only the whole picture shows
/// are no such things.
mmdl::Manifest things(mmdl::Manifest manifest) {
  const auto place = [&](const char* label) {
    return static_cast<int>(std::find(manifest.labels.begin(), manifest.labels.end(), label) -
                            manifest.labels.begin());
  };
  const int first = place("house"), last = place("flag");
  for (mmdl::Sample& sample : manifest.samples)
    std::erase_if(sample.labels, [&](int label) { return label < first || label > last; });
  std::erase_if(manifest.samples, [](const mmdl::Sample& sample) { return sample.labels.empty(); });
  return manifest;
}

void read_scenes(StudyData& data, const DataOptions& options) {
  const bool quick = options.preset == "quick";
  data.title = "built-in scenes";
  const int train = options.images > 0 ? options.images : quick ? 6000 : 20000;
  const mmdl::SceneOptions drawn{
      .train = train, .test = std::max(1, train / 3), .size = options.size, .seed = 1};
  data.train = scenes(options.out + "/scenes", drawn, "train.json");
  data.test = scenes(options.out + "/scenes", drawn, "test.json");
  data.pretrain =
      things(scenes(options.out + "/scenes-to-learn-from",
                    {.train = train, .test = 0, .size = options.size, .seed = 1001}, "train.json"));
  data.simulated_tags = true;
}

void read_corel5k(StudyData& data, const DataOptions& options) {
  data.title = "Corel-5k";
  const mmdl::ManifestOptions images{.root = "images"};
  data.train = mmdl::read_manifest(options.folder + "/train.json", images);
  data.test = mmdl::read_manifest(options.folder + "/test.json", images);
  if (data.train.labels != data.test.labels)
    fail(options.folder + "/test.json", "another vocabulary", "that of train.json, in its order");
  const std::string tags = options.tags_file.empty() ? options.folder + "/tags.txt" : options.tags_file;
  if (options.tags_file.empty() && !std::filesystem::exists(tags)) return;  // a study without tags
  for (mmdl::Manifest* manifest : {&data.train, &data.test})
    mmdl::attach_tags(*manifest, tags, {.allow_unknown_images = true});
  data.simulated_tags = true;  // the data set has none of its own
}

void note(StudyData& data, const std::string& what, int count, const char* why) {
  if (count > 0) data.notes.push_back(what + ": " + std::to_string(count) + " " + why);
}

void read_nus_wide(StudyData& data, const DataOptions& options) {
  data.title = "NUS-WIDE";
  const auto left_out = mmdl::Incomplete::leave_out;
  mmdl::NusWide read = mmdl::read_nus_wide(
      options.folder, {.untagged = options.keep_untagged ? mmdl::Incomplete::keep : left_out,
                       .gone = left_out,
                       .repair = options.repair,
                       .tags_file = options.tags_file});
  note(data, data.title, read.gone, "images left out, which have no file");
  note(data, data.title, read.untagged, "images left out, which have no tag");
  for (const std::string& repair : read.repaired) data.notes.push_back(repair);
  data.train = std::move(read.train);
  data.test = std::move(read.test);
}

void read_coco(StudyData& data, const DataOptions& options) {
  data.title = "MSCOCO";
  const auto split = [&](const std::string& name) {
    mmdl::Coco read = mmdl::read_coco(
        options.folder + "/annotations/instances_" + name + ".json", options.folder + "/" + name,
        {.unlabelled = mmdl::Incomplete::leave_out, .gone = mmdl::Incomplete::leave_out});
    note(data, name, read.gone, "images left out, which have no file");
    note(data, name, read.unlabelled, "images left out, which have no annotation");
    if (!options.tags_file.empty())
      mmdl::attach_tags(read.manifest, options.tags_file,
                        {.allow_unknown_images = true, .key = mmdl::ImageKey::any});
    return std::move(read.manifest);
  };
  data.train = split("train2014");
  data.test = split("val2014");
  if (data.train.labels != data.test.labels)
    fail(options.folder + "/annotations/instances_val2014.json", "other categories",
         "those of instances_train2014.json");
}

void hold_out(StudyData& data, double share, std::uint64_t seed) {
  const std::size_t count = data.train.samples.size();
  const auto size = static_cast<std::size_t>(std::lround(share * static_cast<double>(count)));
  if (size == 0 || size >= count)
    fail("held-out images", std::to_string(size) + " of " + std::to_string(count), "some, but not all");
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  mmdl::Random random(seed, 0x68656C64U);
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
  std::vector<bool> taken(count, false);
  for (std::size_t i = 0; i < size; ++i) taken[order[i]] = true;
  mmdl::Manifest rest{data.train.labels, {}, data.train.root};
  data.held_out = rest;
  for (std::size_t i = 0; i < count; ++i)
    (taken[i] ? data.held_out : rest).samples.push_back(std::move(data.train.samples[i]));
  data.train = std::move(rest);
}

}  // namespace

StudyData read_study_data(const DataOptions& options, double held_out, std::uint64_t seed) {
  StudyData data;
  data.name = options.name;
  if (options.name == "scenes")
    read_scenes(data, options);
  else if (options.name == "corel5k")
    read_corel5k(data, options);
  else if (options.name == "nus-wide")
    read_nus_wide(data, options);
  else if (options.name == "coco")
    read_coco(data, options);
  else
    fail("--data", quoted(options.name), "scenes, corel5k, nus-wide or coco");
  if (options.backbone == "mobilenet")
    data.normalisation = mmdl::Normalisation::minus_one_to_one();
  else if (options.backbone == "resnet101")
    data.normalisation = mmdl::Normalisation::imagenet();
  else
    data.normalisation = {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  if (data.train.labels.size() > static_cast<std::size_t>(options.label_room))
    fail("labels of " + data.title, std::to_string(data.train.labels.size()),
         "at most " + std::to_string(options.label_room) + ", the room that this program was built with");
  // The tags are chosen on all training images, so that they are the same for every seed.
  const bool any_tags = std::any_of(data.train.samples.begin(), data.train.samples.end(),
                                    [](const mmdl::Sample& sample) { return !sample.tags.empty(); });
  if (any_tags) data.tags = mmdl::TagVocabulary(data.train.samples, options.tag_room);
  hold_out(data, held_out, seed);
  return data;
}

}  // namespace reproduce
