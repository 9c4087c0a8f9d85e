// SPDX-License-Identifier: Apache-2.0
// Weights pass from network to network by name; parts that are not to be trained are frozen by their type.
#include <cstdio>
#include <mmdl/mmdl.hpp>
#include <string>
#include <vector>

using namespace mmdl;

template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Image = Shape<16, 16, 3>;

// First a classifier of ten classes; its parameters are "scale1.conv1.weight", …, "linear1.bias".
using Classifier = Sequential<MultiScale<Backbone<Scale<8, 1>, Scale<16, 2>>, NoFusion>, Linear<10>>;
// Then an annotator of images alone over the same scales, of which the first stays as it is:
// "visual.scale1.conv1.weight", …, "visual.fusion1.…", "labels.linear1.weight".
using Visual = MultiScale<Backbone<Frozen<Scale<8, 1>>, Scale<16, 2>>>;
using Annotating = Annotator<Visual, NoText, Labels<5>, NoQuantity>;
// Frozen parts keep nothing for a backward they do not have.
static_assert(training_bytes<Frozen<Scale<8, 1>>, Image> < training_bytes<Scale<8, 1>, Image>);

template <class M>
std::vector<float> copy_of(M& model, const std::string& name) {
  const auto numbers = model.parameter(name);
  return {numbers.begin(), numbers.end()};
}

int main() {
  Model<Classifier, Image> classifier(/*seed=*/1);
  Trainer first{classifier, SoftmaxCrossEntropy{}, Sgd{.learning_rate = 0.01f, .momentum = 0.9f}};
  Tensor<Image> images(8);
  Tensor<Shape<10>> classes(8);
  fill_normal(images, /*seed=*/2);
  for (int n = 0; n < 8; ++n) classes(n, n) = 1.0f;
  for (int step = 0; step < 5; ++step) first.step(images, classes);
  save(classifier, "classifier.safetensors", {{"note", "any text may ride along"}});

  Model<Annotating, Image> annotator(/*seed=*/9);
  const WeightReport report = transfer(annotator, "classifier.safetensors", "scale", "visual.scale");
  std::printf("%s\n", report.str().c_str());
  bool ok = report.loaded == 10 && report.complete();  // a convolution's one and a batch norm's four, twice
  ok = ok && copy_of(annotator, "visual.scale2.conv1.weight") == copy_of(classifier, "scale2.conv1.weight");

  Trainer second{annotator, SigmoidCrossEntropy{}, Sgd{.learning_rate = 0.01f}};
  Tensor<Shape<5>> labels(8);
  for (int n = 0; n < 8; ++n) labels(n, n % 5) = 1.0f;
  for (int step = 0; step < 5; ++step) second.step(images, labels);
  for (const char* name : {"scale1.conv1.weight", "scale1.batch_norm1.running_mean"})
    ok = ok && copy_of(annotator, std::string("visual.") + name) == copy_of(classifier, name);
  ok = ok && copy_of(annotator, "visual.scale2.conv1.weight") != copy_of(classifier, "scale2.conv1.weight");

  try {  // `load` takes a file of this very network or nothing, and says what is wrong in one line
    load(annotator, "classifier.safetensors");
    ok = false;
  } catch (const Error& error) {
    std::printf("%s\n", error.what());
  }
  return ok ? 0 : 1;
}
