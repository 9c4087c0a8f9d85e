// SPDX-License-Identifier: Apache-2.0
// Reading data sets for the commands: manifests with tags files, relabelled, split; scenes in a temporary
// folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "options.hpp"
#include "program.hpp"

namespace annotate {

/// A manifest with the tags of a file (none when empty). Lines about images that the manifest has not are
/// passed over, for one file often serves both splits; a file of nothing but such lines is refused.
mmdl::Manifest read_data(const std::string& path, const std::string& tags_file, const std::string& root);

/// The same samples with the places of another vocabulary. Throws for a label that it has not.
mmdl::Manifest relabelled(mmdl::Manifest manifest, const std::vector<std::string>& labels,
                          const std::string& place);

/// A part of the samples, drawn from the seed, and the rest: (rest, part).
std::pair<mmdl::Manifest, mmdl::Manifest> split(const mmdl::Manifest& manifest, float part,
                                                std::uint64_t seed);

/// The splits of a run, all in the training data's labels.
struct Splits {
  mmdl::Manifest train, validation, test;
  mmdl::TagVocabulary tags;
};

/// The number of samples that have each label.
std::vector<long> label_counts(const mmdl::Manifest& manifest);

/// Scenes written to a new folder that is removed with this object.
class TemporaryScenes {
 public:
  explicit TemporaryScenes(const ScenesCommand& options);
  TemporaryScenes(const TemporaryScenes&) = delete;
  TemporaryScenes& operator=(const TemporaryScenes&) = delete;
  ~TemporaryScenes();
  std::string file(const std::string& name) const { return folder_ + "/scenes/" + name; }

 private:
  std::string folder_;
};

}  // namespace annotate
