// SPDX-License-Identifier: Apache-2.0
// Runs that were stopped: every optimizer goes on with the same bits, and a damaged checkpoint changes
// nothing.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "networks.hpp"

namespace resumption_test {

using namespace training_test;

namespace {

using Norms = Sequential<Conv<4>, BatchNorm>;

template <class Optimizer>
auto trainer_of(Model<Net, Inputs>& model, Optimizer optimizer) {
  Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}}, optimizer};
  trainer.with_schedule(WarmUp{3, StepDecay{.every = 4, .factor = 0.5f}}).with_clipping(0.5f);
  return trainer;
}

template <class TrainerType>
std::vector<float> state_of(TrainerType& trainer) {
  std::vector<float> all = everything(trainer.model());
  for (auto& slot : trainer.slots())
    all.insert(all.end(), slot.data(), slot.data() + trainer.model().engine().graph().parameters);
  return all;
}

template <class Optimizer>
void check_resumption(Optimizer optimizer) {
  const TemporaryFile file("resumption.checkpoint");
  Model<Net, Inputs> straight;
  auto whole = trainer_of(straight, optimizer);
  for (std::uint64_t i = 0; i < 10; ++i) step(whole, i);
  {
    Model<Net, Inputs> model;
    auto half = trainer_of(model, optimizer);
    for (std::uint64_t i = 0; i < 5; ++i) step(half, i);
    save_checkpoint(half, file.path);
  }
  Model<Net, Inputs> model;
  auto rest = trainer_of(model, optimizer);
  step(rest, 77);  // whatever was there is replaced
  load_checkpoint(rest, file.path);
  for (std::uint64_t i = 5; i < 10; ++i) step(rest, i);
  CHECK(state_of(rest) == state_of(whole));
  CHECK(rest.steps() == whole.steps());
}

}  // namespace

TEST_CASE("each optimizer goes on with the same bits") {
  check_resumption(Sgd{.learning_rate = 0.05f});
  check_resumption(Sgd{.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 0.01f});
  check_resumption(Sgd{.learning_rate = 0.05f, .momentum = 0.9f, .nesterov = true});
  check_resumption(Adam{.learning_rate = 0.01f, .weight_decay = 0.01f});
  check_resumption(AdamW{.learning_rate = 0.01f});
}

TEST_CASE("a damaged checkpoint is refused and changes nothing") {
  const TemporaryFile file("damaged.checkpoint");
  Model<Net, Inputs> model;
  auto trainer = trainer_of(model, AdamW{.learning_rate = 0.01f});
  step(trainer, 1);
  save_checkpoint(trainer, file.path);
  const std::string good = read_file(file.path, 1 << 20);
  step(trainer, 2);
  const std::vector<float> before = state_of(trainer);
  const auto refused = [&](const std::string& contents) {
    write_file(file.path, contents);
    const std::string message = message_of([&] { load_checkpoint(trainer, file.path); });
    CHECK(has(message, file.path.c_str()));
    CHECK(message.find('\n') == std::string::npos);
    CHECK(state_of(trainer) == before);
    CHECK(trainer.steps() == 2);
  };
  refused("");
  for (std::size_t length = 1; length < good.size(); length += good.size() / 23 + 1)
    refused(good.substr(0, length));
  refused(good + "x");
  // The last number of the file, which is one of the optimizer's or a weight: not finite.
  std::string broken = good;
  const float infinity = std::numeric_limits<float>::infinity();
  broken.replace(broken.size() - sizeof infinity, sizeof infinity, reinterpret_cast<const char*>(&infinity),
                 sizeof infinity);
  refused(broken);
  const auto edited = [&](const std::string& what, const std::string& by) {
    std::string text = good;
    const std::size_t place = text.find(what);
    REQUIRE(place != std::string::npos);
    REQUIRE(what.size() == by.size());
    text.replace(place, what.size(), by);
    return text;
  };
  refused(edited("\"checkpoint.steps\":\"1\"", "\"checkpoint.steps\":\"x\""));
  refused(edited("\"checkpoint.steps\":\"1\"", "\"checkpoint_steps\":\"1\""));
  refused(edited("\"checkpoint.seed\":\"1\"", "\"checkpoint.seed\":\"2\""));
  refused(edited("model.labels.linear1.bias", "model.labels.linear9.bias"));
  refused(edited("optimizer1.labels.linear1.bias", "optimizer3.labels.linear1.bias"));
  write_file(file.path, good);
  load_checkpoint(trainer, file.path);
  CHECK(trainer.steps() == 1);
  CHECK(state_of(trainer) != before);
}

TEST_CASE("a loss that is not finite leaves everything, running statistics too") {
  Model<Net, Inputs> model;
  auto trainer = trainer_of(model, AdamW{.learning_rate = 0.01f});
  step(trainer, 1);
  const std::vector<float> before = state_of(trainer);
  Batch bad(2);
  bad.images(1, 2, 3, 0) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(trainer.step(bad.images, bad.tags, bad.labels, bad.quantity), Error);
  CHECK(state_of(trainer) == before);
  Batch huge(2);
  huge.quantity(0, 0) = 3e38f;
  CHECK_THROWS_AS(trainer.step(huge.images, huge.tags, huge.labels, huge.quantity), Error);
  CHECK(state_of(trainer) == before);
  CHECK(trainer.steps() == 1);

  // The first norm has many values a channel and moves its statistics; the second has one and refuses.
  const Batch alone(2, 1);
  Model<Sequential<Norms, GlobalAveragePool, BatchNorm, Linear<2>>, Image> normed;
  Trainer failing{normed, MeanSquaredError{}, Sgd{}};
  const std::vector<float> at_first = everything(normed);
  CHECK(has(message_of([&] { failing.step(alone.images, Tensor<Shape<2>>(1)); }), "batch norm"));
  CHECK(everything(normed) == at_first);

  // The step after is the one that would have come anyway.
  Model<Net, Inputs> undisturbed;
  auto other = trainer_of(undisturbed, AdamW{.learning_rate = 0.01f});
  step(other, 1);
  step(other, 3);
  step(trainer, 3);
  CHECK(state_of(trainer) == state_of(other));
}

TEST_CASE("predictions and evaluations between steps change nothing") {
  Model<Net, Inputs> quiet, asked;
  auto first = trainer_of(quiet, Sgd{.learning_rate = 0.05f, .momentum = 0.9f});
  auto second = trainer_of(asked, Sgd{.learning_rate = 0.05f, .momentum = 0.9f});
  for (std::uint64_t i = 0; i < 4; ++i) {
    step(first, i);
    step(second, i);
    const Batch b(i, 1 + static_cast<int>(5 * i % 7));
    const auto [logits, quantity] = asked.predict(b.images, b.tags);
    CHECK(logits.samples() == b.images.samples());
    CHECK(std::isfinite(second.evaluate(b.images, b.tags, b.labels, b.quantity)));
  }
  CHECK(state_of(first) == state_of(second));
}

TEST_CASE("a moved model is the same model") {
  Model<Net, Inputs> model(3);
  const Batch b(1);
  const auto before = model.predict(b.images, b.tags);
  Model<Net, Inputs> moved = std::move(model);
  CHECK(moved.predict(b.images, b.tags) == before);
}

TEST_CASE("dropout: reproducible, scaled, another mask each step, none in inference") {
  // y = dropout(x) with x = 1: the loss's target reads the mask off.
  struct Record {
    std::vector<float>* seen;
    float operator()(const float* y, const float*, float* g, int samples, int size) const {
      seen->assign(y, y + samples * size);
      if (g != nullptr) std::fill_n(g, samples * size, 1.0f);
      return 0.0f;
    }
  };
  using Wide = Sequential<Linear<4000, Bias<false>>, Dropout<20>>;
  const auto run = [](std::uint64_t seed, int threads) {
    set_thread_count(threads);
    Model<Wide, Shape<1>> model(seed);
    std::fill(model.parameters().begin(), model.parameters().end(), 1.0f);
    std::vector<float> seen, all;
    Trainer trainer{model, Record{&seen}, Sgd{.learning_rate = 0.0f}};
    trainer.with_gradients_kept();
    Tensor<Shape<1>> x(3);
    std::fill_n(x.data(), x.size(), 1.0f);
    const Tensor<Shape<4000>> y(3);
    for (int i = 0; i < 2; ++i) {
      trainer.step(x, y);
      all.insert(all.end(), seen.begin(), seen.end());
      // The gradient of weight j is the sum of the samples' factors: the backward has the forward's mask.
      for (std::size_t j = 0; j < 4000; ++j)
        REQUIRE(model.gradients()[j] == doctest::Approx(seen[j] + seen[4000 + j] + seen[8000 + j]));
    }
    trainer.evaluate(x, y);
    for (const float value : seen) REQUIRE(value == 1.0f);
    return all;
  };
  const int threads = thread_count();
  const auto first = run(1, 2), again = run(1, 1), other = run(2, 2);
  set_thread_count(threads);
  CHECK(first == again);
  CHECK(first != other);
  CHECK(std::vector<float>(first.begin(), first.begin() + 12000) !=
        std::vector<float>(first.begin() + 12000, first.end()));
  int dropped = 0;
  for (const float value : first) {
    dropped += value == 0.0f ? 1 : 0;
    REQUIRE((value == 0.0f || value == 1.25f));
  }
  CHECK(dropped / 24000.0 == doctest::Approx(0.2).epsilon(0.05));
}

TEST_CASE("equal outputs: each loss counts") {
  using Twice = Sequential<Linear<2>, Heads<Identity, Identity>>;
  Model<Twice, Shape<3>> both;
  Model<Linear<2>, Shape<3>> one;
  std::copy(one.parameters().begin(), one.parameters().end(), both.parameters().begin());
  Tensor<Shape<3>> x(4);
  Tensor<Shape<2>> y(4), z(4);
  fill_normal(x, 1);
  fill_normal(y, 2);
  Trainer pair{both, Losses{MeanSquaredError{}, MeanSquaredError{.weight = 2.0f}},
               Sgd{.learning_rate = 0.1f}};
  Trainer single{one, MeanSquaredError{.weight = 3.0f}, Sgd{.learning_rate = 0.1f}};
  CHECK(pair.step(x, y, y) == doctest::Approx(single.step(x, y)));
  for (std::size_t i = 0; i < one.parameters().size(); ++i)
    CHECK(both.parameters()[i] == doctest::Approx(one.parameters()[i]));
}

}  // namespace resumption_test
