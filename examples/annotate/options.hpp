// SPDX-License-Identifier: Apache-2.0
// The options of the commands, as the command line gives them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace annotate {

/// `annotate scenes`, and `annotate train --data scenes`.
struct ScenesCommand {
  std::string out;
  int train = 2000, test = 500, size = 64;
  std::uint64_t seed = 1;
};

/// How labels are chosen from logits.
struct Selection {
  std::string
      kind;   ///< "quantity", "top-k" or "threshold"; empty: by quantity where there is one, else top-k
  int k = 3;  ///< the paper's rows without quantity
  double threshold = 0.5;
};

struct TrainCommand {
  std::string data, test, tags_file, test_tags_file, root;
  std::string variant = "full", backbone = "small";
  std::string precision = "float32", device = "cpu";
  int size = 64, epochs = 20, batch = 32, workers = 2, threads = 0;
  std::string optimizer = "adamw", schedule = "cosine";
  float learning_rate = 0.0f, momentum = 0.9f, weight_decay = -1.0f, clip = 5.0f, quantity_weight = 0.2f;
  int warm_up = 1;  ///< epochs
  float validation = 0.0f;
  int patience = 0;
  std::string monitor = "h-f1";
  float crop = 0.5f;
  bool no_augmentation = false, strict = false, resume = false;
  std::uint64_t seed = 1;
  std::string pretrained;        ///< weights of another framework for the backbone
  std::string method;            ///< a compared method over the frozen backbone, instead of a variant
  std::string backbone_weights;  ///< for a method: a weight file of a variant
  std::string out, checkpoint, log;
  int baseline_labels = 5;
  Selection selection;
  ScenesCommand scenes;
};

struct EvaluateCommand {
  std::string weights, data, tags_file, root;
  std::string precision = "float32", device = "cpu";
  int batch = 32, workers = 2, threads = 0, baseline_labels = 5;
  bool json = false, strict = false;
  Selection selection;
};

struct PredictCommand {
  std::string weights, data, tags_file, root, sheet;
  std::string precision = "float32", device = "cpu";
  std::vector<std::string> images, tags;
  int batch = 32, workers = 2, threads = 0, count = 0;
  bool json = false;
  Selection selection;
};

void run(const ScenesCommand& command);
void run(const TrainCommand& command);
void run(const EvaluateCommand& command);
void run(const PredictCommand& command);

/// Set by SIGINT and SIGTERM: a command ends at its next step, and cleans up.
bool interrupted();

}  // namespace annotate
