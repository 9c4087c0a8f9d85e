// SPDX-License-Identifier: Apache-2.0
// Label selection: how many, in which order, and what is refused.
#include <doctest/doctest.h>

#include <limits>
#include <mmdl/annotation/select_labels.hpp>

namespace select_labels_test {

namespace {

using Labels = std::vector<int>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

template <class Action>
std::string message(const Action& action) {
  try {
    action();
  } catch (const mmdl::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

const std::vector<float> logits{0.5f, -1, 2, 0.5f, -3};

}  // namespace

TEST_CASE("select_labels: the quantity is rounded to nearest, at least 1 and at most all") {
  const auto count = [](float quantity) { return mmdl::select_labels(logits, quantity).size(); };
  CHECK(count(-1e30f) == 1);
  CHECK(count(-2) == 1);
  CHECK(count(0) == 1);
  CHECK(count(1.49f) == 1);
  CHECK(count(1.5f) == 2);
  CHECK(count(2.5f) == 3);
  CHECK(count(3.4999998f) == 3);
  CHECK(count(5) == 5);
  CHECK(count(5.5f) == 5);
  CHECK(count(1e30f) == 5);
}

TEST_CASE("select_labels: by falling logit, ties by label") {
  CHECK(mmdl::select_labels(logits, 2.2f) == Labels{2, 0});
  CHECK(mmdl::select_labels(logits, 3) == Labels{2, 0, 3});
  CHECK(mmdl::select_labels(logits, 9) == Labels{2, 0, 3, 1, 4});
  CHECK(mmdl::top_k_labels(logits, 4) == Labels{2, 0, 3, 1});
  CHECK(mmdl::top_k_labels(std::vector<float>{0.0f, -0.0f, 0.0f}, 3) == Labels{0, 1, 2});
  CHECK(mmdl::top_k_labels(std::vector<float>{-infinity, infinity, 0}, 3) == Labels{1, 2, 0});
  // Against a plain sort, on many equal logits.
  std::vector<float> many(200);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i * 37 % 11);
  Labels sorted(many.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(), [&](int a, int b) {
    return many[static_cast<std::size_t>(a)] > many[static_cast<std::size_t>(b)];
  });
  for (const int k : {1, 3, 50, 199, 200})
    CHECK(mmdl::top_k_labels(many, k) == Labels(sorted.begin(), sorted.begin() + k));
}

TEST_CASE("threshold_labels: strictly above the probability") {
  CHECK(mmdl::threshold_labels(logits, 0.5) == Labels{2, 0, 3});
  CHECK(mmdl::threshold_labels(logits, 0.3) == Labels{2, 0, 3});  // sigmoid(-1) = 0.2689
  CHECK(mmdl::threshold_labels(logits, 0.26) == Labels{2, 0, 3, 1});
  CHECK(mmdl::threshold_labels(logits, 0.88) == Labels{2});  // sigmoid(2) = 0.8808
  CHECK(mmdl::threshold_labels(logits, 0.89).empty());
  CHECK(mmdl::threshold_labels(std::vector<float>{0.0f}, 0.5).empty());  // 0.5 is not above 0.5
  CHECK(mmdl::threshold_labels(std::vector<float>{1e-30f}, 0.5) == Labels{0});
  CHECK(mmdl::threshold_labels(std::vector<float>{-1000, -infinity, 1000, infinity}, 0) == Labels{3, 2, 0});
  CHECK(mmdl::threshold_labels(std::vector<float>{1000, infinity}, 1).empty());
}

TEST_CASE("label selection: one sample of a batch") {
  mmdl::Tensor<mmdl::Shape<3>> batch(2);
  batch(0, 1) = 1;
  batch(1, 0) = -1;
  batch(1, 2) = 3;
  mmdl::Tensor<mmdl::Shape<1>> quantity(2);
  quantity(0, 0) = 1;
  quantity(1, 0) = 2;
  CHECK(mmdl::select_labels(batch, quantity, 0) == Labels{1});
  CHECK(mmdl::select_labels(batch, quantity, 1) == Labels{2, 1});
  CHECK(mmdl::top_k_labels(batch, 2, 0) == Labels{1, 0});
  CHECK(mmdl::threshold_labels(batch, 0.5, 1) == Labels{2});
  CHECK(message([&] { mmdl::select_labels(batch, quantity, 2); }) ==
        "select_labels: sample: found 2, expected one of 2 samples, from 0");
  CHECK(message([&] { mmdl::top_k_labels(batch, 1, -1); }).find("found -1") != std::string::npos);
  CHECK(message([&] { mmdl::threshold_labels(batch, 0.5, 2); }).find("threshold_labels: sample") == 0);
  const mmdl::Tensor<mmdl::Shape<1>> fewer(1);
  CHECK(message([&] { mmdl::select_labels(batch, fewer, 1); }).find("one of 1 samples") != std::string::npos);
}

TEST_CASE("label selection: what is not a number is refused") {
  const std::vector<float> broken{0, not_a_number, 1}, none;
  CHECK(message([&] { mmdl::select_labels(logits, not_a_number); }) ==
        "select_labels: quantity: found nan, expected a finite number");
  CHECK(message([&] { mmdl::select_labels(logits, infinity); }).find("found inf") != std::string::npos);
  CHECK(message([&] { mmdl::select_labels(broken, 1); }) ==
        "select_labels: logit of label 1: found NaN, expected a number");
  CHECK(message([&] { mmdl::top_k_labels(broken, 1); }).find("top_k_labels: logit of label 1") == 0);
  CHECK(message([&] { mmdl::threshold_labels(broken, 0.5); }).find("threshold_labels: logit of label 1") ==
        0);
  CHECK(message([&] { mmdl::select_labels(none, 1); }).find("found no logits") != std::string::npos);
  CHECK(message([&] { mmdl::top_k_labels(logits, 0); }) == "top_k_labels: k: found 0, expected 1 to 5");
  CHECK(message([&] { mmdl::top_k_labels(logits, 6); }) == "top_k_labels: k: found 6, expected 1 to 5");
  CHECK(message([&] { mmdl::threshold_labels(logits, -0.1); }).find("expected 0 to 1") != std::string::npos);
  CHECK(message([&] { mmdl::threshold_labels(logits, 1.1); }).find("expected 0 to 1") != std::string::npos);
  CHECK(message([&] {
          mmdl::threshold_labels(logits, static_cast<double>(not_a_number));
        }).find("found nan") != std::string::npos);
}

}  // namespace select_labels_test
