// SPDX-License-Identifier: Apache-2.0
// Rows in a file: for a method that looks at the training samples again when it annotates.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../annotation/method.hpp"
#include "../io/safetensors.hpp"
#include "../training/weights.hpp"

namespace mmdl {

/// What a writer of safetensors points to while it writes rows.
class RowsToWrite {
 public:
  /// Adds view 0 of the features of all samples, "features" [samples][feature_count], and their tags as two
  /// lists of equal length, "tagged_samples" and "tags"; names begin with `prefix`. Labels are left out. The
  /// numbers lie here until the next call: the writer must have written by then.
  template <class = void>
  void add(SafetensorsWriter& writer, const std::string& prefix, const MethodRows& rows) {
    features_.clear();
    samples_.clear();
    tags_.clear();
    for (long sample = 0; sample < rows.samples(); ++sample) {
      const auto row = rows.features(sample, 0);
      features_.insert(features_.end(), row.begin(), row.end());
      for (const int tag : rows.tags[static_cast<std::size_t>(sample)]) {
        samples_.push_back(sample);
        tags_.push_back(tag);
      }
    }
    writer.add(prefix + "features", {rows.samples(), rows.feature_count}, features_.data());
    const auto pairs = static_cast<std::int64_t>(tags_.size());
    writer.add(prefix + "tagged_samples", {pairs}, samples_.data());
    writer.add(prefix + "tags", {pairs}, tags_.data());
  }

 private:
  std::vector<float> features_;
  std::vector<std::int64_t> samples_, tags_;
};

/// Reads what `RowsToWrite` added: one view, no labels. Throws `Error`, naming the tensor, where the numbers
/// do not belong to rows of these sizes.
template <class = void>
MethodRows read_rows(const SafetensorsFile& file, const std::string& prefix, int feature_count, int tag_count,
                     int label_count) {
  const auto features =
      std::make_shared<std::vector<float>>(detail::finite_floats(file, prefix + "features"));
  const auto samples = file.integers(prefix + "tagged_samples"), tags = file.integers(prefix + "tags");
  const auto width = static_cast<std::size_t>(feature_count);
  const std::size_t count = features->size() / width;
  if (samples.size() != tags.size() || features->size() % width != 0)
    detail::fail(file.path() + ": " + prefix + "tags", std::to_string(tags.size()) + " tags",
                 std::to_string(samples.size()) + " of rows of " + std::to_string(width) + " features");
  MethodRows rows;
  rows.feature_count = feature_count;
  rows.tag_count = tag_count;
  rows.label_count = label_count;
  rows.tags.resize(count);
  rows.labels.resize(count);
  const auto checked = [&](const char* what, std::int64_t found, std::int64_t most) {
    if (found < 0 || found >= most)
      detail::fail(file.path() + ": " + prefix + what, std::to_string(found),
                   "0 to " + std::to_string(most - 1));
    return static_cast<std::size_t>(found);
  };
  for (std::size_t i = 0; i < tags.size(); ++i)
    rows.tags[checked("tagged_samples", samples[i], static_cast<std::int64_t>(count))].push_back(
        static_cast<int>(checked("tags", tags[i], tag_count)));
  rows.features = [features, width](long sample, int) {
    return std::span<const float>(*features).subspan(static_cast<std::size_t>(sample) * width, width);
  };
  rows.check(file.path());
  return rows;
}

}  // namespace mmdl
