// SPDX-License-Identifier: Apache-2.0
// A small network with everything that has state: norm, dropout, two outputs.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace training_test {

using namespace mmdl;

using Image = Shape<8, 8, 3>;
template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Kernel<3>, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Visual = MultiScale<Backbone<Scale<4, 1>, Scale<6, 2>>>;
using Quantity = Sequential<MlpWithDropout<50, 8>, Linear<1>>;
using Net = Annotator<Visual, Mlp<5>, Labels<3>, Quantity>;
using Inputs = List<Image, Shape<7>>;
using TwoLosses = Losses<SigmoidCrossEntropy, MeanSquaredError>;

/// One batch of a fixed stream of batches.
struct Batch {
  Tensor<Image> images;
  Tensor<Shape<7>> tags;
  Tensor<Shape<3>> labels;
  Tensor<Shape<1>> quantity;

  explicit Batch(std::uint64_t number, int samples = 4)
      : images(samples), tags(samples), labels(samples), quantity(samples) {
    fill_normal(images, number);
    fill_uniform(tags, number + 100);
    for (int n = 0; n < samples; ++n) {
      labels(n, static_cast<int>((number + static_cast<std::uint64_t>(n)) % 3)) = 1.0f;
      quantity(n, 0) = static_cast<float>(1 + n % 3);
    }
  }
};

template <class TrainerType>
float step(TrainerType& trainer, std::uint64_t number) {
  const Batch b(number);
  return trainer.step(b.images, b.tags, b.labels, b.quantity);
}

/// Parameters, then running statistics.
template <class ModelType>
std::vector<float> everything(const ModelType& model) {
  const auto& engine = model.engine();
  std::vector<float> all(engine.parameters(), engine.parameters() + engine.graph().parameters);
  all.insert(all.end(), engine.states(), engine.states() + engine.graph().states);
  return all;
}

/// A file name of this process that is gone at the end.
struct TemporaryFile {
  std::string path;
  explicit TemporaryFile(const std::string& name)
      : path("/tmp/mmdl_" + std::to_string(::getpid()) + "_" + name) {}
  ~TemporaryFile() { std::remove(path.c_str()); }
};

/// The message of the Error that `body` throws.
template <class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace training_test
