// SPDX-License-Identifier: Apache-2.0
// A step that updates each parameter when the backward has its gradient gives the numbers of one that keeps
// all gradients and updates at the end, bit by bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "networks.hpp"

namespace update_order_test {

using namespace mmdl;
using training_test::has;
using training_test::message_of;

namespace {

struct Twin {
  static constexpr const char* name = "twin";
};

/// Some steps of both ways.
template <class Net, class In, class Backend = Cpu<float>>
void check(const AnyOptimizer& optimizer, int samples) {
  CAPTURE(samples);
  using M = Model<Net, In, Backend>;
  using Out = typename M::output;
  M kept(7), updated(7);
  Trainer at_the_end{kept, MeanSquaredError{}, optimizer};
  Trainer on_the_way{updated, MeanSquaredError{}, optimizer};
  at_the_end.with_gradients_kept();
  const std::vector<typename M::value_type> start(kept.parameters().begin(), kept.parameters().end());
  for (std::uint64_t step = 0; step < 3; ++step) {
    Tensor<In, typename M::value_type> x(samples);
    Tensor<Out, typename M::value_type> y(samples);
    fill_normal(x, step + 1);
    fill_normal(y, step + 100);
    REQUIRE(on_the_way.step(x, y) == at_the_end.step(x, y));
    const auto first = kept.parameters(), second = updated.parameters();
    for (std::size_t i = 0; i < first.size(); ++i) {
      CAPTURE(i);
      REQUIRE(second[i] == first[i]);
    }
    for (long i = 0; i < kept.engine().graph().states; ++i)
      REQUIRE(updated.engine().states()[i] == kept.engine().states()[i]);
  }
  CHECK(!std::equal(start.begin(), start.end(), kept.parameters().begin()));
}

template <class Net, class In>
void check_all() {
  const Sgd sgd{.learning_rate = 0.01f, .momentum = 0.9f, .weight_decay = 0.01f};
  for (const int samples : {1, 4, 9}) check<Net, In>(sgd, samples);
  check<Net, In>(Sgd{.learning_rate = 0.01f}, 3);
  check<Net, In>(AdamW{.learning_rate = 0.001f}, 3);
  check<Net, In>(RmsProp{.learning_rate = 0.001f, .momentum = 0.5f}, 3);
  check<Net, In>(Adam{.learning_rate = 0.001f}, 3);
  check<Net, In, Cpu<BFloat16>>(sgd, 5);
  check<Net, In, Cpu<double>>(sgd, 2);
}

}  // namespace

TEST_CASE("updates in the backward: linear layers") {
  check_all<Sequential<Linear<70>, Relu, Linear<33>, Tanh, Linear<5, Bias<false>>>, Shape<57>>();
  check_all<Sequential<Linear<40, Transposed>, Relu, Linear<7, Transposed>>, Shape<31>>();
  check<Sequential<Linear<1030>, Relu, Linear<600>>, Shape<530>>(Sgd{.momentum = 0.9f}, 33);
  // More samples than a product takes at once.
  check<Sequential<Linear<150>, Relu, Linear<40>>, Shape<260>>(Sgd{.momentum = 0.9f}, 700);
}

TEST_CASE("updates in the backward: convolutions") {
  using Small = Sequential<Conv<24, Kernel<5>, Stride<2>>, BatchNorm, Relu, Conv<40, Kernel<1>>, Relu,
                           Conv<40, Kernel<3>, Groups<4>>, Relu, DepthwiseConv<Kernel<3>>, Relu,
                           Conv<20, Kernel<3>, Stride<2>>, GlobalAveragePool, Linear<3>>;
  check_all<Small, Shape<17, 15, 3>>();
  // Both ways of Winograd's gradient, and wide direct ones.
  using Wide =
      Sequential<Conv<64, Kernel<3>, Bias<false>>, BatchNorm, Relu, Conv<160, Kernel<3>>, Relu,
                 Conv<144, Kernel<3>>, Relu, Conv<300, Kernel<1>>, Relu, Conv<16, Kernel<1>, Stride<2>>>;
  for (const int samples : {1, 6}) {
    check<Wide, Shape<14, 14, 16>>(Sgd{.learning_rate = 1e-4f, .momentum = 0.9f}, samples);
    check<Wide, Shape<14, 14, 16>, Cpu<BFloat16>>(Sgd{.learning_rate = 1e-4f, .momentum = 0.9f}, samples);
  }
}

TEST_CASE("updates in the backward: what several nodes share is updated after the last") {
  using Shares = Sequential<Linear<12>, Shared<Twin, Linear<12>>, Tanh, Shared<Twin, Linear<12>>, Relu,
                            Heads<Linear<4>, Sequential<Shared<Twin, Linear<12>>, Linear<4>>>, Add>;
  check_all<Shares, Shape<9>>();
  check_all<Sequential<Lstm<6>, Linear<4>>, Shape<5, 3>>();
}

TEST_CASE("updates in the backward: recomputed and frozen parts, and parameters without a gradient") {
  using Block =
      Sequential<Conv<32, Kernel<1>, Bias<false>>, BatchNorm, Relu, Conv<32, Bias<false>>, BatchNorm>;
  check_all<Sequential<Frozen<Sequential<Conv<32>, BatchNorm>>, Residual<Block>, Relu, Residual<Block>, Relu,
                       GlobalAveragePool, Linear<4>>,
            Shape<9, 7, 4>>();
  // The head that is not picked still decays.
  check_all<Sequential<Linear<6>, Heads<Linear<5>, Linear<300>>, Pick<0>>, Shape<4>>();
}

TEST_CASE("an optimizer of more state than a piece has room for is refused") {
  struct Large : Sgd {
    int slots() const { return 5; }
  };
  Model<Linear<2>, Shape<3>> model;
  const std::string message = message_of([&] { Trainer(model, MeanSquaredError{}, Large{}); });
  CHECK(has(message, "slots: found 5, expected at most 4"));
}

TEST_CASE("gradients that a step did not keep are refused") {
  Model<Linear<2>, Shape<3>> model;
  Trainer trainer{model, MeanSquaredError{}, Sgd{}};
  Tensor<Shape<3>> x(2);
  fill_normal(x, 1);
  const Tensor<Shape<2>> y(2);
  CHECK(model.gradients()[0] == 0.0f);  // before the first step
  trainer.step(x, y);
  const std::string message = message_of([&] { model.gradients(); });
  CHECK(has(message, "not kept"));
  CHECK(has(message, "with_gradients_kept()"));
  trainer.with_gradients_kept();
  trainer.step(x, y);
  CHECK(model.gradients()[0] != 0.0f);
  trainer.with_gradients_kept(false);
  trainer.step(x, y);
  CHECK_THROWS_AS(model.gradients(), Error);
  trainer.with_clipping(1e6f);
  trainer.step(x, y);
  CHECK(model.gradients()[0] != 0.0f);
}

}  // namespace update_order_test
