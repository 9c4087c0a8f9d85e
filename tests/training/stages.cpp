// SPDX-License-Identifier: Apache-2.0
// Training in stages: weights pass by name, what is frozen changes by nothing, the parts make the whole.
#include <doctest/doctest.h>

#include <limits>
#include <mmdl/losses/mean_squared_error.hpp>
#include <mmdl/losses/sigmoid_cross_entropy.hpp>
#include <mmdl/models/resnet.hpp>
#include <mmdl/models/stages.hpp>
#include <mmdl/optim/any_optimizer.hpp>
#include <mmdl/training/early_stopping.hpp>
#include <mmdl/training/trainer.hpp>
#include <mmdl/training/weights.hpp>

namespace stages_test {

namespace {

using namespace mmdl;

template <int Filters, int S>
using Scale = Sequential<Conv<Filters, Stride<S>, Bias<false>>, BatchNorm, Relu>;
using Tiny = Backbone<Scale<4, 1>, Scale<6, 2>, Scale<8, 2>>;
using Image = Shape<8, 8, 3>;
using Tags = Shape<12>;
using Text = Mlp<8, 8>;
constexpr int classes = 5;

using First = stages::FineTuneBackbone<Tiny, classes>;
using Second = stages::TrainFusion<Tiny, ConvFusion, AllScales, classes>;
using SecondOfScales = stages::TrainFusionOfScales<ConvFusion, classes>;
using Third = stages::TrainText<Text, classes>;
using Fourth = stages::TrainLabels<classes>;
using Fifth = stages::TrainQuantity<>;
using Last = stages::TrainEndToEnd<Tiny, ConvFusion, AllScales, Text, classes>;
using ScaleShapes = List<Shape<8, 8, 4>, Shape<4, 4, 6>, Shape<2, 2, 8>>;

static_assert(std::is_same_v<output_shape<Last, List<Image, Tags>>, List<Shape<classes>, Shape<1>>>);
static_assert(std::is_same_v<output_shape<SecondOfScales, ScaleShapes>, Shape<classes>>);
// The frozen backbone keeps no activations: the stage takes less memory than fine-tuning the backbone with
// the branch.
static_assert(training_bytes<Second, Image> <
              training_bytes<Annotator<MultiScale<Tiny>, NoText, Labels<classes>, NoQuantity>, Image>);
static_assert(
    std::is_same_v<output_shape<stages::TrainQuantity<QuantityClassifier<16>>, Shape<8>>, Shape<17>>);
static_assert(parameter_count<SummedWordVectors<50>, Tags> == 12 * 50);

template <class S>
Tensor<S> binary(int samples, std::uint64_t seed) {
  Tensor<S> tensor(samples);
  fill_uniform(tensor, seed);
  for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = tensor.data()[i] < 0.3f ? 1.0f : 0.0f;
  return tensor;
}

template <class Net, class Input>
std::vector<float> values_below(Model<Net, Input>& model, const std::string& prefix) {
  std::vector<float> all;
  for (const std::string& name : model.names())
    if (name.starts_with(prefix)) {
      const auto values = model.parameter(name);
      all.insert(all.end(), values.begin(), values.end());
    }
  return all;
}

}  // namespace

TEST_CASE("the stages' weights make the whole annotator, with the same outputs") {
  Tensor<Image> images(6);
  fill_normal(images, 1);
  const Tensor<Tags> tags = binary<Tags>(6, 2);
  const Tensor<Shape<classes>> labels = binary<Shape<classes>>(6, 3);

  Model<First, Image> first(11);
  Trainer first_trainer{first, SigmoidCrossEntropy{},
                        AnyOptimizer(Sgd{.learning_rate = 0.05f, .momentum = 0.9f})};
  for (int i = 0; i < 3; ++i) first_trainer.step(images, labels);

  Model<Second, Image> second(12);
  const WeightReport report = transfer(second, first, "visual.", "visual.");
  CHECK(report.loaded == 15);  // a weight, two of batch norm and two running statistics a scale
  CHECK(report.extra.empty());
  CHECK(report.missing.size() == 20);  // the fusion branch
  const auto backbone_before = values_below(second, "visual.scale");
  CHECK(backbone_before == values_below(first, "visual.scale"));
  Trainer second_trainer{second, SigmoidCrossEntropy{}, AnyOptimizer(AdamW{.learning_rate = 0.01f})};
  const auto fusion_before = values_below(second, "visual.fusion");
  for (int i = 0; i < 3; ++i) second_trainer.step(images, labels);
  CHECK(values_below(second, "visual.scale") == backbone_before);  // frozen: not a bit
  CHECK(values_below(second, "visual.fusion") != fusion_before);

  Model<Third, Tags> third(13);
  Trainer third_trainer{third, SigmoidCrossEntropy{}, AnyOptimizer(Adam{.learning_rate = 0.01f})};
  for (int i = 0; i < 3; ++i) third_trainer.step(tags, labels);

  // The features of both, and the heads over them.
  using Visual = stages::VisualFeatures<MultiScale<Tiny>>;
  Model<Visual, Image> visual(1);
  CHECK(transfer(visual, second, "visual.", "visual.").missing.empty());
  Model<stages::TextFeatures<Text>, Tags> text(1);
  CHECK(transfer(text, third, "text.", "text.").missing.empty());
  const auto seen = visual.predict(images);
  const auto read = text.predict(tags);
  Tensor<Shape<16>> features(6);
  for (int i = 0; i < 6; ++i) {
    std::copy(seen[i].begin(), seen[i].end(), features[i].begin());
    std::copy(read[i].begin(), read[i].end(), features[i].begin() + 8);
  }
  Model<Fourth, Shape<16>> fourth(14);
  Model<Fifth, Shape<16>> fifth(15);

  Model<Last, List<Image, Tags>> whole(99);
  transfer(whole, second, "visual.", "visual.");
  transfer(whole, third, "text.", "text.");
  transfer(whole, fourth, "labels.", "labels.");
  transfer(whole, fifth, "quantity.", "quantity.");
  const auto [logits, quantities] = whole.predict(images, tags);
  CHECK(logits == fourth.predict(features));
  CHECK(quantities == fifth.predict(features));

  // End to end: all but the backbone moves.
  const auto visual_before = values_below(whole, "visual.scale");
  Trainer trainer{whole, Losses{SigmoidCrossEntropy{}, MeanSquaredError{}},
                  AnyOptimizer(AdamW{.learning_rate = 0.01f})};
  trainer.step(images, tags, labels, Tensor<Shape<1>>(6));
  CHECK(values_below(whole, "visual.scale") == visual_before);
  for (const char* part : {"visual.fusion", "text.", "labels.", "quantity."}) {
    Model<Last, List<Image, Tags>> before(99);
    transfer(before, second, "visual.", "visual.");
    transfer(before, third, "text.", "text.");
    transfer(before, fourth, "labels.", "labels.");
    transfer(before, fifth, "quantity.", "quantity.");
    CHECK_MESSAGE(values_below(whole, part) != values_below(before, part), part);
  }
}

TEST_CASE("over scales that were computed before, the fusion stage is the same computation") {
  Tensor<Image> images(3);
  fill_normal(images, 5);
  Model<Second, Image> second(7);
  Model<stages::VisualFeatures<Tiny>, Image> backbone(1);
  transfer(backbone, second, "visual.", "visual.");
  Model<SecondOfScales, ScaleShapes> fusion(2);
  CHECK(transfer(fusion, second).missing.empty());
  const auto scales = backbone.predict(images);
  const auto logits = std::apply([&](const auto&... tensors) { return fusion.predict(tensors...); }, scales);
  const auto expected = second.predict(images);
  for (std::size_t i = 0; i < logits.size(); ++i)
    CHECK(logits.data()[i] == doctest::Approx(expected.data()[i]).epsilon(1e-5));
}

TEST_CASE("a transfer between models says what did not fit, and refuses when nothing does") {
  Model<Fourth, Shape<16>> small(1);
  Model<Fourth, Shape<8>> other(2);
  const WeightReport report = transfer(small, other);
  CHECK(report.loaded == 1);  // the bias
  REQUIRE(report.mismatched.size() == 1);
  CHECK(report.mismatched[0] == "labels.linear1.weight: found 8x5, expected 16x5");
  const auto before = values_below(small, "");
  CHECK_THROWS_WITH_AS(transfer(small, other, "visual.", "labels."),
                       "transfer of 'visual.*' to 'labels.*': found no tensor of a fitting name and shape, "
                       "expected at least one",
                       Error);
  CHECK(values_below(small, "") == before);
}

TEST_CASE("the fingerprint of a network changes with any weight, and with nothing else") {
  Model<First, Image> one(1), same(1), other(2);
  CHECK(network_fingerprint(one) == network_fingerprint(same));
  CHECK(network_fingerprint(one) != network_fingerprint(other));
  CHECK(network_fingerprint(one).size() == 16);
  const std::string before = network_fingerprint(same);
  same.parameter("visual.scale2.batch_norm1.running_mean")[1] += 1e-6f;
  CHECK(network_fingerprint(same) != before);
}

TEST_CASE("early stopping keeps the best weights") {
  Model<Fourth, Shape<8>> model(1);
  EarlyStopping stopping(model, 2);
  const auto set = [&](float value) { model.parameter("labels.linear1.bias")[0] = value; };
  CHECK_FALSE(stopping.stop());
  stopping.restore();  // nothing yet
  set(1);
  CHECK(stopping.update(0.5));
  set(2);
  CHECK(stopping.update(0.4));
  set(3);
  CHECK_FALSE(stopping.update(0.4));
  CHECK_FALSE(stopping.stop());
  set(4);
  CHECK_FALSE(stopping.update(std::numeric_limits<double>::quiet_NaN()));
  CHECK(stopping.stop());
  CHECK(stopping.best_epoch() == 1);
  CHECK(stopping.best() == 0.4);
  stopping.restore();
  CHECK(model.parameter("labels.linear1.bias")[0] == 2);

  EarlyStopping never(model, 0);
  for (int i = 0; i < 50; ++i) never.update(i);
  CHECK_FALSE(never.stop());
  CHECK_THROWS_AS(EarlyStopping(model, -1), Error);

  EarlyStopping resumed(model, 2);
  resumed.resume(4, 1, 0.4);
  CHECK(resumed.stop());
  CHECK_FALSE(resumed.update(0.45));
  CHECK_THROWS_AS(resumed.resume(1, 1, 0.4), Error);
}

TEST_CASE("an optimizer chosen at run time makes the steps of the one chosen") {
  Tensor<Shape<8>> x(4);
  fill_normal(x, 3);
  const Tensor<Shape<classes>> y = binary<Shape<classes>>(4, 4);
  const auto after = [&](const auto& optimizer) {
    Model<Fourth, Shape<8>> model(1);
    Trainer trainer{model, SigmoidCrossEntropy{}, optimizer};
    for (int i = 0; i < 3; ++i) trainer.step(x, y);
    return values_below(model, "");
  };
  const Sgd sgd{.learning_rate = 0.1f, .momentum = 0.9f};
  const Adam adam{.learning_rate = 0.1f};
  const AdamW adamw{.learning_rate = 0.1f, .weight_decay = 0.1f};
  CHECK(after(AnyOptimizer(sgd)) == after(sgd));
  CHECK(after(AnyOptimizer(adam)) == after(adam));
  CHECK(after(AnyOptimizer(adamw)) == after(adamw));
  Model<Fourth, Shape<8>> model(1);
  CHECK_THROWS_AS((Trainer{model, SigmoidCrossEntropy{}, AnyOptimizer(Sgd{.learning_rate = -1})}), Error);
}

}  // namespace stages_test
