// SPDX-License-Identifier: Apache-2.0
// The metrics: by hand, against scikit-learn, and on everything that could divide by zero.
#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <mmdl/annotation/metrics.hpp>
#include <mmdl/io/safetensors.hpp>

namespace metrics_test {

namespace {

template <class Action>
std::string message(const Action& action) {
  try {
    action();
  } catch (const mmdl::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

bool near(double value, double expected) { return std::fabs(value - expected) <= 1e-12; }

std::vector<int> labels_of(std::span<const float> row) {
  std::vector<int> labels;
  for (std::size_t i = row.size(); i-- > 0;)  // any order is allowed
    if (row[i] != 0) labels.push_back(static_cast<int>(i));
  return labels;
}

void check(const mmdl::AnnotationScores& scores, const std::vector<double>& expected) {
  CHECK(near(scores.class_precision, expected[0]));
  CHECK(near(scores.class_recall, expected[1]));
  CHECK(near(scores.class_f1, expected[2]));
  CHECK(near(scores.image_precision, expected[3]));
  CHECK(near(scores.image_recall, expected[4]));
  CHECK(near(scores.image_f1, expected[5]));
  CHECK(near(scores.h_f1, expected[6]));
  CHECK(scores.classes_never_predicted == expected[7]);
  CHECK(scores.classes_never_present == expected[8]);
}

}  // namespace

TEST_CASE("metrics: an example worked by hand") {
  mmdl::AnnotationMetrics metrics(3);
  metrics.add(std::array{0, 1}, std::array{0});    // class 0 right, class 1 wrong
  metrics.add(std::array{1}, std::array{1, 0});    // class 1 right, class 0 missed
  metrics.add(std::array{0}, std::vector<int>{});  // class 0 wrong
  CHECK(metrics.samples() == 3);
  // Predicted 2, 2, 0 times; present 2, 1, 0 times; correct 1, 1, 0 times.
  const double c_p = (0.5 + 0.5) / 3, c_r = (0.5 + 1.0) / 3, c_f1 = 2 * c_p * c_r / (c_p + c_r);
  const double i_p = 2.0 / 4, i_r = 2.0 / 3, i_f1 = 2 * i_p * i_r / (i_p + i_r);
  check(metrics.scores(), {c_p, c_r, c_f1, i_p, i_r, i_f1, 2 * c_f1 * i_f1 / (c_f1 + i_f1), 1, 1});
}

TEST_CASE("metrics: as scikit-learn, on random and on degenerate annotations") {
  const mmdl::SafetensorsFile file(MMDL_GOLDEN_DIR "/metrics.safetensors");
  int cases = 0;
  for (const mmdl::TensorInfo& info : file.tensors()) {
    if (!info.name.ends_with(".scores")) continue;
    ++cases;
    const std::string name = info.name.substr(0, info.name.size() - 7);
    CAPTURE(name);
    const auto samples = static_cast<std::size_t>(info.shape[0]),
               classes = static_cast<std::size_t>(info.shape[1]);
    const std::vector<float> truth = file.floats(name + ".truth"),
                             predicted = file.floats(name + ".predicted");
    const std::vector<double> expected = file.doubles(name + ".expected");
    mmdl::AnnotationMetrics lists(static_cast<int>(classes)), dense(static_cast<int>(classes));
    for (std::size_t sample = 0; sample < samples; ++sample) {
      const std::span<const float> row(truth.data() + sample * classes, classes);
      const std::vector<int> labels = labels_of({predicted.data() + sample * classes, classes});
      lists.add(labels, labels_of(row));
      dense.add(row, labels);
    }
    check(lists.scores(), expected);
    check(dense.scores(), expected);
    const auto precision = mmdl::mean_average_precision(file.floats(info.name), truth,
                                                        static_cast<int>(samples), static_cast<int>(classes));
    CHECK(near(precision.value, expected[9]));
    CHECK(precision.classes_never_present == expected[8]);
  }
  CHECK(cases == 14);
  const std::vector<float> truth = file.floats("quantity.truth"),
                           predicted = file.floats("quantity.predicted");
  const std::vector<double> expected = file.doubles("quantity.expected");
  CHECK(near(mmdl::quantity_accuracy(predicted, truth), expected[0]));
  CHECK(near(mmdl::quantity_mean_squared_error(predicted, truth), expected[1]));
}

TEST_CASE("metrics: no samples at all") {
  check(mmdl::AnnotationMetrics(4).scores(), {0, 0, 0, 0, 0, 0, 0, 4, 4});
  const auto precision = mmdl::mean_average_precision({}, {}, 0, 4);
  CHECK(precision.value == 0);
  CHECK(precision.classes_never_present == 4);
  CHECK(mmdl::quantity_accuracy({}, {}) == 0);
  CHECK(mmdl::quantity_mean_squared_error({}, {}) == 0);
}

TEST_CASE("metrics: what is not a label is refused, and counts nothing") {
  mmdl::AnnotationMetrics metrics(3);
  const auto add = [&](std::vector<int> predicted, std::vector<int> truth) {
    return message([&] { metrics.add(predicted, truth); });
  };
  CHECK(add({0, 3}, {0}) ==
        "AnnotationMetrics: predicted labels: found label 3, expected labels from 0 to 2, each once");
  CHECK(add({0}, {-1}).find("true labels: found label -1") != std::string::npos);
  CHECK(add({1, 0, 1}, {0}).find("predicted labels: found label 1") != std::string::npos);
  CHECK(add({1}, {2, 2}).find("true labels: found label 2") != std::string::npos);
  const std::vector<float> short_row{1, 0}, soft_row{1, 0.5f, 0}, row{1, 0, 0},
      nan_row{0, std::numeric_limits<float>::quiet_NaN(), 0};
  const std::vector<int> none, bad{3};
  CHECK(message([&] { metrics.add(short_row, none); }) ==
        "AnnotationMetrics: truth: found 2 numbers, expected 3, one a class");
  CHECK(message([&] { metrics.add(soft_row, none); }).find("found 0.5") != std::string::npos);
  CHECK(message([&] { metrics.add(nan_row, none); }).find("found nan") != std::string::npos);
  CHECK(message([&] { metrics.add(row, bad); }).find("predicted labels: found label 3") != std::string::npos);
  CHECK(metrics.samples() == 0);
  check(metrics.scores(), {0, 0, 0, 0, 0, 0, 0, 3, 3});
  metrics.add(row, std::array{0});
  check(metrics.scores(), {1.0 / 3, 1.0 / 3, 1.0 / 3, 1, 1, 1, 0.5, 2, 2});
  CHECK(message([] { mmdl::AnnotationMetrics none_at_all(0); }) ==
        "AnnotationMetrics: classes: found 0, expected 1 or more");
}

TEST_CASE("mean average precision: on tensors, with infinite scores, and refusals") {
  mmdl::Tensor<mmdl::Shape<2>> scores(3), truth(3);
  const float infinity = std::numeric_limits<float>::infinity();
  scores(0, 0) = infinity;
  scores(1, 0) = -infinity;
  truth(0, 0) = 1;
  truth(1, 0) = 1;
  // Class 0: the first is right (precision 1), then one wrong, then one right (precision 2/3).
  const auto result = mmdl::mean_average_precision(scores, truth);
  CHECK(near(result.value, (1 + 2.0 / 3) / 2));
  CHECK(result.classes_never_present == 1);

  const std::vector<float> one{1}, two{1, 0}, half{0.5f}, nan{std::numeric_limits<float>::quiet_NaN()};
  const auto call = [&](const std::vector<float>& s, const std::vector<float>& t, int samples, int classes) {
    return message([&] { mmdl::mean_average_precision(s, t, samples, classes); });
  };
  CHECK(call(two, one, 1, 1) ==
        "mean_average_precision: size: found 2 scores and 1 truths, expected 1 of each");
  CHECK(call(one, one, -1, 1).find("found -1 samples") != std::string::npos);
  CHECK(call(nan, one, 1, 1).find("found NaN") != std::string::npos);
  CHECK(call(one, half, 1, 1).find("found 0.5") != std::string::npos);
  CHECK(call(one, nan, 1, 1).find("truth: found nan") != std::string::npos);
}

TEST_CASE("quantities: rounding, and refusals") {
  const std::vector<float> predicted{0.5f, 1.5f, 2.5f, 2.4999998f, -0.5f, 3.5f}, truth{1, 2, 3, 2, 0, 3};
  CHECK(near(mmdl::quantity_accuracy(predicted, truth), 4.0 / 6));  // -0.5 rounds to -1, 3.5 to 4
  const std::vector<float> one{1}, half{0.5f}, infinite{std::numeric_limits<float>::infinity()},
      nan{std::numeric_limits<float>::quiet_NaN()}, negative{-1};
  const auto call = [](const std::vector<float>& p, const std::vector<float>& t) {
    const std::string text = message([&] { mmdl::quantity_accuracy(p, t); });
    CHECK((text == "nothing was thrown") ==
          (message([&] { mmdl::quantity_mean_squared_error(p, t); }) == text));
    return text;
  };
  CHECK(call(one, predicted).find("1 predicted and 6 true") != std::string::npos);
  CHECK(call(nan, one).find("nan predicted") != std::string::npos);
  CHECK(call(infinite, one).find("inf predicted") != std::string::npos);
  CHECK(call(one, half).find("0.500000 as a true quantity") != std::string::npos);
  CHECK(call(one, nan).find("as a true quantity") != std::string::npos);
  CHECK(call(one, infinite).find("as a true quantity") != std::string::npos);
  CHECK(call(one, negative).find("as a true quantity") != std::string::npos);
}

}  // namespace metrics_test
