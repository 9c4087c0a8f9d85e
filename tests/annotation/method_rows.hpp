// SPDX-License-Identifier: Apache-2.0
// Rows that every method can learn from, and what must hold of every method.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "mmdl/annotation/method.hpp"
#include "mmdl/annotation/metrics.hpp"
#include "mmdl/core/random.hpp"

namespace method_rows {

constexpr int features = 12, tags = 9, labels = 6;
using Sizes = mmdl::MethodSizes<features, tags + 2, labels + 3>;  // room for more than the data has

/// Samples with 0 to 3 labels; features are a noisy mixture of the labels' directions, tags a noisy copy of
/// the labels. About one sample in twelve has no labels, and one in eight no tags.
inline mmdl::MethodRows make_rows(int samples, std::uint64_t seed, int views = 1) {
  mmdl::Random random(seed);
  auto numbers = std::make_shared<std::vector<float>>();
  mmdl::MethodRows rows;
  rows.feature_count = features;
  rows.tag_count = tags;
  rows.label_count = labels;
  rows.views = views;
  for (int i = 0; i < samples; ++i) {
    std::vector<int> own_labels, own_tags;
    if (random.below(12) > 0)
      for (int label = 0; label < labels; ++label)
        if (random.below(3) == 0 && own_labels.size() < 3) own_labels.push_back(label);
    for (int tag = 0; tag < tags; ++tag) {
      bool there = random.below(12) == 0;
      for (const int label : own_labels) there |= tag == label && random.below(5) > 0;
      if (there) own_tags.push_back(tag);
    }
    if (random.below(8) == 0) own_tags.clear();
    for (int view = 0; view < views; ++view)
      for (int feature = 0; feature < features; ++feature) {
        float number = 0.3f * random.normal();
        for (const int label : own_labels)
          number +=
              mmdl::random_normal(99, static_cast<std::uint64_t>(label), static_cast<std::uint64_t>(feature));
        numbers->push_back(number);
      }
    rows.labels.push_back(own_labels);
    rows.tags.push_back(own_tags);
  }
  rows.features = [numbers, views](long sample, int view) {
    return std::span<const float>(*numbers).subspan(
        static_cast<std::size_t>((sample * views + view) * features), features);
  };
  return rows;
}

inline double image_f1(const mmdl::MethodRows& rows, const mmdl::Annotations& found) {
  mmdl::AnnotationMetrics metrics(labels);
  for (std::size_t i = 0; i < found.labels.size(); ++i) metrics.add(found.labels[i], rows.labels[i]);
  return metrics.scores().image_f1;
}

template <class Function>
std::string message_of(const Function& function) {
  try {
    function();
  } catch (const mmdl::Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

/// What must hold of every method: it learns, the same seed gives the same, its file gives it back, samples
/// without tags or labels do no harm, and rows of other sizes are refused. In one go, without subcases, which
/// would train the method anew for each.
template <class M>
void check_method(double least_image_f1, int epochs = 60, float learning_rate = 0.02f) {
  const mmdl::MethodRows train = make_rows(240, 1, 2), held_out = make_rows(40, 2), test = make_rows(61, 3);
  mmdl::MethodSettings settings{.seed = 3, .epochs = epochs, .batch = 16, .learning_rate = learning_rate};
  int epochs_seen = 0;
  double first_loss = 0, best_held_out = std::numeric_limits<double>::infinity(), last_loss = 0;
  settings.report = [&](int epoch, double loss, double outside) {
    if (epoch == 1) epochs_seen = 0;
    CHECK(epoch == ++epochs_seen);
    REQUIRE(std::isfinite(loss));
    REQUIRE(std::isfinite(outside));
    if (epoch == 1) first_loss = loss;
    last_loss = loss;
    best_held_out = std::min(best_held_out, outside);
  };
  const mmdl::MethodEntry entry = mmdl::method_entry<M>();
  CAPTURE(entry.title);
  const auto method = entry.make(tags, labels);
  CHECK(message_of([&] { method->annotate(test); }).find("trained or loaded") != std::string::npos);
  method->train(train, held_out, settings);
  CHECK(epochs_seen >= 1);
  CHECK(last_loss < first_loss);

  const mmdl::Annotations found = method->annotate(test);
  REQUIRE(found.labels.size() == 61);
  CHECK(image_f1(test, found) > least_image_f1);
  if (!found.scores.empty()) {
    CHECK(found.scores.size() == 61 * labels);
    for (const float score : found.scores) CHECK(std::isfinite(score));
  }

  {
    INFO("the same seed");
    const auto again = entry.make(tags, labels);
    again->train(train, held_out, settings);
    CHECK(again->annotate(test).labels == found.labels);
    CHECK(again->annotate(test).scores == found.scores);
  }
  {
    INFO("a file");
    const std::string path = "/tmp/mmdl_method_" + std::to_string(::getpid()) + ".safetensors";
    method->save(path, {{"note", "kept"}});
    const auto read = entry.make(tags, labels);
    read->load(path);
    CHECK(read->annotate(test).labels == found.labels);
    CHECK(read->annotate(test).scores == found.scores);
    CHECK(message_of([&] { entry.make(tags - 1, labels)->load(path); }).find("method") != std::string::npos);
    CHECK(message_of([&] { entry.make(tags, labels + 1)->load(path); }).find("method") != std::string::npos);
    std::remove(path.c_str());
    CHECK_THROWS_AS(read->load(path), mmdl::Error);
  }
  {
    INFO("no labels, no tags, no held-out samples, a batch larger than the samples");
    mmdl::MethodRows bare = make_rows(7, 4), none = make_rows(0, 5);
    for (auto& list : bare.labels) list.clear();
    for (auto& list : bare.tags) list.clear();
    mmdl::MethodSettings brief = settings;
    brief.epochs = 3;
    brief.report = [](int, double loss, double outside) {
      CHECK(std::isfinite(loss));
      CHECK(std::isnan(outside));
    };
    const auto other = entry.make(tags, labels);
    other->train(bare, none, brief);
    const mmdl::Annotations annotations = other->annotate(bare);
    CHECK(annotations.labels.size() == 7);
    for (const float score : annotations.scores) CHECK(std::isfinite(score));
    CHECK(other->annotate(none).labels.empty());
  }
  {
    INFO("a label and a tag that no training sample has");
    mmdl::MethodRows some = train;
    for (auto& list : some.labels) std::erase(list, labels - 1);
    for (auto& list : some.tags) std::erase(list, tags - 1);
    const auto other = entry.make(tags, labels);
    other->train(some, held_out, settings);
    const mmdl::Annotations annotations = other->annotate(test);
    CHECK(annotations.labels.size() == 61);
    CHECK(image_f1(test, annotations) > least_image_f1 / 2);
    for (const float score : annotations.scores) CHECK(std::isfinite(score));
  }
  {
    INFO("bad rows and sizes");
    mmdl::MethodRows bad = test;
    bad.labels[5] = {2, labels};
    CHECK(message_of([&] { method->annotate(bad); }).find("labels of sample 5") != std::string::npos);
    bad = test;
    bad.tags[3] = {4, 4};
    CHECK(message_of([&] { method->train(bad, test, settings); }).find("tags of sample 3") !=
          std::string::npos);
    bad = test;
    bad.tags.pop_back();
    CHECK(message_of([&] { method->annotate(bad); }).find("lists of tags") != std::string::npos);
    bad = test;
    bad.feature_count = 5;
    CHECK(message_of([&] { method->annotate(bad); }).find("features: found 5") != std::string::npos);
    const mmdl::MethodRows empty = make_rows(0, 5);
    CHECK(message_of([&] { method->train(empty, test, settings); }).find("training samples") !=
          std::string::npos);
    CHECK(message_of([&] { entry.make(tags, labels + 4); }).find("labels") != std::string::npos);
    CHECK(message_of([&] { entry.make(tags + 3, labels); }).find("tags") != std::string::npos);
  }
}

}  // namespace method_rows
