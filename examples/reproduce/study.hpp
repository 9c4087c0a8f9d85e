// SPDX-License-Identifier: Apache-2.0
// A study: one data set and one seed, all stages and variants that the asked tables need.
#pragma once

#include <cstdint>
#include <memory>
#include <mmdl/data/loader.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "recipe.hpp"
#include "results.hpp"
#include "workspace.hpp"

namespace reproduce {

/// The images of a study. Fewer labels and tags than the program has room for will do.
struct StudyData {
  std::string name, title;
  mmdl::Manifest train, held_out, test;
  mmdl::TagVocabulary tags;
  bool simulated_tags = false;
  mmdl::Normalisation normalisation;
  std::optional<mmdl::Manifest> pretrain;  ///< pictures on which the backbone learns first; scenes only
  std::vector<std::string> notes;          ///< what was left out or repaired, a line each
};

/// What a study is to find out, and from what.
struct StudyOptions {
  std::set<std::string> tables;  ///< "I" … "XII"
  std::string preset, backbone;
  std::string weights;            ///< file of the pretrained backbone; empty: none
  std::string word_vectors;       ///< file in GloVe's text format; empty: they are drawn
  std::set<std::string> without;  ///< compared methods that are left out
  bool freeze_backbone = false;   ///< it stays as it was pretrained
  std::uint64_t seed = 1;
  int workers = 2;
  int sheet_images = 24;
  bool wants(std::initializer_list<const char*> any) const {
    for (const char* table : any)
      if (tables.count(table) > 0) return true;
    return false;
  }
};

class Study {
 public:
  virtual ~Study() = default;
  virtual Results run() = 0;
};

using MakeStudy = std::unique_ptr<Study> (*)(const StudyOptions&, StudyData, const Recipes&, Workspace&);

/// The studies that the program was built with, by backbone, device ("cpu", "gpu") and pixels a side.
struct StudyEntry {
  const char* backbone;
  const char* device;
  int size;
  MakeStudy make;
  void (*require_device)();  ///< throws where the device is not there
};
const std::vector<StudyEntry>& studies();

}  // namespace reproduce
