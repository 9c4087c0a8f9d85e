// SPDX-License-Identifier: Apache-2.0
// A compared method: what each of the eight systems of tables III and IV is given, and what it gives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../core/error.hpp"

namespace mmdl {

/// One split of a data set as a method sees it: features of a frozen backbone, computed once, with the tags
/// and labels of each sample. Copies are cheap but for the lists: `features` keeps alive what it reads.
struct MethodRows {
  int feature_count = 0;  ///< numbers of a row of features
  int tag_count = 0;      ///< tags are 0 to `tag_count` - 1; 0 where the data has none
  int label_count = 0;    ///< labels are 0 to `label_count` - 1
  int views = 1;          ///< rows of features a sample has: view 0 the picture as it is, 1 mirrored
  std::function<std::span<const float>(long sample, int view)> features;
  std::vector<std::vector<int>> tags;    ///< of each sample, in rising order; perhaps none
  std::vector<std::vector<int>> labels;  ///< of each sample, in rising order; perhaps none

  long samples() const { return static_cast<long>(labels.size()); }

  /// Throws `Error`, naming `place` and the sample, where tags and labels are not one list a sample, a list
  /// is not in rising order or a number in it is out of range.
  void check(const std::string& place) const {
    if (views < 1) detail::fail(place + ": views", std::to_string(views), "1 or more");
    if (tags.size() != labels.size())
      detail::fail(place + ": lists of tags", std::to_string(tags.size()),
                   std::to_string(labels.size()) + ", one a sample");
    if (!features && samples() > 0) detail::fail(place + ": features", "none", "a row for each sample");
    const auto check_lists = [&](const std::vector<std::vector<int>>& lists, int count, const char* what) {
      for (std::size_t sample = 0; sample < lists.size(); ++sample)
        for (std::size_t i = 0; i < lists[sample].size(); ++i)
          if (const int number = lists[sample][i];
              number < 0 || number >= count || (i > 0 && number <= lists[sample][i - 1]))
            detail::fail(place + ": " + what + " of sample " + std::to_string(sample), std::to_string(number),
                         "numbers below " + std::to_string(count) + " in rising order");
    };
    check_lists(tags, tag_count, "tags");
    check_lists(labels, label_count, "labels");
  }
};

/// How a method is trained.
struct MethodSettings {
  std::uint64_t seed = 1;  ///< of first weights, order of samples, dropout and whatever a method draws
  int epochs = 30;         ///< at most
  int batch = 32;
  int patience = 5;  ///< epochs without a lower loss on the held-out samples before the end; 0: never
  float learning_rate = 0.0f;  ///< 0: the method's own
  /// Called after each epoch (counted from 1) with the mean loss of its batches and the loss on the held-out
  /// samples (NaN where there are none). May throw to end the training.
  std::function<void(int epoch, double loss, double held_out)> report = {};
};

/// What a method says of the samples of a split.
struct Annotations {
  std::vector<std::vector<int>> labels;  ///< of each sample, the surest first; perhaps none; no label twice
  /// `label_count` numbers a sample, higher for surer labels (logits do), for average precision; empty where
  /// a method has none, as where it decodes a sequence.
  std::vector<float> scores;
};

/// One of the compared methods, over features, tags and labels of sizes known when compiling. One program
/// runs them all through this interface: `train` on two splits, then `annotate` any rows of the same columns.
/// Samples without tags and samples without labels are no error for any method, and give no NaN.
class Method {
 public:
  virtual ~Method() = default;

  /// Trains from first weights of `settings.seed`: on `train`, keeping the weights of the epoch with the
  /// lowest loss on `held_out` (the last where `held_out` has no samples). The same settings and rows give
  /// the same weights. Throws `Error` for rows of other sizes than the method was made for.
  virtual void train(const MethodRows& train, const MethodRows& held_out, const MethodSettings& settings) = 0;

  /// Annotates each sample of `rows` by view 0 of its features, its tags where the method reads them, and
  /// never its labels. Throws `Error` before `train` or `load`.
  virtual Annotations annotate(const MethodRows& rows) = 0;

  /// All that `annotate` needs, as safetensors with `notes` in the file's metadata; written whole or not at
  /// all.
  virtual void save(const std::string& path, const std::map<std::string, std::string>& notes) const = 0;
  /// What `save` wrote, for a method of the same sizes. Throws `Error` for any other file.
  virtual void load(const std::string& path) = 0;
};

/// How a program lists a method. `make` gives one without weights for data of these numbers of tags and
/// labels, at most those the method's type has room for.
struct MethodEntry {
  const char* name;        ///< on the command line: "warp"
  const char* title;       ///< in the paper's tables: "CNN+WARP"
  bool reads_tags;         ///< the tables' column "Multi-Modal": needs data with tags
  bool predicts_quantity;  ///< the tables' column "Quantity Prediction": else it gives 3 labels
  std::unique_ptr<Method> (*make)(int tag_count, int label_count);
};

/// The entry of a method in a program's list, from the constants that every method's type has: `name`,
/// `title`, `reads_tags` and `predicts_quantity`.
template <class MethodType>
MethodEntry method_entry() {
  return {MethodType::name, MethodType::title, MethodType::reads_tags, MethodType::predicts_quantity,
          [](int tag_count, int label_count) -> std::unique_ptr<Method> {
            return std::make_unique<MethodType>(tag_count, label_count);
          }};
}

/// The sizes of a method's type: features exactly, tags and labels at most. A method is
/// `template <class Sizes> class …Method final : public Method`, made by a constructor from (tag_count,
/// label_count).
template <int Features, int Tags, int Labels>
struct MethodSizes {
  static constexpr int features = Features, tags = Tags, labels = Labels;
};

namespace detail {

/// Throws unless rows fit a method made for these numbers; checks the rows too.
template <class Sizes>
void check_method_rows(const MethodRows& rows, const char* method, int tag_count, int label_count) {
  const auto same = [&](const char* what, int found, int expected) {
    if (found != expected)
      fail(std::string(method) + ": " + what, std::to_string(found), std::to_string(expected));
  };
  same("features", rows.feature_count, Sizes::features);
  same("tags", rows.tag_count, tag_count);
  same("labels", rows.label_count, label_count);
  rows.check(method);
}

}  // namespace detail

}  // namespace mmdl
