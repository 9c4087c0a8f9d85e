// SPDX-License-Identifier: Apache-2.0
// Images: reading and resizing one, and a loader that feeds a training run. The pictures are made here.
#include <cstdio>
#include <filesystem>
#include <mmdl/data/image.hpp>
#include <mmdl/data/loader.hpp>
#include <mmdl/data/manifest.hpp>
#include <mmdl/data/resize.hpp>
#include <mmdl/data/scenes.hpp>
#include <mmdl/mmdl.hpp>

using namespace mmdl;

using Image = Shape<32, 32, 3>;
constexpr int labels = 40, tags = 100;
template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Visual = MultiScale<Backbone<Scale<8, 1>, Scale<16, 2>, Scale<32, 2>>>;
using Net = Annotator<Visual, Mlp<32>, Labels<labels>, Sequential<Linear<32, HeNormal>, Relu, Linear<1>>>;

int main() try {
  std::filesystem::remove_all("scenes");
  write_scenes("scenes", {.train = 512, .test = 128, .size = 32});  // JPEG files, train.json, test.json

  const RgbImage picture = read_image("scenes/images/000001.jpg");  // JPEG or PNG, 8-bit RGB, upright
  write_png("large.png", resize(picture, 128, 128));

  Manifest train = read_manifest("scenes/train.json"), test = read_manifest("scenes/test.json");
  const TagVocabulary vocabulary(train.samples, tags);  // the most frequent tags of the training split
  using Batches = Loader<Image, tags, labels>;
  const ImageOptions pictures{.augmentation = {.flip = true}, .cache_bytes = 64 << 20};
  Batches training(std::move(train), vocabulary, {.batch = 32, .seed = 1, .images = pictures});
  Batches testing(std::move(test), vocabulary, {.batch = 32, .shuffle = false, .strict = true});

  Model<Net, List<Image, Shape<tags>>> model;
  Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.1f}},
                  Adam{.learning_rate = 2e-3f}};
  Batches::Batch batch;
  for (int epoch = 0; epoch < 15; ++epoch) {
    double loss = 0;
    for (training.start_epoch(epoch); training.next(batch);)
      loss += static_cast<double>(trainer.step(batch.images, batch.tags, batch.labels, batch.quantities));
    if (epoch % 5 == 4) std::printf("epoch %d: loss %.3f\n", epoch + 1, loss / training.batches());
  }

  AnnotationMetrics metrics(labels);
  for (testing.start_epoch(0); testing.next(batch);) {
    const auto [logits, quantity] = model.predict(batch.images, batch.tags);
    for (int n = 0; n < batch.size(); ++n) metrics.add(batch.labels[n], select_labels(logits, quantity, n));
  }
  const AnnotationScores scores = metrics.scores();
  std::printf("test: I-F1 %.3f, H-F1 %.3f; %zu images skipped\n", scores.image_f1, scores.h_f1,
              training.skipped().size());
  return read_image("large.png").width == 128 && scores.image_f1 > 0.4 ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
