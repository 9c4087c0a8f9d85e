// SPDX-License-Identifier: Apache-2.0
// WARP against a reference by brute force: draw for draw, and in the mean over all that can be drawn.
#include "mmdl/losses/warp.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace warp_test {

namespace {

/// Scores in [-1, 1] times `spread`, and labels of which about 3 in 10 are true.
struct Batch {
  int samples, size;
  std::vector<double> z, y;
  Batch(int samples_, int size_, float spread) : samples(samples_), size(size_) {
    for (int i = 0; i < samples * size; ++i) {
      const auto index = static_cast<std::uint64_t>(i);
      z.push_back(static_cast<double>(spread * (2 * mmdl::random_uniform(3, 0, index) - 1)));
      y.push_back(mmdl::random_uniform(4, 0, index) < 0.3f ? 1.0 : 0.0);
    }
  }
  double loss(const mmdl::Warp& warp, double* gradients = nullptr) const {
    return warp(z.data(), y.data(), gradients, samples, size);
  }
};

double rank_weight(int rank) { return rank == 0 ? 0.0 : rank_weight(rank - 1) + 1.0 / rank; }

/// The mean of the loss and its gradient over all draws: with v of the N other labels violating the margin,
/// trial s is the first violation with probability (1 - v / N)^(s - 1) * v / N, by each violator alike.
double expected_loss(const Batch& batch, std::vector<double>& gradients) {
  double sum = 0;
  gradients.assign(batch.z.size(), 0.0);
  for (int n = 0; n < batch.samples; ++n)
    for (int j = 0; j < batch.size; ++j) {
      const auto at = [&](int label) { return static_cast<std::size_t>(n * batch.size + label); };
      if (batch.y[at(j)] == 0) continue;
      int others = 0, violators = 0;
      for (int k = 0; k < batch.size; ++k)
        if (batch.y[at(k)] == 0) {
          ++others;
          violators += 1 + batch.z[at(k)] - batch.z[at(j)] > 0;
        }
      double mean_weight = 0;
      for (int s = 1; s < batch.size && violators > 0; ++s)
        mean_weight +=
            std::pow(1.0 - 1.0 * violators / others, s - 1) / others * rank_weight((batch.size - 1) / s);
      for (int k = 0; k < batch.size; ++k) {
        const double margin = 1 + batch.z[at(k)] - batch.z[at(j)];
        if (batch.y[at(k)] != 0 || margin <= 0) continue;
        sum += mean_weight * margin / batch.samples;
        gradients[at(k)] += mean_weight / batch.samples;
        gradients[at(j)] -= mean_weight / batch.samples;
      }
    }
  return sum;
}

}  // namespace

TEST_CASE("warp: the mean over many draws is that over all that can be drawn") {
  for (const float spread : {0.3f, 2.0f, 6.0f}) {
    const Batch batch(3, 11, spread);
    std::vector<double> expected, gradients(batch.z.size()), mean(batch.z.size());
    const double expected_value = expected_loss(batch, expected);
    double value = 0;
    const int draws = 20'000;
    for (int step = 0; step < draws; ++step) {
      value += batch.loss({.seed = 5, .step = static_cast<std::uint64_t>(step)}, gradients.data()) / draws;
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += gradients[i] / draws;
    }
    CAPTURE(spread);
    CHECK(value == doctest::Approx(expected_value).epsilon(0.01));
    for (std::size_t i = 0; i < mean.size(); ++i) CHECK(std::fabs(mean[i] - expected[i]) < 0.02);
  }
}

TEST_CASE("warp: where one other label alone violates, the loss follows from the trial that found it") {
  // 7 labels, true: 2. The only violator is 5, by 1 + 0.5 - 0: the loss is L(floor(6 / s)) * 1.5 for a trial
  // s from 1 to 6, or 0 where six draws have missed it.
  const std::vector<double> z = {-9, -9, 0, -9, -9, 0.5, -9}, y = {0, 0, 1, 0, 0, 0, 0};
  std::vector<int> seen(7);
  for (std::uint64_t step = 0; step < 500; ++step) {
    std::vector<double> gradients(7, 77);
    const double loss = mmdl::Warp{.weight = 2, .step = step}(z.data(), y.data(), gradients.data(), 1, 7);
    int trial = 0;
    for (int s = 1; s <= 6; ++s)
      if (std::fabs(loss - 2 * 1.5 * rank_weight(6 / s)) < 1e-12) trial = s;
    if (trial == 0) CHECK(loss == 0);
    ++seen[static_cast<std::size_t>(trial)];
    const double slope = trial == 0 ? 0.0 : 2 * rank_weight(6 / trial);
    for (std::size_t i = 0; i < 7; ++i)
      CHECK(gradients[i] == doctest::Approx(i == 5 ? slope : i == 2 ? -slope : 0.0));
  }
  for (const int trial : {1, 2, 3, 6}) CHECK(seen[static_cast<std::size_t>(trial)] > 20);  // 4 to 6 are alike
  CHECK(seen[0] > 100);  // (5 / 6)^6 = 0.33 of them
}

TEST_CASE("warp: the gradient agrees with finite differences of the same draws") {
  const Batch batch(4, 9, 0.4f);  // every label violates every margin: a small step changes no draw
  std::vector<double> gradients(batch.z.size());
  const mmdl::Warp warp{.weight = 0.5f, .step = 3};
  batch.loss(warp, gradients.data());
  for (std::size_t i = 0; i < batch.z.size(); ++i) {
    Batch above = batch, below = batch;
    above.z[i] += 1e-5;
    below.z[i] -= 1e-5;
    CHECK(gradients[i] == doctest::Approx((above.loss(warp) - below.loss(warp)) / 2e-5).epsilon(1e-6));
  }
}

TEST_CASE("warp: the same seed and step give the same draws, others give others") {
  const Batch batch(8, 30, 2.0f);
  CHECK(batch.loss({.seed = 1, .step = 7}) == batch.loss({.seed = 1, .step = 7}));
  CHECK(batch.loss({.seed = 1, .step = 7}) != batch.loss({.seed = 1, .step = 8}));
  CHECK(batch.loss({.seed = 1, .step = 7}) != batch.loss({.seed = 2, .step = 7}));
}

TEST_CASE_TEMPLATE("warp: no labels, all labels, one output, outputs beyond the active ones", T, float,
                   double) {
  const std::vector<T> z = {1, -2, 3, 0, 9, 9}, none(6, T{0}), all(6, T{1});
  std::vector<T> gradients(6, T{77});
  CHECK(mmdl::Warp{}(z.data(), none.data(), gradients.data(), 2, 3) == T{0});
  CHECK(gradients == none);
  gradients.assign(6, T{77});
  CHECK(mmdl::Warp{}(z.data(), all.data(), gradients.data(), 1, 6) == T{0});
  CHECK(gradients == none);
  CHECK(mmdl::Warp{}(z.data(), all.data(), gradients.data(), 6, 1) == T{0});
  const std::vector<T> y = {0, 1, 0, 0, 0, 0};
  for (std::uint64_t step = 0; step < 50; ++step) {
    CHECK(mmdl::Warp{.active = 4, .step = step}(z.data(), y.data(), gradients.data(), 1, 6) <=
          T(6 * (1 + 0.5 + 1.0 / 3)) * T(1.0001));
    CHECK(gradients[4] == T{0});
    CHECK(gradients[5] == T{0});
  }
}

TEST_CASE("warp: a NaN among the scores shows in the loss") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> z = {nan, 0, 0}, y = {1, 0, 0};
  std::vector<double> gradients(3);
  CHECK(std::isnan(mmdl::Warp{}(z.data(), y.data(), gradients.data(), 1, 3)));
}

}  // namespace warp_test
