// SPDX-License-Identifier: Apache-2.0
// What one run found: plain data, and its JSON form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mmdl/annotation/metrics.hpp>
#include <mmdl/data/sheet.hpp>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace reproduce {

/// How well the numbers of labels were predicted (Niu et al., section IV-D-3; tables VIII and IX).
struct QuantityScores {
  double accuracy = 0;            ///< share of images whose rounded prediction is the true number, 0 to 1
  double mean_squared_error = 0;  ///< of the predictions as they are, before rounding

  friend bool operator==(const QuantityScores&, const QuantityScores&) = default;
};

/// A stage's losses after an epoch.
struct CurvePoint {
  long step = 0;        ///< optimizer steps taken so far
  double training = 0;  ///< mean training loss since the point before
  double held_out = 0;  ///< loss on the held-out images

  friend bool operator==(const CurvePoint&, const CurvePoint&) = default;
};

/// How the training of one stage went.
struct Curve {
  std::string stage;
  std::vector<CurvePoint> points;  ///< in the order of their steps
  double seconds = 0;
  bool stopped_early = false;  ///< it ended before its last epoch, for lack of progress
  long best_step = 0;          ///< the step whose weights were kept

  friend bool operator==(const Curve&, const Curve&) = default;
};

/// The predicted numbers of labels of the test images that have the same true number.
struct QuantityGroup {
  int true_quantity = 0;
  long images = 0;
  double mean = 0;       ///< of the predictions, before rounding
  double deviation = 0;  ///< their standard deviation (of the population: divided by `images`)

  friend bool operator==(const QuantityGroup&, const QuantityGroup&) = default;
};

/// What a run, of one data set and one seed, found. A row that was not computed is absent from its map. The
/// rows:
///
/// `upper-bound`, `ms-cnn+tags+lqp`, `ms-cnn+lqp`, `ms-cnn+tags`, `ms-cnn`, `cnn` (tables I and II); the
/// names of the compared methods: `logistic`, `softmax`, `warp`, `tag-neighbour`, `sinn`, … (III and IV);
/// `avgpool@1,2,3,4,5`, `maxpool@1,2,3,4,5` (V); `ms-cnn@2,3,4,5` ... `ms-cnn@4,5`, and so for `avgpool` and
/// `maxpool` (VI); `ms-cnn+word2vec` (VII); `threshold-0.1` ... `threshold-0.5` (X);
/// `ms-cnn+lqp-classification` (XI); `end-to-end` (XII), `end-to-end+true-quantity`.
struct Results {
  std::string data;             ///< "scenes", "corel5k", "nus-wide" or "coco"
  std::string title;            ///< the data set's name for people
  bool simulated_tags = false;  ///< the tags were drawn, nobody wrote them
  std::uint64_t seed = 1;
  std::string preset;            ///< "quick" or "full"
  std::string backbone;          ///< "resnet101"
  bool frozen_backbone = false;  ///< it was not fine-tuned
  int image_size = 0;            ///< pixels a side that the network sees
  long train_images = 0, validation_images = 0, test_images = 0;
  int labels = 0, tags = 0;
  double seconds = 0;  ///< of the whole run

  std::map<std::string, mmdl::AnnotationScores> scores;  ///< by row
  std::map<std::string, double> mean_average_precision;  ///< by row, 0 to 1
  std::map<std::string, QuantityScores> quantities;  ///< by features: "ms-cnn", "ms-cnn+tags", "end-to-end"
  std::map<std::string, int> dimension;  ///< of the fused features, by row ("ms-cnn", "avgpool@4,5")

  std::vector<Curve> curves;                                ///< in the order of the training
  std::vector<long> train_label_counts, test_label_counts;  ///< [n]: images that have n labels (figure 6)
  std::vector<QuantityGroup> quantity_groups;               ///< by rising true number
  std::vector<mmdl::SheetEntry> sheet;                      ///< pictures and what was said of them (figure 7)
};

/// The JSON form of every number, which `from_json` reads back exactly. Throws `mmdl::Error` for a number
/// that is not finite, which JSON has not.
nlohmann::ordered_json to_json(const Results& results);
nlohmann::ordered_json to_json(const Curve& curve);

/// The opposite. Throws `mmdl::Error` with `file` (its name in messages) and the key where one is missing,
/// unknown, or of another kind.
Results from_json(const std::string& file, const nlohmann::ordered_json& json);
Curve curve_from_json(const std::string& place, const nlohmann::ordered_json& json);

/// Writes the results of one seed or several as `{"format": "mmdl reproduce 1", "runs": [...]}`, whole or not
/// at all.
void write_results(const std::string& path, std::span<const Results> runs);

/// Reads what `write_results` wrote. Throws `mmdl::Error` with the file and the key.
std::vector<Results> read_results(const std::string& path);

/// Throws `mmdl::Error` unless the runs can stand in one table: at least one, of the same data set, preset,
/// backbone and image size, with different seeds.
void check_same_study(std::span<const Results> runs);

}  // namespace reproduce
