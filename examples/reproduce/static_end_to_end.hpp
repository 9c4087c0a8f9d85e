// SPDX-License-Identifier: Apache-2.0
// Table XII: all but the backbone, from the weights of the stages, with the sum of both losses.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "static_stages.hpp"

namespace reproduce {

/// Does nothing where the table is not asked for.
template <class Networks>
class EndToEnd {
 public:
  explicit EndToEnd(StudyState& study) : study_(study) {}

  /// Begins with the weights of the backbone and of the trained fusion branch.
  template <class FusionModel>
  void begin(const typename Networks::BackboneModel& backbone, const FusionModel& fusion) {
    if (!study_.options.wants({"XII"})) return;
    whole_.emplace(study_.options.seed);
    take(backbone, "visual.");
    take(fusion, "visual.");
  }

  /// Takes a trained part's weights under that name.
  template <class Model>
  void take(const Model& part, std::string_view name) {
    if (whole_) mmdl::transfer(*whole_, part, name, name);
  }

  /// Trains, and enters the table's rows.
  void run(const TestRows& test) {
    if (!whole_) return;
    const Recipe& recipe = study_.recipes.end_to_end;
    const auto load = [&](const mmdl::Manifest& manifest, bool training) {
      return Loader(manifest, mmdl::TagVocabulary(study_.data.tags.words()),
                    study_.loading(recipe, training));
    };
    Loader train = load(study_.data.train, true), held_out = load(study_.data.held_out, false);
    ImageSource<Loader, true> source(train), held(held_out);
    run_stage(study_.work,
              Stage{"end-to-end", recipe, study_.print + fingerprint(study_.data.tags), *whole_,
                    mmdl::Losses{study_.label_loss,
                                 mmdl::MeanSquaredError{.weight = study_.recipes.end_to_end_quantity_weight}},
                    source, held});
    Loader images = load(study_.data.test, false);
    Logits logits;
    std::vector<float> quantities;
    typename Loader::Batch batch;
    for (images.start_epoch(0); images.next(batch);) {
      const auto [rows, counts] = whole_->predict(batch.images, batch.tags);
      for (int i = 0; i < batch.size(); ++i) {
        const auto row = rows[i].first(study_.label_count());
        logits.insert(logits.end(), row.begin(), row.end());
        quantities.push_back(counts(i, 0));
      }
    }
    study_.put("end-to-end", score_by_quantity(test, logits, quantities), test, logits);
    study_.put("end-to-end+true-quantity", score_upper_bound(test, logits), test, logits);
    study_.results.quantities["end-to-end"] = score_quantities(test, quantities);
  }

 private:
  using Loader = typename Networks::TaggedLoader;

  StudyState& study_;
  std::optional<typename Networks::WholeModel> whole_;
};

}  // namespace reproduce
