// SPDX-License-Identifier: Apache-2.0
// From predictions to labels and scores, and how they are printed.
#pragma once

#include <mmdl/annotation/metrics.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "options.hpp"
#include "program.hpp"

namespace annotate {

/// The labels of one row, the most probable first.
std::vector<int> choose(const Predictions& predictions, std::size_t row, const Selection& selection);

/// The selection with its default filled in: where the network chooses itself, "method". Throws `mmdl::Error`
/// where the network or the labels do not allow it.
Selection resolved(Selection selection, bool has_quantity, std::size_t labels, bool chooses = false);
std::string to_string(const Selection& selection);

/// The scores of one way to choose labels.
struct Scored {
  std::string name;
  mmdl::AnnotationScores scores;
};

/// Of a test set: the chosen selection first, then what it is to be compared with.
struct Evaluation {
  std::size_t images = 0, skipped = 0;
  std::vector<Scored> selections;
  double mean_average_precision = 0, label_loss = 0;
  int classes_never_present = 0;
  bool has_quantity = false;
  double quantity_accuracy = 0, quantity_mean_squared_error = 0;
};

/// `label_counts`: how often each label is in the training split; `baseline` of the most frequent ones, given
/// to every image, are the frequency guess (0: leave it out).
Evaluation evaluate(const Predictions& predictions, const mmdl::Manifest& manifest,
                    const Selection& selection, const std::vector<long>& label_counts, int baseline);

std::string to_table(const Evaluation& evaluation);
nlohmann::ordered_json to_json(const Evaluation& evaluation);

/// Throws unless every logit and quantity is finite.
void check_finite(const Predictions& predictions, const mmdl::Manifest& manifest);

/// "N images left out: …" with the first reasons, as lines on stderr; nothing for none.
void report_skipped(const std::vector<std::string>& skipped);

/// Writes all of it to stdout. Throws `mmdl::Error` where that cannot be, for instance on a full disk.
void print(const std::string& text);

}  // namespace annotate
