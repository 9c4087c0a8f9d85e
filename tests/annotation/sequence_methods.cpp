// SPDX-License-Identifier: Apache-2.0
// The methods that give one label after the other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <span>
#include <tuple>
#include <vector>

#include "method_rows.hpp"
#include "mmdl/annotation/cnn_rnn_method.hpp"
#include "mmdl/annotation/ria_method.hpp"
#include "mmdl/annotation/sr_cnn_rnn_method.hpp"

namespace sequence_methods_test {

using namespace mmdl;

namespace {

/// Twelve labels that depend on eight features: one for each large feature, four for pairs of them.
MethodRows pairs(int samples, std::uint64_t seed) {
  auto numbers = std::make_shared<std::vector<float>>();
  MethodRows rows;
  rows.feature_count = 8;
  rows.label_count = 12;
  Random random(seed);
  for (int i = 0; i < samples; ++i) {
    std::vector<int> labels;
    bool large[8] = {};
    for (int feature = 0; feature < 8; ++feature) {
      large[feature] = random.below(4) == 0;
      numbers->push_back((large[feature] ? 1.0f : 0.0f) + 0.05f * random.normal());
      if (large[feature]) labels.push_back(feature);
    }
    for (int pair = 0; pair < 4; ++pair)
      if (large[2 * pair] && large[2 * pair + 1]) labels.push_back(8 + pair);
    rows.labels.push_back(labels);
    rows.tags.emplace_back();
  }
  rows.features = [numbers](long sample, int) {
    return std::span<const float>(*numbers).subspan(static_cast<std::size_t>(sample) * 8, 8);
  };
  return rows;
}
using PairSizes = MethodSizes<8, 1, 15>;

void check_sets(const Annotations& found, int label_count, std::size_t most) {
  for (const auto& labels : found.labels) {
    CHECK(labels.size() <= most);
    CHECK(std::set<int>(labels.begin(), labels.end()).size() == labels.size());
    for (const int label : labels) CHECK((label >= 0 && label < label_count));
  }
}

/// The largest difference of the logits of the whole network, taught, and of its step network, run step by
/// step on the same tokens from `states`.
template <class Parts, class Whole, class... Inputs>
float step_difference(Whole& whole, std::vector<float> state, const Inputs&... inputs) {
  Model<typename Parts::Step, typename Parts::StepInput> step(77);
  const WeightReport report = transfer(step, whole);
  REQUIRE(report.missing.empty());
  const auto logits = [&] {
    if constexpr (requires { std::get<0>(whole.predict(inputs...)); })
      return std::get<0>(whole.predict(inputs...));
    else
      return whole.predict(inputs...);
  }();
  const auto& tokens = std::get<0>(std::tie(inputs...));
  float worst = 0.0f;
  std::size_t place = 0;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    typename detail::RowTensors<typename Parts::StepInput>::type all;
    detail::resize_rows(1, all);
    std::size_t from = 0;
    std::apply(
        [&](auto& token, auto&... pieces) {
          token.data()[0] = tokens.data()[t];
          ((std::copy_n(state.begin() + static_cast<long>(from), pieces.size(), pieces.data()),
            from += pieces.size()),
           ...);
        },
        all);
    const auto next = std::apply([&](const auto&... each) { return step.predict(each...); }, all);
    std::size_t to = 0;
    std::apply(
        [&](const auto& scores, const auto&... pieces) {
          for (std::size_t i = 0; i < scores.size(); ++i)
            worst = std::max(worst, std::fabs(scores.data()[i] - logits.data()[place++]));
          ((std::copy_n(pieces.data(), pieces.size(), state.begin() + static_cast<long>(to)),
            to += pieces.size()),
           ...);
        },
        next);
  }
  CHECK(place == logits.size());
  return worst;
}

template <class Parts, class... More>
void check_steps(const More&... more) {
  Model<typename Parts::Net, typename Parts::Input> whole(5);
  Model<typename Parts::Start, Shape<8>> start(6);
  CHECK(transfer(start, whole).missing.empty());
  Tensor<Shape<Parts::length>> tokens(1);
  Tensor<Shape<8>> features(1);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens.data()[i] = static_cast<float>(i * 5 % 17);
  for (std::size_t i = 0; i < 8; ++i) features.data()[i] = std::sin(static_cast<float>(i));
  std::vector<float> state(
      detail::places_of(typename detail::StateOf<typename Parts::StepInput>::type{}).back());
  const auto made = start.predict(features);
  std::copy_n(made.data(), made.size(), state.begin() + static_cast<long>(Parts::start_place));
  CHECK(step_difference<Parts>(whole, state, tokens, features, more...) < 1e-5f);
}

}  // namespace

TEST_CASE_TEMPLATE("sequence methods: learn, repeat themselves, and survive a file", M,
                   RiaMethod<method_rows::Sizes, 24>, RiaFrequentFirstMethod<method_rows::Sizes, 24>,
                   SrCnnRnnMethod<method_rows::Sizes, 24>) {
  method_rows::check_method<M>(/*least_image_f1=*/0.7, 30, 0.01f);
}
TEST_CASE("CNN-RNN: learns, repeats itself, and survives a file") {
  method_rows::check_method<CnnRnnMethod<method_rows::Sizes, 24, 12>>(/*least_image_f1=*/0.6, 30, 0.01f);
}

TEST_CASE_TEMPLATE("sequence methods: labels of features and of pairs of features", M,
                   RiaMethod<PairSizes, 48>, RiaFrequentFirstMethod<PairSizes, 48>,
                   SrCnnRnnMethod<PairSizes, 48>) {
  const MethodRows train = pairs(600, 1), held_out = pairs(80, 2), test = pairs(150, 3);
  M method(0, 12);
  method.train(train, held_out, {.epochs = 1, .batch = 32});
  check_sets(method.annotate(test), 12, 20);  // of a network that has hardly learnt
  method.train(train, held_out, {.epochs = 20, .batch = 20, .patience = 0, .learning_rate = 0.01f});
  const Annotations found = method.annotate(test);
  check_sets(found, 12, 20);
  AnnotationMetrics metrics(12);
  for (std::size_t i = 0; i < found.labels.size(); ++i) metrics.add(found.labels[i], test.labels[i]);
  CHECK(metrics.scores().image_f1 > 0.95);
}

TEST_CASE("CNN-RNN: the three labels it gives are the right ones where there are three or more") {
  const MethodRows train = pairs(600, 1), held_out = pairs(80, 2), test = pairs(150, 3);
  CnnRnnMethod<PairSizes, 48, 24> method(0, 12);
  method.train(train, held_out, {.epochs = 20, .batch = 20, .patience = 0, .learning_rate = 0.01f});
  const Annotations found = method.annotate(test);
  check_sets(found, 12, 3);
  int right = 0, all = 0;
  for (std::size_t i = 0; i < found.labels.size(); ++i) {
    CHECK(found.labels[i].size() == 3);
    const auto& wanted = test.labels[i];
    if (wanted.size() < 3) continue;
    for (const int label : found.labels[i])
      right += std::count(wanted.begin(), wanted.end(), label) > 0 ? 1 : 0;
    all += 3;
  }
  REQUIRE(all > 60);
  CHECK(right > 0.9 * all);
}

TEST_CASE("a step network says, step by step, what the whole one says") {
  const Tensor<Shape<16>> zero(1);
  Tensor<Shape<21>> all_steps(1);
  std::fill_n(all_steps.data(), all_steps.size(), 1.0f);
  check_steps<detail::RiaParts<PairSizes, 16, LabelOrder::rare_first>>(zero, all_steps);
  check_steps<detail::SrCnnRnnParts<PairSizes, 16>>(zero, all_steps);
  check_steps<detail::CnnRnnParts<PairSizes, 16, 12>>(all_steps);
}

TEST_CASE("sets as sequences: orders, empty ones, ones that are too long") {
  const std::vector<std::vector<int>> samples{{0, 2}, {0, 3}, {0, 2}, {2}, {}};  // 1 and 4: never
  CHECK(label_places(samples, 5, LabelOrder::rare_first) == std::vector<int>{3, 0, 4, 2, 1});
  CHECK(label_places(samples, 5, LabelOrder::frequent_first) == std::vector<int>{0, 3, 1, 2, 4});
  CHECK(label_places({}, 3, LabelOrder::rare_first) == std::vector<int>{0, 1, 2});
  const std::vector<int> places{3, 0, 4, 2, 1};
  const SequenceTokens tokens{.start = 6, .stop = 5};
  using Numbers = std::vector<float>;
  Numbers inputs(4), targets(4);
  put_sequence({0, 2}, places, tokens, inputs, targets);
  CHECK(inputs == Numbers{6, 0, 2, 5});
  CHECK(targets == Numbers{0, 2, 5, -1});
  put_sequence({}, places, tokens, inputs, targets);
  CHECK(inputs == Numbers{6, 5, 5, 5});
  CHECK(targets == Numbers{5, -1, -1, -1});
  put_sequence({0, 1, 2, 3, 4}, places, tokens, inputs, targets);  // two of them find no place
  CHECK(inputs == Numbers{6, 1, 4, 3});
  CHECK(targets == Numbers{1, 4, 3, 5});
}

TEST_CASE("sequence methods: more labels than a sequence holds, and labels that training never shows") {
  using Many = MethodSizes<2, 1, 30>;
  MethodRows rows;
  rows.feature_count = 2;
  rows.label_count = 30;
  static const std::vector<float> ones{1.0f, 1.0f};
  rows.features = [](long, int) { return std::span<const float>(ones); };
  std::vector<int> all(25);
  for (int i = 0; i < 25; ++i) all[static_cast<std::size_t>(i)] = i;
  rows.labels.assign(8, all);
  rows.tags.resize(8);
  RiaMethod<Many, 32> method(0, 30);
  method.train(rows, rows, {.epochs = 120, .batch = 8, .patience = 0, .learning_rate = 0.03f});
  const Annotations found = method.annotate(rows);
  check_sets(found, 25, 20);
  CHECK(found.labels[0].size() == 20);
}

}  // namespace sequence_methods_test
