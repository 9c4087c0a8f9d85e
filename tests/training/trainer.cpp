// SPDX-License-Identifier: Apache-2.0
// The training step: losses, weights, clipping, schedules, frozen parts, reproducibility.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "networks.hpp"

namespace trainer_test {

using namespace training_test;

TEST_CASE("the same seed gives the same weights and the same steps, bit for bit") {
  const auto run = [](int threads) {
    set_thread_count(threads);
    Model<Net, Inputs> model(5);
    Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}},
                    Sgd{.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 1e-4f}};
    const std::vector<float> drawn = everything(model);
    for (std::uint64_t i = 0; i < 5; ++i) step(trainer, i);
    return std::pair{drawn, everything(model)};
  };
  const int threads = thread_count();
  const auto first = run(2), second = run(2), alone = run(1);
  set_thread_count(threads);
  CHECK(first.second == second.second);
  CHECK(first.first == alone.first);
  CHECK(first.first != first.second);
  CHECK(everything(Model<Net, Inputs>(6)) != first.first);
  for (std::size_t i = 0; i < first.second.size(); ++i)  // threads change no more than rounding
    REQUIRE(std::fabs(first.second[i] - alone.second[i]) <= 1e-4f * (1.0f + std::fabs(alone.second[i])));
}

TEST_CASE("training lowers the loss, with each optimizer") {
  const auto falls = [](auto optimizer) {
    Model<Net, Inputs> model;
    Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}}, optimizer};
    const Batch b(1);
    const float before = trainer.evaluate(b.images, b.tags, b.labels, b.quantity);
    for (int i = 0; i < 60; ++i) trainer.step(b.images, b.tags, b.labels, b.quantity);
    CHECK(trainer.steps() == 60);
    return trainer.evaluate(b.images, b.tags, b.labels, b.quantity) < 0.5f * before;
  };
  CHECK(falls(Sgd{.learning_rate = 0.05f}));
  CHECK(falls(Sgd{.learning_rate = 0.02f, .momentum = 0.9f, .nesterov = true}));
  CHECK(falls(Adam{.learning_rate = 0.01f}));
  CHECK(falls(AdamW{.learning_rate = 0.01f}));
}

TEST_CASE("the weights of the losses scale values and gradients") {
  Model<Net, Inputs> model;
  const Batch b(2);
  const auto evaluate = [&](float first, float second) {
    Trainer trainer{model, Losses{SigmoidCrossEntropy{.weight = first}, MeanSquaredError{.weight = second}},
                    Sgd{}};
    const float total = trainer.evaluate(b.images, b.tags, b.labels, b.quantity);
    CHECK(total == doctest::Approx(trainer.losses()[0] + trainer.losses()[1]));
    return trainer.losses();
  };
  CHECK(evaluate(2.0f, 0.5f)[0] == doctest::Approx(2.0f * evaluate(1.0f, 1.0f)[0]));
  CHECK(evaluate(2.0f, 0.5f)[1] == doctest::Approx(0.5f * evaluate(1.0f, 1.0f)[1]));
  Trainer labels_only{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.0f}},
                      Sgd{.learning_rate = 0.1f}};
  const std::vector<float> quantity(model.parameter("quantity.linear1.weight").begin(),
                                    model.parameter("quantity.linear1.weight").end());
  step(labels_only, 3);
  CHECK(std::equal(quantity.begin(), quantity.end(), model.parameter("quantity.linear1.weight").begin()));
}

TEST_CASE("clipping, schedule and decay are used") {
  Model<Sequential<Linear<4>, BatchNorm, Linear<2>>, Shape<3>> model;
  Tensor<Shape<3>> x(5);
  Tensor<Shape<2>> y(5);
  fill_normal(x, 1);
  fill_normal(y, 2);
  SUBCASE("clipping") {
    Trainer trainer{model, MeanSquaredError{}, Sgd{.learning_rate = 1.0f}};
    trainer.with_clipping(0.001f);
    const std::vector<float> before = everything(model);
    trainer.step(x, y);
    double moved = 0.0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(model.engine().graph().parameters); ++i)
      moved += std::pow(static_cast<double>(model.parameters()[i] - before[i]), 2.0);
    CHECK(trainer.gradient_norm() > 0.01f);
    CHECK(std::sqrt(moved) == doctest::Approx(0.001).epsilon(0.01));
  }
  SUBCASE("schedule") {
    Trainer trainer{model, MeanSquaredError{}, Sgd{.learning_rate = 0.1f}};
    trainer.with_schedule(StepDecay{.every = 2, .factor = 0.1f});
    CHECK(trainer.learning_rate() == doctest::Approx(0.1f));
    trainer.step(x, y);
    trainer.step(x, y);
    CHECK(trainer.learning_rate() == doctest::Approx(0.01f));
  }
  SUBCASE("decay leaves out biases and norms") {
    Trainer trainer{model, MeanSquaredError{.weight = 0.0f},
                    Sgd{.learning_rate = 0.1f, .weight_decay = 0.5f}};
    const std::vector<float> weight(model.parameter("linear1.weight").begin(),
                                    model.parameter("linear1.weight").end());
    const std::vector<float> bias(model.parameter("linear1.bias").begin(),
                                  model.parameter("linear1.bias").end());
    trainer.step(x, y);
    for (std::size_t i = 0; i < weight.size(); ++i)
      CHECK(model.parameter("linear1.weight")[i] == doctest::Approx(0.95f * weight[i]));
    CHECK(std::equal(bias.begin(), bias.end(), model.parameter("linear1.bias").begin()));
    for (float gamma : model.parameter("batch_norm1.weight")) CHECK(gamma == 1.0f);
  }
}

TEST_CASE("a frozen part changes by nothing, and the rest learns") {
  using Mixed = Sequential<Frozen<Sequential<Conv<4>, BatchNorm, Relu, Dropout<50>>>, Conv<4>, BatchNorm,
                           Relu, GlobalAveragePool, Linear<2>>;
  Model<Mixed, Image> model;
  Tensor<Image> x(4);
  Tensor<Shape<2>> y(4);
  fill_normal(x, 1);
  for (int n = 0; n < 4; ++n) y(n, n % 2) = 1.0f;
  const auto copy = [&](const char* name) {
    return std::vector<float>(model.parameter(name).begin(), model.parameter(name).end());
  };
  const auto weight = copy("conv1.weight"), mean = copy("batch_norm1.running_mean"),
             gamma = copy("batch_norm1.weight");
  const auto free_weight = copy("conv2.weight"), free_mean = copy("batch_norm2.running_mean");
  Trainer trainer{model, SoftmaxCrossEntropy{},
                  AdamW{.learning_rate = 0.01f, .weight_decay = 0.1f, .decay_all = true}};
  for (int i = 0; i < 10; ++i) trainer.step(x, y);
  CHECK(copy("conv1.weight") == weight);
  CHECK(copy("batch_norm1.running_mean") == mean);
  CHECK(copy("batch_norm1.weight") == gamma);
  CHECK(copy("conv2.weight") != free_weight);
  CHECK(copy("batch_norm2.running_mean") != free_mean);
}

TEST_CASE("a loss that is not finite stops the step before the parameters change") {
  Model<Sequential<Linear<4>, Linear<2>>, Shape<3>> model;
  Trainer trainer{model, MeanSquaredError{}, Sgd{.learning_rate = 0.1f}};
  Tensor<Shape<3>> x(2);
  Tensor<Shape<2>> y(2);
  x(1, 2) = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before = everything(model);
  const std::string message = message_of([&] { trainer.step(x, y); });
  CHECK(has(message, "training step 0: loss"));
  CHECK(has(message, "finite"));
  CHECK(everything(model) == before);
  CHECK(trainer.steps() == 0);
}

TEST_CASE("with clipping, a gradient that is not finite stops the step too") {
  struct Steep : ElementwiseLayer<Steep> {  // a finite value with an infinite slope
    static float forward(float x) { return x; }
    static float backward(float, float, float dy) { return dy * std::numeric_limits<float>::infinity(); }
  };
  Model<Sequential<Linear<4>, BatchNorm, Steep, Linear<2>>, Shape<3>> model;
  Trainer trainer{model, MeanSquaredError{}, Sgd{.learning_rate = 0.1f}};
  trainer.with_clipping(1.0f);
  Tensor<Shape<3>> x(3);
  Tensor<Shape<2>> y(3);
  fill_normal(x, 1);
  fill_normal(y, 2);
  const std::vector<float> before = everything(model);
  CHECK(has(message_of([&] { trainer.step(x, y); }), "norm of the gradient"));
  CHECK(everything(model) == before);
}

TEST_CASE("bad batches and options") {
  Model<Linear<2>, Shape<3>> model;
  Trainer trainer{model, MeanSquaredError{}, Sgd{}};
  Tensor<Shape<3>> x(2);
  Tensor<Shape<2>> y(3);
  CHECK(has(message_of([&] { trainer.step(x, y); }), "found 3, expected 2"));
  Tensor<Shape<3>> none(0);
  Tensor<Shape<2>> no_targets(0);
  CHECK(has(message_of([&] { trainer.step(none, no_targets); }), "0 samples"));
  CHECK(has(message_of([&] { trainer.with_clipping(-1.0f); }), "clipping"));
  CHECK(has(message_of([&] {
              Trainer{model, MeanSquaredError{}, Sgd{.learning_rate = -1.0f}};
            }),
            "learning_rate"));
  CHECK(has(message_of([&] { model.parameter("linear2.weight"); }), "linear2.weight"));
  CHECK(model.predict(none).samples() == 0);
}

TEST_CASE("predictions of any batch size are those of single samples") {
  Model<Net, Inputs> model;
  for (std::uint64_t i = 0; i < 3; ++i) {
    Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{}}, Sgd{}};
    step(trainer, i);
  }
  const Batch all(1, 5);
  const auto [logits, quantity] = model.predict(all.images, all.tags);
  for (int n = 0; n < 5; ++n) {
    Batch one(0, 1);
    std::copy(all.images[n].begin(), all.images[n].end(), one.images[0].begin());
    std::copy(all.tags[n].begin(), all.tags[n].end(), one.tags[0].begin());
    const auto [z, q] = model.predict(one.images, one.tags);
    for (int c = 0; c < 3; ++c) CHECK(z(0, c) == doctest::Approx(logits(n, c)).epsilon(1e-4));
    CHECK(q(0, 0) == doctest::Approx(quantity(n, 0)).epsilon(1e-4));
  }
}

}  // namespace trainer_test
