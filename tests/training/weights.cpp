// SPDX-License-Identifier: Apache-2.0
// Weight files and checkpoints: round trips, reports, refusals, and a run that goes on where it was killed.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "networks.hpp"

namespace weights_test {

using namespace training_test;

namespace {

template <class ModelType>
auto make_trainer(ModelType& model, AdamW optimizer = {.learning_rate = 0.01f}) {
  Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}}, optimizer};
  trainer.with_schedule(Cosine{.steps = 20});
  return trainer;
}

}  // namespace

TEST_CASE("save and load") {
  const TemporaryFile file("weights.safetensors");
  Model<Net, Inputs> model(1), other(2);
  auto trainer = make_trainer(model);
  step(trainer, 1);
  save(model, file.path, {{"labels", "[\"a\"]"}});
  REQUIRE(everything(model) != everything(other));
  load(other, file.path);
  CHECK(everything(model) == everything(other));
  CHECK(SafetensorsFile(file.path).metadata().at("labels") == "[\"a\"]");
  CHECK(SafetensorsFile(file.path).find("visual.scale2.conv1.weight")->shape ==
        std::vector<std::int64_t>{3, 3, 4, 6});
}

TEST_CASE("a file of another network is refused, with a list of what differs, and nothing changes") {
  const TemporaryFile file("other.safetensors");
  using Wider = Annotator<Visual, Mlp<9>, Labels<3>, NoQuantity>;
  Model<Wider, Inputs> wider;
  save(wider, file.path);
  Model<Net, Inputs> model;
  const std::vector<float> before = everything(model);
  const std::string message = message_of([&] { load(model, file.path); });
  CHECK(has(message, file.path.c_str()));
  CHECK(has(message, "missing 4"));
  CHECK(has(message, "quantity.linear1.weight"));
  CHECK(has(message, "text.linear1.weight: found 7x9, expected 7x5"));
  CHECK(message.find('\n') == std::string::npos);
  CHECK(everything(model) == before);
  CHECK(has(message_of([&] { load(model, "/no/such/file"); }), "/no/such/file"));
}

TEST_CASE("numbers that are not finite are refused") {
  const TemporaryFile file("nan.safetensors");
  Model<Net, Inputs> broken, model(2);
  broken.parameter("labels.linear1.bias")[1] = std::numeric_limits<float>::quiet_NaN();
  save(broken, file.path);
  const std::vector<float> before = everything(model);
  const std::string message = message_of([&] { load(model, file.path); });
  CHECK(has(message, "labels.linear1.bias"));
  CHECK(has(message, "number 1"));
  CHECK(everything(model) == before);
}

TEST_CASE("transfer of a backbone into an annotator, and out of one") {
  const TemporaryFile file("backbone.safetensors");
  Model<Visual, Image> backbone(3);
  save(backbone, file.path);
  Model<Net, Inputs> model(4);
  const std::vector<float> text(model.parameter("text.linear1.weight").begin(),
                                model.parameter("text.linear1.weight").end());
  const WeightReport report = transfer(model, file.path, "", "visual.");
  CHECK(report.complete());
  CHECK(report.loaded == static_cast<int>(backbone.names().size()));
  for (const std::string& name : backbone.names())
    CHECK(std::equal(backbone.parameter(name).begin(), backbone.parameter(name).end(),
                     model.parameter("visual." + name).begin()));
  CHECK(std::equal(text.begin(), text.end(), model.parameter("text.linear1.weight").begin()));

  save(model, file.path);
  Model<MultiScale<Backbone<Scale<4, 1>, Scale<8, 2>>>, Image> wider;
  const WeightReport partial = transfer(wider, file.path, "visual.", "");
  CHECK(partial.loaded > 0);
  CHECK_FALSE(partial.mismatched.empty());
  CHECK(has(partial.str(), "of another shape"));
  CHECK(has(message_of([&] { transfer(wider, file.path, "nothing.", ""); }), "no tensor of a fitting name"));
}

TEST_CASE("a run that was killed and resumed gives the same bits") {
  const TemporaryFile file("run.checkpoint");
  Model<Net, Inputs> straight;
  auto trainer = make_trainer(straight);
  for (std::uint64_t i = 0; i < 10; ++i) step(trainer, i);

  {
    Model<Net, Inputs> model;
    auto half = make_trainer(model);
    for (std::uint64_t i = 0; i < 5; ++i) step(half, i);
    save_checkpoint(half, file.path, {{"epoch", "2"}});
    step(half, 99);  // what comes after the checkpoint is lost with the process
  }
  Model<Net, Inputs> resumed;
  auto rest = make_trainer(resumed);
  const auto notes = load_checkpoint(rest, file.path);
  CHECK(notes.at("epoch") == "2");
  CHECK(rest.steps() == 5);
  for (std::uint64_t i = 5; i < 10; ++i) step(rest, i);
  CHECK(everything(resumed) == everything(straight));
  CHECK(rest.learning_rate() == trainer.learning_rate());
}

TEST_CASE("a checkpoint of another run is refused and changes nothing") {
  const TemporaryFile file("refused.checkpoint");
  Model<Net, Inputs> model;
  auto trainer = make_trainer(model);
  step(trainer, 1);
  save_checkpoint(trainer, file.path);

  Model<Net, Inputs> other_seed(9);
  auto seeded = make_trainer(other_seed);
  const auto before = everything(other_seed);
  CHECK(has(message_of([&] { load_checkpoint(seeded, file.path); }), "seed: found 1, expected 9"));
  CHECK(everything(other_seed) == before);

  Trainer plain{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}},
                Sgd{.momentum = 0.9f}};
  CHECK(has(message_of([&] { load_checkpoint(plain, file.path); }), "tensors"));

  using Wider = Annotator<Visual, Mlp<9>, Labels<3>, Quantity>;
  Model<Wider, Inputs> wider;
  auto wide = make_trainer(wider);
  CHECK(has(message_of([&] { load_checkpoint(wide, file.path); }), "found 7x5, expected 7x9"));

  save(model, file.path);  // a weight file is no checkpoint
  CHECK(has(message_of([&] { load_checkpoint(trainer, file.path); }), "checkpoint.seed"));
}

}  // namespace weights_test
