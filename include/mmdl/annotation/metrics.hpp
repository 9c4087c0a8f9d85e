// SPDX-License-Identifier: Apache-2.0
// How good annotations are: per class, per image and both together; average precision; predicted quantities.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../core/tensor.hpp"

namespace mmdl {

/// The metrics of Niu et al., section IV-A-2 (equations 6 and 7), each within [0, 1]. With, for class j, p_j
/// the samples it was predicted for, g_j those it is true of and c_j those of both, over C classes:
struct AnnotationScores {
  double class_precision = 0;  ///< C-P: (1 / C) sum_j c_j / p_j; a class never predicted counts 0
  double class_recall = 0;     ///< C-R: (1 / C) sum_j c_j / g_j; a class never present counts 0
  double class_f1 = 0;         ///< C-F1: the harmonic mean of C-P and C-R (not the mean of the classes' F1)
  double image_precision = 0;  ///< I-P: sum c_j / sum p_j; 0 when nothing was predicted
  double image_recall = 0;     ///< I-R: sum c_j / sum g_j; 0 when nothing is true
  double image_f1 = 0;         ///< I-F1: the harmonic mean of I-P and I-R
  double h_f1 = 0;             ///< H-F1: the harmonic mean of C-F1 and I-F1
  int classes_never_predicted = 0;  ///< how many classes counted 0 in C-P because p_j = 0
  int classes_never_present = 0;    ///< how many classes counted 0 in C-R because g_j = 0
};

/// Accumulates annotations sample by sample and scores them (Niu et al., section IV-A-2). Nothing is ever
/// NaN: 0 / 0 is 0. scikit-learn: `precision_score` and `recall_score` with `zero_division=0`,
/// `average="macro"` for C-P and C-R, `average="micro"` for I-P and I-R.
class AnnotationMetrics {
 public:
  /// For labels 0 to `classes` - 1. Throws `Error` unless `classes` is at least 1.
  explicit AnnotationMetrics(int classes) {
    if (classes < 1) detail::fail("AnnotationMetrics: classes", std::to_string(classes), "1 or more");
    counts_.resize(static_cast<std::size_t>(classes));
    marks_.resize(static_cast<std::size_t>(classes));
  }

  /// Adds one sample: the labels it was given and the labels that are true of it, in any order; either may be
  /// empty. Throws `Error`, and counts nothing, on a label out of range or one that stands twice in a list.
  void add(std::span<const int> predicted_labels, std::span<const int> true_labels) {
    check(true_labels, "true labels");
    check(predicted_labels, "predicted labels");
    for (const int label : true_labels) {
      ++counts_[index(label)].present;
      marks_[index(label)] = 1;
    }
    count_predicted(predicted_labels);
    for (const int label : true_labels) marks_[index(label)] = 0;
  }

  /// The same with the truth as a row of one number a class, 1 where the label is true and 0 elsewhere.
  /// Throws `Error` also on another number of classes and on any other number.
  void add(std::span<const float> truth, std::span<const int> predicted_labels) {
    if (truth.size() != counts_.size())
      detail::fail("AnnotationMetrics: truth", std::to_string(truth.size()) + " numbers",
                   std::to_string(counts_.size()) + ", one a class");
    for (const float number : truth)
      if (number != 0.0f && number != 1.0f)
        detail::fail("AnnotationMetrics: truth", std::to_string(number), "0 or 1");
    check(predicted_labels, "predicted labels");
    for (std::size_t i = 0; i < truth.size(); ++i) {
      marks_[i] = truth[i] == 1.0f;
      counts_[i].present += marks_[i];
    }
    count_predicted(predicted_labels);
    std::fill(marks_.begin(), marks_.end(), std::int8_t{0});
  }

  /// Samples added so far.
  std::int64_t samples() const { return samples_; }

  /// The scores of all samples added so far.
  AnnotationScores scores() const {
    AnnotationScores result;
    Counts total;
    for (const Counts& count : counts_) {
      result.class_precision += ratio(count.correct, count.predicted);
      result.class_recall += ratio(count.correct, count.present);
      result.classes_never_predicted += count.predicted == 0;
      result.classes_never_present += count.present == 0;
      total.predicted += count.predicted;
      total.present += count.present;
      total.correct += count.correct;
    }
    result.class_precision /= static_cast<double>(counts_.size());
    result.class_recall /= static_cast<double>(counts_.size());
    result.class_f1 = harmonic_mean(result.class_precision, result.class_recall);
    result.image_precision = ratio(total.correct, total.predicted);
    result.image_recall = ratio(total.correct, total.present);
    result.image_f1 = harmonic_mean(result.image_precision, result.image_recall);
    result.h_f1 = harmonic_mean(result.class_f1, result.image_f1);
    return result;
  }

 private:
  struct Counts {
    std::int64_t predicted = 0, present = 0, correct = 0;
  };

  static std::size_t index(int label) { return static_cast<std::size_t>(label); }
  static double ratio(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  }
  static double harmonic_mean(double a, double b) { return a + b == 0 ? 0.0 : 2 * a * b / (a + b); }

  /// Leaves the marks as they were: all zero.
  void check(std::span<const int> labels, const char* what) {
    std::size_t good = 0;
    for (; good < labels.size(); ++good) {
      const int label = labels[good];
      if (label < 0 || index(label) >= counts_.size() || marks_[index(label)] != 0) break;
      marks_[index(label)] = 1;
    }
    for (std::size_t i = 0; i < good; ++i) marks_[index(labels[i])] = 0;
    if (good < labels.size())
      detail::fail("AnnotationMetrics: " + std::string(what), "label " + std::to_string(labels[good]),
                   "labels from 0 to " + std::to_string(counts_.size() - 1) + ", each once");
  }

  /// Where the marks are the truth.
  void count_predicted(std::span<const int> labels) {
    for (const int label : labels) {
      ++counts_[index(label)].predicted;
      counts_[index(label)].correct += marks_[index(label)];
    }
    ++samples_;
  }

  std::vector<Counts> counts_;
  std::vector<std::int8_t> marks_;  // one a class, all zero between two calls
  std::int64_t samples_ = 0;
};

/// What `mean_average_precision` returns.
struct MeanAveragePrecision {
  double value = 0;               ///< mAP over the classes that are present; 0 when none is
  int classes_never_present = 0;  ///< the classes left out, for which average precision is not defined
};

/// mAP: the mean over the classes of AP = sum_n (R_n - R_{n-1}) P_n, with precision P_n and recall R_n of
/// "score at least t_n" over the distinct scores t_n in falling order (equal scores enter together, nothing
/// is interpolated). `scores` and `truth` are `samples` rows of `classes` numbers, the truth 0 or 1; any
/// rising function of the scores (logits, probabilities) gives the same. Throws `Error` on other sizes, on a
/// NaN and on a truth other than 0 or 1. scikit-learn: `average_precision_score(truth, scores,
/// average="macro")`, where every class is present.
template <class = void>  // compiled only where it is called
MeanAveragePrecision mean_average_precision(std::span<const float> scores, std::span<const float> truth,
                                            int samples, int classes) {
  const std::string place = "mean_average_precision: ";
  if (samples < 0 || classes < 1)
    detail::fail(place + "size",
                 std::to_string(samples) + " samples of " + std::to_string(classes) + " classes",
                 "0 or more of 1 or more");
  const std::size_t rows = static_cast<std::size_t>(samples), columns = static_cast<std::size_t>(classes);
  if (scores.size() != rows * columns || truth.size() != rows * columns)
    detail::fail(place + "size",
                 std::to_string(scores.size()) + " scores and " + std::to_string(truth.size()) + " truths",
                 std::to_string(rows * columns) + " of each");
  for (const float score : scores)
    if (std::isnan(score)) detail::fail(place + "scores", "NaN", "numbers");
  for (const float number : truth)
    if (number != 0.0f && number != 1.0f) detail::fail(place + "truth", std::to_string(number), "0 or 1");

  struct Item {
    float score;
    bool is_true;
  };
  std::vector<Item> items(rows);
  MeanAveragePrecision result;
  for (std::size_t column = 0; column < columns; ++column) {
    std::int64_t present = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      items[row] = {scores[row * columns + column], truth[row * columns + column] == 1.0f};
      present += items[row].is_true;
    }
    if (present == 0) {
      ++result.classes_never_present;
      continue;
    }
    std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.score > b.score; });
    double average = 0;
    std::int64_t correct = 0;
    for (std::size_t begin = 0, end = 0; begin < rows; begin = end) {
      std::int64_t more = 0;
      for (; end < rows && items[end].score == items[begin].score; ++end) more += items[end].is_true;
      correct += more;
      average += static_cast<double>(more) * static_cast<double>(correct) / static_cast<double>(end);
    }
    result.value += average / static_cast<double>(present);
  }
  if (result.classes_never_present < classes) result.value /= classes - result.classes_never_present;
  return result;
}

/// The same for a batch of logits and its labels. Throws `Error` also when the numbers of samples differ.
template <int Classes>
MeanAveragePrecision mean_average_precision(const Tensor<Shape<Classes>>& scores,
                                            const Tensor<Shape<Classes>>& truth) {
  return mean_average_precision(std::span<const float>(scores.data(), scores.size()),
                                std::span<const float>(truth.data(), truth.size()), scores.samples(),
                                Classes);
}

namespace detail {

inline void check_quantities(const char* place, std::span<const float> predicted,
                             std::span<const float> truth) {
  if (predicted.size() != truth.size())
    fail(place,
         std::to_string(predicted.size()) + " predicted and " + std::to_string(truth.size()) +
             " true quantities",
         "as many of each");
  for (const float quantity : predicted)
    if (!std::isfinite(quantity)) fail(place, std::to_string(quantity) + " predicted", "finite quantities");
  for (const float quantity : truth)
    if (!(quantity >= 0 && quantity == std::floor(quantity) && std::isfinite(quantity)))
      fail(place, std::to_string(quantity) + " as a true quantity", "whole numbers of at least 0");
}

}  // namespace detail

/// Accuracy (Niu et al., section IV-D-3): the share of samples whose predicted quantity, rounded to nearest
/// (half away from zero), is the true one; 0 for no samples. Throws `Error` when the numbers of samples
/// differ, when a prediction is not finite, and when a true quantity is not a whole number of at least 0.
inline double quantity_accuracy(std::span<const float> predicted, std::span<const float> truth) {
  detail::check_quantities("quantity_accuracy", predicted, truth);
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) correct += std::round(predicted[i]) == truth[i];
  return truth.empty() ? 0.0 : static_cast<double>(correct) / static_cast<double>(truth.size());
}

/// MSE (Niu et al., section IV-D-3): (1 / N) sum (predicted - true)^2, the quantities not rounded; 0 for no
/// samples. Throws `Error` as `quantity_accuracy` does. PyTorch: `torch.nn.functional.mse_loss`;
/// scikit-learn: `mean_squared_error`.
inline double quantity_mean_squared_error(std::span<const float> predicted, std::span<const float> truth) {
  detail::check_quantities("quantity_mean_squared_error", predicted, truth);
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double difference = static_cast<double>(predicted[i]) - static_cast<double>(truth[i]);
    sum += difference * difference;
  }
  return truth.empty() ? 0.0 : sum / static_cast<double>(truth.size());
}

}  // namespace mmdl
