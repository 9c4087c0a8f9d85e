// SPDX-License-Identifier: Apache-2.0
// The annotator on the drawn scenes: the device's losses follow the CPU's. Simulated tags, as the scenes have
// them.
#include <doctest/doctest.h>

#include <map>
#include <mmdl/data/scenes.hpp>
#include <vector>

#include "comparison.hpp"

namespace scenes_test {

using namespace mmdl;
using namespace mmdl_test;

namespace {

using Image = Shape<32, 32, 3>;
constexpr int tag_room = 400;
using Tags = Shape<tag_room>;
template <int Width>
using Scale = Sequential<resnet::BasicBlock<Width, 2, resnet::ConvNorm<Width, 1, 2>>>;
using Small = Backbone<Sequential<resnet::ConvNorm<16, 3, 1>, Relu>, Scale<16>, Scale<32>, Scale<64>>;
using Net = Annotator<MultiScale<Small>, Mlp<64, 64>, Labels<40>>;

struct Batch {
  Tensor<Image> images;
  Tensor<Tags> tags;
  Tensor<Shape<40>> labels;
  Tensor<Shape<1>> quantity;
  explicit Batch(int samples) : images(samples), tags(samples), labels(samples), quantity(samples) {}
};

/// The scenes from number `first` on.
Batch drawn_scenes(int first, int samples) {
  std::map<std::string, int> place;
  for (const std::string& word : scene_tag_words()) place.emplace(word, static_cast<int>(place.size()));
  SceneOptions options;
  options.size = 32;
  Batch batch(samples);
  for (int n = 0; n < samples; ++n) {
    const Scene scene = draw_scene(5, static_cast<std::uint64_t>(first + n), options);
    for (std::size_t i = 0; i < static_cast<std::size_t>(Image::size); ++i)
      batch.images.data()[static_cast<std::size_t>(n) * static_cast<std::size_t>(Image::size) + i] =
          (static_cast<float>(scene.image.pixels[i]) - 128.0f) / 64.0f;
    for (const int label : scene.labels) batch.labels(n, label) = 1.0f;
    for (const std::string& tag : scene.tags) batch.tags(n, place.at(tag) % tag_room) = 1.0f;
    batch.quantity(n, 0) = static_cast<float>(scene.labels.size());
  }
  return batch;
}

}  // namespace

TEST_CASE("the annotator's losses on the scenes are the CPU's") {
  const int steps = on_gpu() ? 200 : 3, samples = on_gpu() ? 32 : 3, window = on_gpu() ? 20 : 1;
  on_devices([=] {
    using Inputs = List<Image, Tags>;
    Model<Net, Inputs> cpu(3);
    Model<Net, Inputs, Gpu> gpu(3);
    const Losses losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}};
    const Sgd sgd{.learning_rate = 0.02f, .momentum = 0.9f};
    Trainer on_cpu{cpu, losses, sgd};
    Trainer on_gpu{gpu, losses, sgd};
    double expected = 0.0, found = 0.0, first = 0.0;
    for (int step = 0; step < steps; ++step) {
      const Batch b = drawn_scenes(step * samples, samples);
      expected += static_cast<double>(on_cpu.step(b.images, b.tags, b.labels, b.quantity)) / window;
      found += static_cast<double>(static_cast<float>(on_gpu.step(b.images, b.tags, b.labels, b.quantity))) /
               window;
      if ((step + 1) % window != 0) continue;
      CAPTURE(step);
      CHECK(found == doctest::Approx(expected).epsilon(steps > 10 ? 0.02 : 1e-3));
      if (step < window) first = expected;
      if (step + 1 == steps && steps > 10) CHECK(found < 0.8 * first);
      expected = found = 0.0;
    }
  });
}

}  // namespace scenes_test
