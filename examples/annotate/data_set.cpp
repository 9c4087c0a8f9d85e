// SPDX-License-Identifier: Apache-2.0
// Reading data sets for the commands, and `annotate scenes`.
#include "data_set.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mmdl/data/manifest.hpp>
#include <mmdl/data/scenes.hpp>
#include <numeric>
#include <unordered_map>

namespace annotate {

using mmdl::detail::fail, mmdl::detail::quoted;

mmdl::Manifest read_data(const std::string& path, const std::string& tags_file, const std::string& root) {
  mmdl::Manifest manifest = mmdl::read_manifest(path, {.root = root});
  if (tags_file.empty()) return manifest;
  const auto tags = [&] {
    return std::accumulate(
        manifest.samples.begin(), manifest.samples.end(), std::size_t{0},
        [](std::size_t sum, const mmdl::Sample& sample) { return sum + sample.tags.size(); });
  };
  const std::size_t before = tags();
  const int others = mmdl::attach_tags(manifest, tags_file, {.allow_unknown_images = true});
  if (others > 0 && tags() == before)
    fail(tags_file, std::to_string(others) + " lines, none about an image of " + path,
         "lines about its images");
  return manifest;
}

mmdl::Manifest relabelled(mmdl::Manifest manifest, const std::vector<std::string>& labels,
                          const std::string& place) {
  if (manifest.labels == labels) return manifest;
  std::unordered_map<std::string, int> places;
  for (std::size_t i = 0; i < labels.size(); ++i) places.emplace(labels[i], static_cast<int>(i));
  std::vector<int> columns;
  for (const std::string& label : manifest.labels) {
    const auto found = places.find(label);
    if (found == places.end())
      fail(place, "the label " + quoted(label), "one of the network's " + std::to_string(labels.size()));
    columns.push_back(found->second);
  }
  for (mmdl::Sample& sample : manifest.samples)
    for (int& label : sample.labels) label = columns[static_cast<std::size_t>(label)];
  manifest.labels = labels;
  return manifest;
}

std::pair<mmdl::Manifest, mmdl::Manifest> split(const mmdl::Manifest& manifest, float part,
                                                std::uint64_t seed) {
  const std::size_t count = manifest.samples.size();
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  mmdl::Random random(seed, 0x73706C6974U);  // a stream of its own
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
  const auto size =
      static_cast<std::size_t>(std::lround(static_cast<double>(part) * static_cast<double>(count)));
  if (size == 0 || size == count)
    fail("--validation " + std::to_string(part),
         std::to_string(size) + " of " + std::to_string(count) + " samples",
         "at least one to validate and one to train with");
  std::vector<bool> taken(count, false);
  for (std::size_t i = 0; i < size; ++i) taken[order[i]] = true;
  std::pair<mmdl::Manifest, mmdl::Manifest> result{{manifest.labels, {}, manifest.root},
                                                   {manifest.labels, {}, manifest.root}};
  for (std::size_t i = 0; i < count; ++i)
    (taken[i] ? result.second : result.first).samples.push_back(manifest.samples[i]);
  return result;
}

std::vector<long> label_counts(const mmdl::Manifest& manifest) {
  std::vector<long> counts(manifest.labels.size());
  for (const mmdl::Sample& sample : manifest.samples)
    for (const int label : sample.labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

TemporaryScenes::TemporaryScenes(const ScenesCommand& options) {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) fail("temporary folder: " + error.message());
  std::string path = (folder / "annotate-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) mmdl::detail::fail_file(path, "create", errno);
  folder_ = path;
  try {
    mmdl::write_scenes(
        folder_ + "/scenes",
        {.train = options.train, .test = options.test, .size = options.size, .seed = options.seed});
  } catch (...) {
    std::filesystem::remove_all(folder_, error);
    throw;
  }
}

TemporaryScenes::~TemporaryScenes() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void run(const ScenesCommand& command) {
  mmdl::write_scenes(
      command.out,
      {.train = command.train, .test = command.test, .size = command.size, .seed = command.seed});
  std::printf("%s: %d training and %d test scenes of %d px\n", command.out.c_str(), command.train,
              command.test, command.size);
}

}  // namespace annotate
