// SPDX-License-Identifier: Apache-2.0
// What a weight file says of its network, so that it can be used without the data it was trained on.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "program.hpp"

namespace annotate {

/// Stored as the file's metadata.
struct ModelNotes {
  NetworkName network;
  std::vector<std::string> labels, tags;
  std::vector<long> label_counts;  ///< of the training split, for the frequency guess
  mmdl::Normalisation normalisation = mmdl::Normalisation::imagenet();
  std::uint64_t seed = 0;
};

std::map<std::string, std::string> to_metadata(const ModelNotes& notes);

/// A weight file's network with its weights, and its notes. Throws `mmdl::Error` with the file's name for
/// notes that are missing or lie, for a network that this program was not built with, and where there is no
/// such device. Any file can be used in any precision, on any device.
struct LoadedModel {
  ModelNotes notes;
  std::unique_ptr<Predictor> program;
};
LoadedModel load_model(const std::string& path, const std::string& precision, const std::string& device);

/// Throws unless the network has room for the labels and tags.
void check_room(const Predictor& program, const std::string& place, std::size_t labels, std::size_t tags);

}  // namespace annotate
