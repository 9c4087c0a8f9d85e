// SPDX-License-Identifier: Apache-2.0
// Numbers that no network found.
#include "invented_run.hpp"

#include <cmath>
#include <utility>

namespace reproduce {

namespace {

mmdl::AnnotationScores scores_of(double h_f1) {
  return {.class_precision = h_f1 + 0.01,
          .class_recall = h_f1 - 0.03,
          .class_f1 = h_f1 - 0.02,
          .image_precision = h_f1 + 0.05,
          .image_recall = h_f1 + 0.005,
          .image_f1 = h_f1 + 0.02,
          .h_f1 = h_f1,
          .classes_never_predicted = 2,
          .classes_never_present = 1};
}

}  // namespace

Results invented_run(std::uint64_t seed, double shift) {
  Results run;
  run.data = "scenes";
  run.title = "Scenes";
  run.simulated_tags = true;
  run.seed = seed;
  run.preset = "quick";
  run.backbone = "resnet18";
  run.image_size = 64;
  run.train_images = 3600;
  run.validation_images = 400;
  run.test_images = 1000;
  run.labels = 24;
  run.tags = 120;
  run.seconds = 1234.5 + static_cast<double>(seed);
  const std::pair<const char*, double> rows[] = {{"upper-bound", 0.82},
                                                 {"ms-cnn+tags+lqp", 0.75},
                                                 {"ms-cnn+lqp", 0.66},
                                                 {"ms-cnn+tags", 0.64},
                                                 {"ms-cnn", 0.59},
                                                 {"cnn", 0.55},
                                                 {"sr-cnn-rnn", 0.71},
                                                 {"sinn", 0.63},
                                                 {"tag-neighbour", 0.60},
                                                 {"ria", 0.565},
                                                 {"cnn-rnn", 0.52},
                                                 {"warp", 0.41},
                                                 {"softmax", 0.40},
                                                 {"logistic", 0.51},
                                                 {"ms-cnn@2,3,4,5", 0.589},
                                                 {"ms-cnn@3,4,5", 0.583},
                                                 {"ms-cnn@4,5", 0.579},
                                                 {"avgpool@1,2,3,4,5", 0.5793},
                                                 {"avgpool@2,3,4,5", 0.5791},
                                                 {"avgpool@3,4,5", 0.5788},
                                                 {"avgpool@4,5", 0.5786},
                                                 {"maxpool@1,2,3,4,5", 0.5804},
                                                 {"maxpool@2,3,4,5", 0.5776},
                                                 {"maxpool@3,4,5", 0.5753},
                                                 {"maxpool@4,5", 0.5731},
                                                 {"ms-cnn+word2vec", 0.62},
                                                 {"threshold-0.1", 0.55},
                                                 {"threshold-0.2", 0.605},
                                                 {"threshold-0.3", 0.637},
                                                 {"threshold-0.4", 0.625},
                                                 {"threshold-0.5", 0.589},
                                                 {"ms-cnn+lqp-classification", 0.6267},
                                                 {"end-to-end", 0.7513},
                                                 {"end-to-end+true-quantity", 0.8312}};
  for (const auto& [row, h_f1] : rows) {
    run.scores[row] = scores_of(h_f1 + shift);
    run.mean_average_precision[row] = h_f1 + shift + 0.03;
  }
  run.quantities = {
      {"ms-cnn", {0.46 + shift, 0.67}}, {"ms-cnn+tags", {0.48 + shift, 0.44}}, {"end-to-end", {0.5, 0.4}}};
  run.dimension = {{"ms-cnn", 256}, {"avgpool@1,2,3,4,5", 496}, {"maxpool@1,2,3,4,5", 256}};
  for (const char* stage :
       {"backbone", "ms-cnn", "text", "labels", "quantity", "end-to-end", "method-warp"}) {
    Curve curve;
    curve.stage = stage;
    curve.seconds = 61.25;
    curve.stopped_early = run.curves.size() % 2 == 1;
    for (int epoch = 1; epoch <= 12; ++epoch) {
      const double start = run.curves.empty() ? 40 : 1.5;
      curve.points.push_back({epoch * 113L, start * std::exp(-0.4 * epoch) + 0.02 + shift / 10,
                              start * std::exp(-0.35 * epoch) + 0.05 + 0.003 * epoch});
    }
    curve.best_step = 9 * 113;
    run.curves.push_back(std::move(curve));
  }
  run.train_label_counts = {0, 1200, 900, 700, 400, 200, 120, 60, 20};
  run.test_label_counts = {0, 350, 240, 180, 110, 60, 35, 20, 4, 1};
  run.quantity_groups = {
      {1, 350, 1.2, 0.52}, {2, 240, 2.05, 0.6}, {3, 180, 2.9, 0.7}, {4, 110, 3.8, 0.8}, {9, 1, 6.0, 0}};
  for (int i = 0; i < 6; ++i) {
    mmdl::SheetEntry entry;
    entry.image = mmdl::RgbImage(64 + 16 * (i % 2), 64);
    for (std::size_t k = 0; k < entry.image.pixels.size(); ++k)
      entry.image.pixels[k] = static_cast<std::uint8_t>(k * static_cast<std::size_t>(i + 1) / 60 + 40);
    entry.labels = {{"sky & <clouds>", 0.97f, true}, {"water", 0.1f + 0.1f * static_cast<float>(i), false}};
    if (i % 3 == 0) entry.missed = {"boat"};
    entry.tags = {"holiday", "nikon"};
    entry.predicted_quantity = 1.9f + static_cast<float>(i) / 7;
    run.sheet.push_back(entry);
  }
  return run;
}

std::vector<Results> invented_runs() {
  return {invented_run(1), invented_run(2, 0.01), invented_run(3, -0.004)};
}

}  // namespace reproduce
