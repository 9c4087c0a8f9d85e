// SPDX-License-Identifier: Apache-2.0
// Optimizers, schedules and clipping against PyTorch.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "mmdl/io/safetensors.hpp"
#include "mmdl/optim/adam.hpp"
#include "mmdl/optim/any_optimizer.hpp"
#include "mmdl/optim/clip.hpp"
#include "mmdl/optim/rms_prop.hpp"
#include "mmdl/optim/schedules.hpp"
#include "mmdl/optim/sgd.hpp"

namespace {

using mmdl::ParameterRange;

template <class T = double>
std::vector<T> golden(const std::string& name) {
  static const mmdl::SafetensorsFile file(MMDL_GOLDEN_DIR "/optim.safetensors");
  const std::vector<double> numbers = file.doubles(name);
  return {numbers.begin(), numbers.end()};
}

const std::vector<ParameterRange> ranges = {{0, 37, true}, {37, 57, false}};

template <class T, class Optimizer>
void check_golden(const std::string& name, const Optimizer& optimizer) {
  CAPTURE(name);
  CHECK_NOTHROW(optimizer.check());
  const auto expected = golden(name);
  const auto gradients = golden<T>("gradients");
  auto parameters = golden<T>("start");
  const std::size_t size = parameters.size();
  std::vector<std::vector<T>> state(static_cast<std::size_t>(optimizer.slots()), std::vector<T>(size));
  T* slots[2] = {};
  for (std::size_t i = 0; i < state.size(); ++i) slots[i] = state[i].data();
  REQUIRE(expected.size() == 7 * size);
  for (std::size_t step = 0; step < 7; ++step) {
    mmdl::update_parameters<T>(optimizer, parameters.data(), gradients.data() + step * size, slots, ranges,
                               step < 4 ? optimizer.learning_rate : optimizer.learning_rate / 4,
                               static_cast<long>(step));
    for (std::size_t i = 0; i < size; ++i)
      CHECK(static_cast<double>(parameters[i]) ==
            doctest::Approx(expected[step * size + i]).epsilon(sizeof(T) == sizeof(float) ? 1e-5 : 1e-12));
  }
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

template <class Optimizer>
void check_refused(const Optimizer& optimizer, const std::string& option, const std::string& value) {
  const std::string message = message_of([&] { optimizer.check(); });
  CAPTURE(message);
  CHECK(message.find(option) != std::string::npos);
  CHECK(message.find(value) != std::string::npos);
  CHECK(message.find("expected") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE_TEMPLATE("optimizers: seven steps of PyTorch", T, float, double) {
  for (const bool all : {false, true}) {
    const std::string suffix = all ? "_all" : "";
    check_golden<T>("sgd" + suffix,
                    mmdl::Sgd{.learning_rate = 0.125f, .weight_decay = 0.0625f, .decay_all = all});
    mmdl::Sgd sgd{.learning_rate = 0.125f, .momentum = 0.875f, .weight_decay = 0.0625f, .decay_all = all};
    check_golden<T>("momentum" + suffix, sgd);
    sgd.nesterov = true;
    check_golden<T>("nesterov" + suffix, sgd);
    mmdl::Adam adam{.learning_rate = 0.125f, .beta1 = 0.875f, .beta2 = 0.96875f, .epsilon = 0x1p-20f};
    adam.weight_decay = 0.0625f, adam.decay_all = all;
    check_golden<T>("adam" + suffix, adam);
    mmdl::AdamW adamw{.learning_rate = 0.125f, .beta1 = 0.875f, .beta2 = 0.96875f, .epsilon = 0x1p-20f};
    adamw.weight_decay = 0.0625f, adamw.decay_all = all;
    check_golden<T>("adamw" + suffix, adamw);
    mmdl::RmsProp rms_prop{.learning_rate = 0.125f, .alpha = 0.96875f, .epsilon = 0x1p-20f};
    rms_prop.weight_decay = 0.0625f, rms_prop.decay_all = all;
    check_golden<T>("rms_prop" + suffix, rms_prop);
    check_golden<T>("rms_prop" + suffix, mmdl::AnyOptimizer(rms_prop));
    rms_prop.momentum = 0.875f;
    check_golden<T>("rms_prop_momentum" + suffix, rms_prop);
  }
}

TEST_CASE("optimizers: numbers outside the ranges are not touched, on any number of threads") {
  const long size = 200'003;
  const std::vector<ParameterRange> middle = {{7, 100'001, true}, {100'001, size - 5, false}};
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    const int before = mmdl::thread_count();
    mmdl::set_thread_count(threads);
    std::vector<float> p(static_cast<std::size_t>(size), 1.0f), g(p.size()), m(p.size()), v(p.size());
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = static_cast<float>(i % 17) - 8.0f;
    float *slots[2] = {m.data(), v.data()}, *swapped[2] = {v.data(), m.data()};
    for (long step = 0; step < 3; ++step) {
      const mmdl::Sgd sgd{.momentum = 0.5f, .weight_decay = 0.1f};
      mmdl::update_parameters<float>(sgd, p.data(), g.data(), slots, middle, 0.01f, step);
      mmdl::update_parameters<float>(mmdl::AdamW{}, p.data(), g.data(), slots, middle, 0.01f, step);
      const mmdl::RmsProp rms_prop{.momentum = 0.5f};
      mmdl::update_parameters<float>(rms_prop, p.data(), g.data(), swapped, middle, 0.01f, step);
      mmdl::clip_norm(g.data(), middle, 100.0f);
    }
    for (std::size_t i = 0; i < p.size(); ++i)
      if (i < 7 || i >= p.size() - 5) CHECK((p[i] == 1.0f && m[i] == 0.0f && v[i] == 0.0f));
    CHECK(g[0] == -8.0f);
    p.insert(p.end(), g.begin(), g.end());
    results.push_back(p);
    mmdl::set_thread_count(before);
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("optimizers: options out of range are refused in one line") {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  check_refused(mmdl::Sgd{.learning_rate = -1.0f}, "learning_rate", "-1");
  check_refused(mmdl::Sgd{.learning_rate = nan}, "learning_rate", "nan");
  check_refused(mmdl::Sgd{.learning_rate = infinity}, "learning_rate", "inf");
  check_refused(mmdl::Sgd{.momentum = 1.0f}, "momentum", "1");
  check_refused(mmdl::Sgd{.momentum = -0.5f}, "momentum", "-0.5");
  check_refused(mmdl::Sgd{.weight_decay = -0.5f}, "weight_decay", "-0.5");
  check_refused(mmdl::Sgd{.nesterov = true}, "nesterov", "0");
  check_refused(mmdl::Adam{.learning_rate = nan}, "learning_rate", "nan");
  check_refused(mmdl::Adam{.beta1 = 1.0f}, "beta1", "1");
  check_refused(mmdl::Adam{.beta2 = -0.25f}, "beta2", "-0.25");
  check_refused(mmdl::Adam{.epsilon = -1.0f}, "epsilon", "-1");
  check_refused(mmdl::AdamW{.weight_decay = nan}, "weight_decay", "nan");
  check_refused(mmdl::RmsProp{.learning_rate = -1.0f}, "learning_rate", "-1");
  check_refused(mmdl::RmsProp{.alpha = 1.0f}, "alpha", "1");
  check_refused(mmdl::RmsProp{.epsilon = nan}, "epsilon", "nan");
  check_refused(mmdl::RmsProp{.momentum = 1.5f}, "momentum", "1.5");
  check_refused(mmdl::RmsProp{.weight_decay = infinity}, "weight_decay", "inf");
  CHECK_NOTHROW(mmdl::RmsProp{}.check());
  CHECK_NOTHROW(mmdl::Sgd{.learning_rate = 0.0f}.check());
  CHECK_NOTHROW(mmdl::AdamW{}.check());
}

TEST_CASE("schedules: the factors of PyTorch") {
  const mmdl::StepDecay step_decay{.every = 7, .factor = 0.5f};
  const mmdl::Cosine cosine{.steps = 24, .final_factor = 0.0625f};
  const mmdl::WarmUp<mmdl::StepDecay> warm_up{.steps = 5, .then = {.every = 6, .factor = 0.5f}};
  const auto steps = golden("step_decay"), cosines = golden("cosine"), warm = golden("warm_up");
  for (std::size_t i = 0; i < 25; ++i) {
    const long step = static_cast<long>(i);
    CHECK(step_decay(step) == doctest::Approx(steps[i]).epsilon(1e-6));
    CHECK(cosine(step) == doctest::Approx(cosines[i]).epsilon(1e-5));
    CHECK(warm_up(step) == doctest::Approx(warm[i]).epsilon(1e-6));
    CHECK(mmdl::Constant{}(step) == 1.0f);
  }
  CHECK(cosine(1'000'000) == 0.0625f);
  CHECK(mmdl::WarmUp{4, mmdl::Cosine{10}}(0) == 0.25f);
  CHECK(mmdl::WarmUp<>{.steps = 4}(100) == 1.0f);
  CHECK(mmdl::StepDecay{}(79'999) == 1.0f);
  CHECK(mmdl::StepDecay{}(160'000) == doctest::Approx(0.01));
  CHECK_THROWS_AS((mmdl::StepDecay{.every = 0}(3)), mmdl::Error);
}

TEST_CASE_TEMPLATE("clipping: the norm and the gradients of PyTorch", T, float, double) {
  const double bound = sizeof(T) == sizeof(float) ? 1e-6 : 1e-13;
  const auto gradients = golden<T>("gradients");
  const double norm = golden("clip_norm")[0];
  for (const int maximum : {1, 1000}) {
    std::vector<T> clipped(gradients.begin(), gradients.begin() + 57);
    const auto expected = golden("clipped_" + std::to_string(maximum));
    CHECK(mmdl::clip_norm<T>(clipped.data(), ranges, static_cast<T>(maximum)) ==
          doctest::Approx(norm).epsilon(bound));
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(clipped[i] == doctest::Approx(expected[i]).epsilon(bound));
  }
  const std::vector<T> large(3'000'000, T{0.5});
  const std::vector<ParameterRange> all = {{0, 3'000'000, true}};
  CHECK(mmdl::gradient_norm(large.data(), all) == doctest::Approx(0.5 * std::sqrt(3e6)).epsilon(bound));
}
