// SPDX-License-Identifier: Apache-2.0
// The losses against PyTorch, against finite differences, and at extreme logits.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "mmdl/core/random.hpp"
#include "mmdl/io/safetensors.hpp"
#include "mmdl/losses/asymmetric.hpp"
#include "mmdl/losses/mean_squared_error.hpp"
#include "mmdl/losses/sequence_cross_entropy.hpp"
#include "mmdl/losses/sigmoid_cross_entropy.hpp"
#include "mmdl/losses/softmax_cross_entropy.hpp"
#include "mmdl/losses/spread_softmax_cross_entropy.hpp"

namespace losses_test {

namespace {

constexpr int samples = 5, size = 9;

template <class T>
std::vector<T> values(const std::string& name) {
  static const mmdl::SafetensorsFile file(MMDL_GOLDEN_DIR "/losses.safetensors");
  const std::vector<double> numbers = file.doubles(name);
  return {numbers.begin(), numbers.end()};
}

template <class T, class Loss>
void check_golden(const std::string& name, Loss loss) {
  CAPTURE(name);
  const auto outputs = values<T>(name + ".outputs"), targets = values<T>(name + ".targets");
  const auto value = values<double>(name + ".value"), expected = values<double>(name + ".gradients");
  REQUIRE(outputs.size() == samples * size);
  const double bound = sizeof(T) == sizeof(float) ? 2e-6 : 1e-14;
  std::vector<T> gradients(outputs.size(), T{77});
  const T got = loss(outputs.data(), targets.data(), gradients.data(), samples, size);
  CHECK(static_cast<double>(got) == doctest::Approx(value[0]).epsilon(bound));
  CHECK(loss(outputs.data(), targets.data(), static_cast<T*>(nullptr), samples, size) == got);
  for (std::size_t i = 0; i < gradients.size(); ++i)
    CHECK(std::fabs(static_cast<double>(gradients[i]) - expected[i]) <= bound * (1 + std::fabs(expected[i])));

  loss.weight = 0.25f;
  std::vector<T> weighted(outputs.size());
  CHECK(static_cast<double>(loss(outputs.data(), targets.data(), weighted.data(), samples, size)) ==
        doctest::Approx(0.25 * static_cast<double>(got)).epsilon(bound));
  for (std::size_t i = 0; i < gradients.size(); ++i)
    CHECK(static_cast<double>(weighted[i]) ==
          doctest::Approx(0.25 * static_cast<double>(gradients[i])).epsilon(1e-6));
}

template <class Loss>
void check_differences(const Loss& loss, bool probabilities) {
  std::vector<double> z(samples * size), y(z.size()), gradients(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    z[i] = 3 * static_cast<double>(mmdl::random_normal(1, 0, i));
    y[i] = probabilities ? static_cast<double>(mmdl::random_uniform(2, 0, i)) : z[i] * z[i];
  }
  loss(z.data(), y.data(), gradients.data(), samples, size);
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double before = z[i], step = 1e-5;
    z[i] = before + step;
    const double above = loss(z.data(), y.data(), static_cast<double*>(nullptr), samples, size);
    z[i] = before - step;
    const double below = loss(z.data(), y.data(), static_cast<double*>(nullptr), samples, size);
    z[i] = before;
    CHECK(gradients[i] == doctest::Approx((above - below) / (2 * step)).epsilon(1e-6));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("losses: values and gradients of PyTorch", T, float, double) {
  for (const char* name : {"sigmoid", "sigmoid_soft", "sigmoid_extreme"})
    check_golden<T>(name, mmdl::SigmoidCrossEntropy{});
  for (const char* name : {"softmax", "softmax_soft", "softmax_extreme"})
    check_golden<T>(name, mmdl::SoftmaxCrossEntropy{});
  check_golden<T>("squared", mmdl::MeanSquaredError{});
  for (const char* name : {"spread", "spread_extreme"})
    check_golden<T>(name, mmdl::SpreadSoftmaxCrossEntropy{});
  for (const char* name : {"asymmetric", "asymmetric_extreme"})
    check_golden<T>(name, mmdl::AsymmetricLoss{.margin = 0.0625f});
  check_golden<T>("asymmetric_focused",
                  mmdl::AsymmetricLoss{.positive_focus = 1, .negative_focus = 2, .margin = 0});
  const mmdl::AsymmetricLoss plain{.positive_focus = 0, .negative_focus = 0, .margin = 0};
  check_golden<T>("asymmetric_plain", plain);
  check_golden<T>("sigmoid_soft", plain);  // the same loss
  check_golden<T>("sigmoid_extreme", plain);
}

TEST_CASE("losses: gradients agree with finite differences") {
  check_differences(mmdl::SigmoidCrossEntropy{.weight = 0.5f}, true);
  check_differences(mmdl::SigmoidCrossEntropy{.weight = 0.5f, .active = 4}, true);
  check_differences(mmdl::SoftmaxCrossEntropy{.weight = 2.0f}, true);  // rows that do not sum to 1 either
  check_differences(mmdl::MeanSquaredError{.weight = 0.5f}, false);
  check_differences(mmdl::SpreadSoftmaxCrossEntropy{.weight = 0.5f}, true);
  check_differences(mmdl::SpreadSoftmaxCrossEntropy{.active = 4}, true);
  check_differences(mmdl::AsymmetricLoss{.weight = 0.5f}, true);
  check_differences(mmdl::AsymmetricLoss{.positive_focus = 1, .negative_focus = 1.5f, .active = 4}, true);
}

TEST_CASE("losses: outputs beyond the active ones count nothing") {
  const auto check = [](const auto& loss, auto limited) {
    limited.active = 4;
    const auto outputs = values<double>("spread.outputs"), targets = values<double>("spread.targets");
    std::vector<double> few_outputs, few_targets, few_gradients(samples * 4), gradients(outputs.size(), 77);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (i % size < 4) few_outputs.push_back(outputs[i]), few_targets.push_back(targets[i]);
    const double few = loss(few_outputs.data(), few_targets.data(), few_gradients.data(), samples, 4);
    CHECK(limited(outputs.data(), targets.data(), gradients.data(), samples, size) == few);
    for (std::size_t i = 0, k = 0; i < outputs.size(); ++i)
      CHECK(gradients[i] == (i % size < 4 ? few_gradients[k++] : 0.0));
  };
  check(mmdl::SigmoidCrossEntropy{}, mmdl::SigmoidCrossEntropy{});
  check(mmdl::SpreadSoftmaxCrossEntropy{}, mmdl::SpreadSoftmaxCrossEntropy{});
  check(mmdl::AsymmetricLoss{}, mmdl::AsymmetricLoss{});
}

TEST_CASE("spread softmax cross-entropy: a sample without labels adds nothing") {
  const std::vector<double> z = {3, -2, 1, 0.5}, y = {0, 0, 1, 1};
  std::vector<double> gradients(4, 77), second(2);
  const mmdl::SpreadSoftmaxCrossEntropy loss;
  const double both = loss(z.data(), y.data(), gradients.data(), 2, 2);
  CHECK(2 * both == doctest::Approx(loss(z.data() + 2, y.data() + 2, second.data(), 1, 2)));
  CHECK(gradients[0] == 0.0);
  CHECK(gradients[1] == 0.0);
  CHECK(loss(z.data(), y.data(), gradients.data(), 1, 2) == 0.0);  // a batch without any label
}

TEST_CASE_TEMPLATE("losses: extreme logits, right and wrong, stay finite", T, float, double) {
  const std::vector<T> z = {T(1e4), T(-1e4), T(1e4), T(-1e4)}, y = {T{1}, T{0}, T{0}, T{1}};
  std::vector<T> gradients(4);
  CHECK(mmdl::SigmoidCrossEntropy{}(z.data(), y.data(), gradients.data(), 1, 4) == T(2e4));
  CHECK(gradients == std::vector<T>{T{0}, T{0}, T{1}, T{-1}});
  CHECK(mmdl::SoftmaxCrossEntropy{}(z.data(), y.data(), gradients.data(), 2, 2) ==
        T(1e4));  // rows: right, wrong
  CHECK(gradients == std::vector<T>{T{0}, T{0}, T{0.5}, T{-0.5}});
}

TEST_CASE_TEMPLATE("sequence cross-entropy: PyTorch's value and gradients, absent steps", T, float, double) {
  static const mmdl::SafetensorsFile file(MMDL_GOLDEN_DIR "/sequence.safetensors");
  const auto read = [](const char* name) {
    const auto numbers = file.doubles(name);
    return std::vector<T>(numbers.begin(), numbers.end());
  };
  const auto z = read("loss.outputs");
  auto classes = read("loss.targets");
  const auto value = file.doubles("loss.value"), expected = file.doubles("loss.gradients");
  const double bound = sizeof(T) == sizeof(float) ? 2e-6 : 1e-14;
  std::vector<T> gradients(z.size(), T{77});
  const mmdl::SequenceCrossEntropy<4> loss;
  const T got = loss(z.data(), classes.data(), gradients.data(), 3, 24);
  CHECK(static_cast<double>(got) == doctest::Approx(value[0]).epsilon(bound));
  for (std::size_t i = 0; i < z.size(); ++i)
    CHECK(std::fabs(static_cast<double>(gradients[i]) - expected[i]) <= bound);
  const mmdl::SequenceCrossEntropy<4> half{.weight = 0.5f};
  CHECK(static_cast<double>(half(z.data(), classes.data(), static_cast<T*>(nullptr), 3, 24)) ==
        doctest::Approx(0.5 * value[0]).epsilon(bound));
  for (const T bad : {T{6}, T(1.5), std::numeric_limits<T>::quiet_NaN()}) {
    classes[1] = bad;
    CHECK_THROWS_AS(loss(z.data(), classes.data(), gradients.data(), 3, 24), mmdl::Error);
  }
}

}  // namespace losses_test
