// SPDX-License-Identifier: Apache-2.0
// The data sets that a study can be made of.
#pragma once

#include <string>
#include <vector>

#include "study.hpp"

namespace reproduce {

/// Which data, as the command line says it.
struct DataOptions {
  std::string name;    ///< "scenes", "corel5k", "nus-wide" or "coco"
  std::string folder;  ///< of all but the scenes
  std::string tags_file;
  std::string preset;
  std::string out;  ///< where the scenes are drawn
  std::string backbone;
  int size = 0;  ///< pixels a side of the network's input
  int tag_room = 0, label_room = 0;
  int images = 0;              ///< training images of the scenes; 0: as the preset says
  bool repair = false;         ///< NUS-WIDE: take values that are neither 0 nor 1 as 0
  bool keep_untagged = false;  ///< NUS-WIDE: keep images without any tag
};

/// Reads the data set, holds out a part of the training images (drawn from the seed), and keeps the most
/// frequent tags of the rest. Throws `mmdl::Error` naming the file and the place.
StudyData read_study_data(const DataOptions& options, double held_out, std::uint64_t seed);

}  // namespace reproduce
