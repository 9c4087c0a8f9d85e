// SPDX-License-Identifier: Apache-2.0
// Scores of predictions on the test images, by each way to choose labels.
#pragma once

#include <mmdl/annotation/metrics.hpp>
#include <string>
#include <vector>

#include "features.hpp"
#include "results.hpp"

namespace reproduce {

/// Logits of the usable test images, `classes` a row, and what is true of them.
struct TestRows {
  int classes = 0;
  std::vector<long> samples;
  std::vector<const std::vector<int>*> truth;
  explicit TestRows(const Split& test);
  std::vector<float> quantities() const;  ///< the true ones
};

using Logits = std::vector<float>;  ///< rows of `TestRows::classes`

mmdl::AnnotationScores score_by_quantity(const TestRows& rows, const Logits& logits,
                                         const std::vector<float>& quantities);
mmdl::AnnotationScores score_top(const TestRows& rows, const Logits& logits, int k);
mmdl::AnnotationScores score_above(const TestRows& rows, const Logits& logits, double probability);
/// With the true quantities: the upper bound of tables I and II.
mmdl::AnnotationScores score_upper_bound(const TestRows& rows, const Logits& logits);
double average_precision(const TestRows& rows, const Logits& logits);
/// Adds the images of each number of labels to `counts`.
void count_labels(const mmdl::Manifest& manifest, std::vector<long>& counts);
/// The predictions for the images of each true number (section IV-D-3).
std::vector<QuantityGroup> group_quantities(const TestRows& rows, const std::vector<float>& quantities);
/// The first `count` test images with the labels chosen by the predicted quantity (figure 7).
std::vector<mmdl::SheetEntry> make_sheet(const TestRows& rows, const mmdl::Manifest& manifest,
                                         const Logits& logits, const std::vector<float>& quantities,
                                         int count);
/// The mean number of labels of an image.
float mean_quantity(const mmdl::Manifest& manifest);
QuantityScores score_quantities(const TestRows& rows, const std::vector<float>& quantities);

}  // namespace reproduce
