// SPDX-License-Identifier: Apache-2.0
// Scores.
#include "scoring.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <mmdl/annotation/select_labels.hpp>

namespace reproduce {

TestRows::TestRows(const Split& test)
    : classes(static_cast<int>(test.manifest->labels.size())), samples(test.usable) {
  for (const long sample : samples)
    truth.push_back(&test.manifest->samples[static_cast<std::size_t>(sample)].labels);
}

std::vector<float> TestRows::quantities() const {
  std::vector<float> all;
  for (const auto* labels : truth) all.push_back(static_cast<float>(labels->size()));
  return all;
}

namespace {

template <class Choose>
mmdl::AnnotationScores score(const TestRows& rows, const Logits& logits, const Choose& choose) {
  mmdl::AnnotationMetrics metrics(rows.classes);
  const auto classes = static_cast<std::size_t>(rows.classes);
  for (std::size_t i = 0; i < rows.truth.size(); ++i)
    metrics.add(choose(i, std::span<const float>(logits).subspan(i * classes, classes)), *rows.truth[i]);
  return metrics.scores();
}

}  // namespace

mmdl::AnnotationScores score_by_quantity(const TestRows& rows, const Logits& logits,
                                         const std::vector<float>& quantities) {
  return score(rows, logits, [&](std::size_t i, std::span<const float> row) {
    return mmdl::select_labels(row, quantities[i]);
  });
}

mmdl::AnnotationScores score_top(const TestRows& rows, const Logits& logits, int k) {
  return score(rows, logits, [&](std::size_t, std::span<const float> row) {
    return mmdl::top_k_labels(row, std::min(k, rows.classes));
  });
}

mmdl::AnnotationScores score_above(const TestRows& rows, const Logits& logits, double probability) {
  return score(rows, logits, [&](std::size_t, std::span<const float> row) {
    return mmdl::threshold_labels(row, probability);
  });
}

mmdl::AnnotationScores score_upper_bound(const TestRows& rows, const Logits& logits) {
  return score(rows, logits, [&](std::size_t i, std::span<const float> row) {
    const auto count = static_cast<int>(rows.truth[i]->size());
    return count == 0 ? std::vector<int>() : mmdl::top_k_labels(row, count);
  });
}

double average_precision(const TestRows& rows, const Logits& logits) {
  std::vector<float> truth(logits.size());
  for (std::size_t i = 0; i < rows.truth.size(); ++i)
    for (const int label : *rows.truth[i])
      truth[i * static_cast<std::size_t>(rows.classes) + static_cast<std::size_t>(label)] = 1.0f;
  return mmdl::mean_average_precision(logits, truth, static_cast<int>(rows.truth.size()), rows.classes).value;
}

QuantityScores score_quantities(const TestRows& rows, const std::vector<float>& quantities) {
  const std::vector<float> truth = rows.quantities();
  QuantityScores scores;
  scores.accuracy = mmdl::quantity_accuracy(quantities, truth);
  scores.mean_squared_error = mmdl::quantity_mean_squared_error(quantities, truth);
  return scores;
}

float mean_quantity(const mmdl::Manifest& manifest) {
  double sum = 0;
  for (const mmdl::Sample& sample : manifest.samples) sum += static_cast<double>(sample.labels.size());
  return static_cast<float>(sum / static_cast<double>(manifest.samples.size()));
}

void count_labels(const mmdl::Manifest& manifest, std::vector<long>& counts) {
  for (const mmdl::Sample& sample : manifest.samples) {
    if (sample.labels.size() >= counts.size()) counts.resize(sample.labels.size() + 1);
    ++counts[sample.labels.size()];
  }
}

std::vector<QuantityGroup> group_quantities(const TestRows& rows, const std::vector<float>& quantities) {
  std::map<std::size_t, std::vector<double>> groups;
  for (std::size_t i = 0; i < rows.truth.size(); ++i)
    groups[rows.truth[i]->size()].push_back(static_cast<double>(quantities[i]));
  std::vector<QuantityGroup> result;
  for (const auto& [quantity, predicted] : groups) {
    const auto count = static_cast<double>(predicted.size());
    double sum = 0, squares = 0;
    for (const double value : predicted) sum += value;
    for (const double value : predicted) squares += (value - sum / count) * (value - sum / count);
    result.push_back({static_cast<int>(quantity), static_cast<long>(predicted.size()), sum / count,
                      std::sqrt(squares / count)});
  }
  return result;
}

std::vector<mmdl::SheetEntry> make_sheet(const TestRows& rows, const mmdl::Manifest& manifest,
                                         const Logits& logits, const std::vector<float>& quantities,
                                         int count) {
  std::vector<mmdl::SheetEntry> entries;
  const auto classes = static_cast<std::size_t>(rows.classes);
  for (std::size_t i = 0; i < rows.samples.size() && entries.size() < static_cast<std::size_t>(count); ++i) {
    const mmdl::Sample& sample = manifest.samples[static_cast<std::size_t>(rows.samples[i])];
    mmdl::SheetEntry entry;
    entry.image_path = (std::filesystem::path(manifest.root) / sample.image).string();
    const auto row = std::span<const float>(logits).subspan(i * classes, classes);
    std::vector<int> missed = sample.labels;
    for (const int label : mmdl::select_labels(row, quantities[i])) {
      const float logit = row[static_cast<std::size_t>(label)];
      entry.labels.push_back({manifest.labels[static_cast<std::size_t>(label)], 1 / (1 + std::exp(-logit)),
                              std::erase(missed, label) > 0});
    }
    for (const int label : missed) entry.missed.push_back(manifest.labels[static_cast<std::size_t>(label)]);
    entry.tags = sample.tags;
    entry.predicted_quantity = quantities[i];
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace reproduce
