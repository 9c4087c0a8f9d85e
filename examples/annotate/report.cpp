// SPDX-License-Identifier: Apache-2.0
// Choosing labels, scoring them, and tables of scores.
#include "report.hpp"

#include <cmath>
#include <cstdio>
#include <mmdl/annotation/select_labels.hpp>
#include <mmdl/losses/sigmoid_cross_entropy.hpp>
#include <nlohmann/json.hpp>

#include "format.hpp"

namespace annotate {

using mmdl::detail::fail;

Selection resolved(Selection selection, bool has_quantity, std::size_t labels, bool chooses) {
  if (selection.kind.empty()) selection.kind = chooses ? "method" : has_quantity ? "quantity" : "top-k";
  if (selection.kind == "quantity" && !has_quantity)
    fail("--select quantity", "a network without a quantity regressor", "top-k or threshold for it");
  // The default k is for any number of labels; an explicit one was checked to be at least 1.
  if (static_cast<std::size_t>(selection.k) > labels) selection.k = static_cast<int>(labels);
  return selection;
}

std::string to_string(const Selection& selection) {
  if (selection.kind == "top-k") return "top " + std::to_string(selection.k);
  if (selection.kind == "threshold") return format("above %g", selection.threshold);
  return selection.kind == "method" ? "by the method" : "by quantity";
}

std::vector<int> choose(const Predictions& predictions, std::size_t row, const Selection& selection) {
  if (selection.kind == "method") return predictions.chosen[row];
  const std::span<const float> logits = predictions.row(row);
  if (selection.kind == "quantity") return mmdl::select_labels(logits, predictions.quantities[row]);
  if (selection.kind == "top-k") return mmdl::top_k_labels(logits, selection.k);
  return mmdl::threshold_labels(logits, selection.threshold);
}

Evaluation evaluate(const Predictions& predictions, const mmdl::Manifest& manifest,
                    const Selection& selection, const std::vector<long>& label_counts, int baseline) {
  check_finite(predictions, manifest);
  Evaluation result;
  result.images = predictions.rows();
  result.skipped = predictions.skipped.size();
  const auto classes = static_cast<int>(manifest.labels.size());
  const auto truth_of = [&](std::size_t row) -> const std::vector<int>& {
    return manifest.samples[static_cast<std::size_t>(predictions.samples[row])].labels;
  };
  const auto add = [&](const std::string& name, const auto& labels_of) {
    mmdl::AnnotationMetrics metrics(classes);
    for (std::size_t row = 0; row < predictions.rows(); ++row) metrics.add(labels_of(row), truth_of(row));
    result.selections.push_back({name, metrics.scores()});
  };
  add(to_string(selection), [&](std::size_t row) { return choose(predictions, row, selection); });
  if (selection.kind == "quantity") {
    const Selection top = resolved({.kind = "top-k", .k = 3}, true, manifest.labels.size());
    add(to_string(top), [&](std::size_t row) { return choose(predictions, row, top); });
  }
  add("true quantity", [&](std::size_t row) {  // the upper bound of tables I and II
    const auto count = static_cast<int>(truth_of(row).size());
    return count == 0 ? std::vector<int>() : mmdl::top_k_labels(predictions.row(row), count);
  });
  if (baseline > 0) {
    const std::vector<float> counts(label_counts.begin(), label_counts.end());
    const auto guess = mmdl::top_k_labels(counts, std::min(baseline, classes));
    add(std::to_string(guess.size()) + " most frequent", [&](std::size_t) { return guess; });
  }

  std::vector<float> truth(predictions.logits.size()), quantities;
  for (std::size_t row = 0; row < predictions.rows(); ++row) {
    for (const int label : truth_of(row))
      truth[row * static_cast<std::size_t>(classes) + static_cast<std::size_t>(label)] = 1.0f;
    quantities.push_back(static_cast<float>(truth_of(row).size()));
  }
  const auto rows = static_cast<int>(predictions.rows());
  const auto average = mmdl::mean_average_precision(predictions.logits, truth, rows, classes);
  result.mean_average_precision = average.value;
  result.classes_never_present = average.classes_never_present;
  result.label_loss = static_cast<double>(mmdl::SigmoidCrossEntropy{}(
      predictions.logits.data(), truth.data(), static_cast<float*>(nullptr), rows, classes));
  if (!predictions.quantities.empty()) {
    result.has_quantity = true;
    result.quantity_accuracy = mmdl::quantity_accuracy(predictions.quantities, quantities);
    result.quantity_mean_squared_error =
        mmdl::quantity_mean_squared_error(predictions.quantities, quantities);
  }
  return result;
}

std::string to_table(const Evaluation& evaluation) {
  std::string text = format("%-20s %6s %6s %6s %6s %6s %6s %6s\n", "labels", "C-P", "C-R", "C-F1", "I-P",
                            "I-R", "I-F1", "H-F1");
  for (const auto& [name, s] : evaluation.selections)
    text += format("%-20s %6.2f %6.2f %6.2f %6.2f %6.2f %6.2f %6.2f\n", name.c_str(), 100 * s.class_precision,
                   100 * s.class_recall, 100 * s.class_f1, 100 * s.image_precision, 100 * s.image_recall,
                   100 * s.image_f1, 100 * s.h_f1);
  text += format("%zu images, mAP %.2f", evaluation.images, 100 * evaluation.mean_average_precision);
  if (evaluation.has_quantity)
    text += format(", quantity right %.2f %%, its squared error %.3f", 100 * evaluation.quantity_accuracy,
                   evaluation.quantity_mean_squared_error);
  text += format(", label loss %.3f\n", evaluation.label_loss);
  const auto& chosen = evaluation.selections.front().scores;
  if (chosen.classes_never_predicted > 0 || chosen.classes_never_present > 0)
    text += format("labels counted as 0: %d never predicted (C-P), %d never present (C-R)\n",
                   chosen.classes_never_predicted, chosen.classes_never_present);
  if (evaluation.skipped > 0) text += format("%zu images left out\n", evaluation.skipped);
  return text;
}

nlohmann::ordered_json to_json(const Evaluation& evaluation) {
  nlohmann::ordered_json json;
  json["images"] = evaluation.images;
  json["skipped"] = evaluation.skipped;
  for (const auto& [name, s] : evaluation.selections)
    json["selections"].push_back({{"labels", name},
                                  {"c_p", s.class_precision},
                                  {"c_r", s.class_recall},
                                  {"c_f1", s.class_f1},
                                  {"i_p", s.image_precision},
                                  {"i_r", s.image_recall},
                                  {"i_f1", s.image_f1},
                                  {"h_f1", s.h_f1},
                                  {"never_predicted", s.classes_never_predicted},
                                  {"never_present", s.classes_never_present}});
  json["map"] = evaluation.mean_average_precision;
  json["label_loss"] = evaluation.label_loss;
  if (evaluation.has_quantity)
    json["quantity"] = {{"accuracy", evaluation.quantity_accuracy},
                        {"mse", evaluation.quantity_mean_squared_error}};
  return json;
}

void check_finite(const Predictions& predictions, const mmdl::Manifest& manifest) {
  for (std::size_t row = 0; row < predictions.rows(); ++row) {
    bool finite = predictions.quantities.empty() || std::isfinite(predictions.quantities[row]);
    for (const float logit : predictions.row(row)) finite = finite && std::isfinite(logit);
    if (!finite)
      fail("the network's outputs for " +
               mmdl::detail::quoted(
                   manifest.samples[static_cast<std::size_t>(predictions.samples[row])].image),
           "a number that is not finite", "finite ones (are these its weights?)");
  }
}

void report_skipped(const std::vector<std::string>& skipped) {
  if (skipped.empty()) return;
  std::fprintf(stderr, "annotate: left out %zu images that cannot be used:\n", skipped.size());
  for (std::size_t i = 0; i < skipped.size() && i < 5; ++i)
    std::fprintf(stderr, "  %s\n", skipped[i].c_str());
  if (skipped.size() > 5) std::fprintf(stderr, "  and %zu more\n", skipped.size() - 5);
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    mmdl::detail::fail_file("standard output", "write", errno);
}

}  // namespace annotate
