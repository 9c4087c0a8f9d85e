// SPDX-License-Identifier: Apache-2.0
// Training gives the same weights, bit for bit, for equal settings; threads change no more than rounding, and
// nothing in a prediction of convolutions, whose rows they take from one another.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "networks.hpp"

namespace determinism_test {

using namespace training_test;

namespace {

// Sizes at which every kind of kernel divides its work, none of them a multiple of a vector or a tile.
using Picture = Shape<19, 23, 3>;
using Features =
    Sequential<Conv<10, Kernel<7>, Stride<2>, Bias<false>>, BatchNorm, Relu,             // 10x12x10
               Residual<Sequential<Conv<10, Kernel<3>, Bias<false>>, BatchNorm>>, Relu,  // 10x12x10
               DepthwiseConv<Kernel<3>, Bias<false>>, BatchNorm, Relu6, Conv<24, Kernel<1>>,
               Relu,                                                                       // 10x12x24
               MaxPool<3, Stride<2>, Padding<1>>, Dropout<30>, Conv<33, Kernel<3>>, Tanh,  // 5x6x33
               GlobalAveragePool>;
using Classifier = Sequential<Features, Linear<40>, BatchNorm, Relu, Dropout<50>, Linear<6>>;

struct Settings {
  int threads = 1;
  std::uint64_t seed = 3;
  ConvolutionMethod method = ConvolutionMethod::automatic;
};

/// Restores what a run sets for the whole process.
struct Restored {
  int threads = thread_count();
  ConvolutionMethod method = convolution_method();
  ~Restored() {
    set_thread_count(threads);
    set_convolution_method(method);
  }
};

struct Result {
  std::vector<float> first, trained, outputs, losses;
};

/// Seven steps on batches of five, then what the network says of the last batch.
template <class Backend = Cpu<float>, class Optimizer>
Result train(const Settings& settings, Optimizer optimizer) {
  const Restored restored;
  set_thread_count(settings.threads);
  set_convolution_method(settings.method);
  Model<Classifier, Picture, Backend> model(settings.seed);
  Trainer trainer{model, SoftmaxCrossEntropy{}, optimizer};
  trainer.with_clipping(5.0f);
  Result result;
  result.first = everything(model);
  Tensor<Picture> pictures(5);
  Tensor<Shape<6>> labels(5);
  for (std::uint64_t number = 0; number < 7; ++number) {
    fill_normal(pictures, number);
    labels.resize(5);
    for (int n = 0; n < 5; ++n)
      labels(n, static_cast<int>((number + static_cast<std::uint64_t>(n)) % 6)) = 1.0f;
    result.losses.push_back(trainer.step(pictures, labels));
  }
  result.trained = everything(model);
  const auto outputs = model.predict(pictures);
  result.outputs.assign(outputs.data(), outputs.data() + outputs.size());
  return result;
}

/// Every bit, the sign of a zero too.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2.0);
  return std::sqrt(sum);
}

template <class Backend = Cpu<float>, class Optimizer>
void check(const Settings& settings, const Optimizer& optimizer) {
  const Result once = train<Backend>(settings, optimizer), again = train<Backend>(settings, optimizer);
  CHECK(same_bits(once.first, again.first));
  CHECK(same_bits(once.losses, again.losses));
  CHECK(same_bits(once.trained, again.trained));
  CHECK(same_bits(once.outputs, again.outputs));
  CHECK(distance(once.trained, once.first) > 0.1);  // there was something to tell apart
  Settings other = settings;
  other.seed = 4;
  CHECK_FALSE(same_bits(train<Backend>(other, optimizer).trained, once.trained));
}

/// Predictions by one thread and, again and again, by several: the same bits.
template <class Net, class Input, class Backend = Cpu<float>>
void check_predictions(int samples) {
  const Restored restored;
  Model<Net, Input, Backend> model;
  Tensor<Input> images(samples);
  fill_normal(images, 3);
  set_thread_count(1);
  model.prepare_inference();
  const auto one = model.predict(images);
  for (const int count : {2, 3, 5}) {
    set_thread_count(count);
    for (int round = 0; round < 10; ++round) {
      const auto several = model.predict(images);
      CHECK(std::memcmp(one.data(), several.data(), one.size() * sizeof(float)) == 0);
    }
  }
}

}  // namespace

TEST_CASE("equal settings give equal weights, bit for bit, with each method, optimizer and number type") {
  const Sgd sgd{.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 1e-4f};
  const AdamW adam{.learning_rate = 0.003f};
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    for (const ConvolutionMethod method :
         {ConvolutionMethod::automatic, ConvolutionMethod::direct, ConvolutionMethod::winograd}) {
      check({threads, 3, method}, sgd);
    }
    check({threads}, adam);
    check<Cpu<BFloat16>>({threads}, sgd);
  }
}

TEST_CASE("the number of threads changes weights and outputs by no more than rounding") {
  const Sgd sgd{.learning_rate = 0.05f, .momentum = 0.9f};
  const Result alone = train({1}, sgd);
  const double moved = distance(alone.trained, alone.first);
  for (const int threads : {2, 3}) {
    CAPTURE(threads);
    const Result together = train({threads}, sgd);
    CHECK(same_bits(together.first, alone.first));
    CHECK(distance(together.trained, alone.trained) < 5e-5 * moved);
    CHECK(distance(together.outputs, alone.outputs) < 1e-4);
    CHECK(distance(together.losses, alone.losses) < 1e-4);
  }
}

TEST_CASE("a pointwise convolution predicts the same whoever computes its rows") {
  check_predictions<Conv<40, Kernel<1>>, Shape<17, 19, 72>>(3);
}

TEST_CASE("so do patches of an image") {
  check_predictions<Conv<24, Kernel<5>, Stride<2>>, Shape<31, 29, 24>>(3);
}

TEST_CASE("so does Winograd, by tiles and by panels") {
  check_predictions<Conv<32>, Shape<33, 29, 32>>(2);
  check_predictions<Conv<128>, Shape<13, 11, 32>>(2);
}

TEST_CASE("so do narrow numbers") {
  check_predictions<Sequential<Conv<64, Kernel<1>>, Relu, Conv<64>>, Shape<19, 17, 64>, Cpu<BFloat16>>(3);
}

}  // namespace determinism_test
