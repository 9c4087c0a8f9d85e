// SPDX-License-Identifier: Apache-2.0
// The data, files and results of a study.
#include "study_state.hpp"

#include <filesystem>

namespace reproduce {

using mmdl::detail::fail;

StudyState::StudyState(const StudyOptions& study_options, StudyData study_data, const Recipes& all_recipes,
                       Workspace& workspace, int image_size)
    : options(study_options),
      data(std::move(study_data)),
      recipes(all_recipes),
      work(workspace),
      splits{Split{"train", &data.train, 2, {}, {}}, Split{"held-out", &data.held_out, 1, {}, {}},
             Split{"test", &data.test, 1, {}, {}}} {
  for (Split& split : splits) {
    prepare(split, data.tags);
    print += fingerprint(*split.manifest);
  }
  label_loss.active = static_cast<int>(label_count());
  results.image_size = image_size;
}

void StudyState::check_folder() const {
  const std::string tuned = work.file("backbone.safetensors"), rows = work.file("features-cnn.train.rows");
  if (options.freeze_backbone && std::filesystem::exists(tuned))
    fail(tuned + ": a fine-tuned backbone, expected none with --freeze-backbone (another --out)");
  if (!options.freeze_backbone && !std::filesystem::exists(tuned) && std::filesystem::exists(rows))
    fail(rows +
         ": features of a backbone as pretrained, expected those of a fine-tuned one "
         "(--freeze-backbone, or another --out)");
}

mmdl::LoaderOptions StudyState::loading(const Recipe& recipe, bool training) const {
  mmdl::LoaderOptions o{.batch = recipe.batch,
                        .workers = options.workers,
                        .seed = options.seed,
                        .shuffle = training,
                        .drop_last = training,
                        .spare_room = true};
  o.images.normalisation = data.normalisation;
  o.images.cache_bytes = std::size_t{2} << 30;
  if (training)
    o.images.augmentation = {
        .flip = true, .random_crop = recipes.least_crop < 1.0f, .min_area = recipes.least_crop};
  return o;
}

mmdl::LoaderOptions StudyState::plain_loading() const {
  mmdl::LoaderOptions o = loading({.batch = 32}, false);
  o.images.cache_bytes = 0;
  return o;
}

mmdl::FeatureCache& StudyState::open_cache(Features& features, const std::string& name, const Split& split,
                                           const std::string& network) const {
  features.identity = network;
  features.caches.push_back(std::make_shared<mmdl::FeatureCache>(
      work.file(name + "." + split.name + ".rows"),
      mmdl::FeatureCacheIdentity{network,
                                 fingerprint(*split.manifest) + ", " + std::to_string(split.views) +
                                     " views, " + std::to_string(results.image_size) + " px",
                                 split.samples() * split.views, features.width}));
  return *features.caches.back();
}

void StudyState::put(const std::string& row, const mmdl::AnnotationScores& scores, const TestRows& rows,
                     const Logits& logits) {
  results.scores[row] = scores;
  results.mean_average_precision[row] = average_precision(rows, logits);
}

void StudyState::describe(const TestRows& rows) {
  results.data = data.name;
  results.title = data.title;
  results.simulated_tags = data.simulated_tags;
  results.seed = options.seed;
  results.preset = options.preset;
  results.backbone = options.backbone;
  results.frozen_backbone = options.freeze_backbone;
  results.train_images = train().samples();
  results.validation_images = held_out().samples();
  results.test_images = static_cast<long>(rows.samples.size());
  results.labels = rows.classes;
  results.tags = data.tags.size();
  results.curves = work.curves;
  for (const mmdl::Manifest* manifest : {&data.train, &data.held_out})
    count_labels(*manifest, results.train_label_counts);
  count_labels(data.test, results.test_label_counts);
}

}  // namespace reproduce
