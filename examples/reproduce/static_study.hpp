// SPDX-License-Identifier: Apache-2.0
// A study over one backbone as a static type: its stages in order, and the tables' rows that stand on each.
// Included by the sources of the studies only.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "methods.hpp"
#include "static_backbone.hpp"
#include "static_end_to_end.hpp"
#include "static_fusion.hpp"
#include "static_heads.hpp"
#include "static_networks.hpp"
#include "study_plan.hpp"

namespace reproduce {

template <class Config, class Device>
class StaticStudy final : public Study {
  using Networks = StaticNetworks<Config, Device>;
  static constexpr int visual_width = Networks::visual_width, joint_width = 2 * visual_width;

 public:
  StaticStudy(const StudyOptions& options, StudyData data, const Recipes& recipes, Workspace& work)
      : study_(options, std::move(data), recipes, work, Networks::image_size), backbone_(options.seed) {}

  Results run() override {
    const auto start = std::chrono::steady_clock::now();
    const std::vector<mmdl::MethodEntry>& methods = compared_methods<visual_width>();
    plan_work(study_,
              {.backbone = static_cast<double>(multiply_adds<typename Networks::BackboneModel>),
               .whole = static_cast<double>(multiply_adds<typename Networks::WholeModel>),
               .keeps_scales = Networks::keep_scales},
              methods);
    study_.check_folder();
    check_methods(study_.options, methods);
    train_backbone<Networks>(study_, backbone_);
    if constexpr (Networks::keep_scales) scales_ = backbone_features<typename Networks::Backbone>("scales");
    const Features plain =
        backbone_features<typename Networks::template Visual<mmdl::NoFusion>>("features-cnn");
    const TestRows test(study_.test());
    study_.results.dimension["cnn"] = visual_width;
    add_top("cnn", plain, test);
    if (study_.options.wants({"III"})) compare_methods(study_, methods, plain, test);
    const Features fused = fuse<Networks, mmdl::ConvFusion, FiveScales>(
        study_, backbone_, scales_, "ms-cnn",
        [&](const auto& fusion) { end_to_end_.begin(backbone_, fusion); });
    add_other_fusions(test);
    add_quantities(fused, test);
    if (study_.data.tags.size() > 0) add_tags(fused, test);
    study_.describe(test);
    study_.results.seconds = study_.work.earlier_seconds +
                             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return study_.results;
  }

 private:
  using FiveScales = typename Networks::FiveScales;
  template <class Model>
  static constexpr long multiply_adds = mmdl::multiply_adds<typename Model::network, typename Model::input>;

  /// What `Extractor` says of all images with the backbone's weights.
  template <class Extractor>
  Features backbone_features(const std::string& name) {
    typename Networks::template ImageFeatures<Extractor> model(study_.options.seed);
    mmdl::transfer(model, backbone_, "visual.", "visual.");
    return image_features<typename Networks::Loader>(study_, name, model);
  }

  /// A row by the labels of the greatest logits over some features; gives the logits.
  template <int Width = visual_width>
  Logits add_top(const std::string& row, const Features& features, const TestRows& test) {
    typename Networks::template LabelHead<Width> model(study_.options.seed);
    Logits logits = train_labels(study_, row, model, feature_inputs(study_, features));
    study_.put(row, score_top(test, logits, 3), test, logits);
    return logits;
  }

  template <class Fusion, class Which>
  void add_fusion(const std::string& id, const TestRows& test) {
    const Features features =
        fuse<Networks, Fusion, Which>(study_, backbone_, scales_, id, [](const auto&) {});
    add_top<Networks::template width_of<Fusion, Which>>(id, features, test);
  }

  /// Tables V and VI.
  void add_other_fusions(const TestRows& test) {
    using mmdl::Scales;
    if (study_.options.wants({"V", "VI"})) {
      add_fusion<mmdl::ConcatFusion, FiveScales>("avgpool@1,2,3,4,5", test);
      add_fusion<mmdl::MaxPoolFusion, FiveScales>("maxpool@1,2,3,4,5", test);
    }
    if (study_.options.wants({"VI"})) {
      add_fusion<mmdl::ConvFusion, Scales<2, 3, 4, 5>>("ms-cnn@2,3,4,5", test);
      add_fusion<mmdl::ConvFusion, Scales<3, 4, 5>>("ms-cnn@3,4,5", test);
      add_fusion<mmdl::ConvFusion, Scales<4, 5>>("ms-cnn@4,5", test);
      add_fusion<mmdl::ConcatFusion, Scales<2, 3, 4, 5>>("avgpool@2,3,4,5", test);
      add_fusion<mmdl::ConcatFusion, Scales<3, 4, 5>>("avgpool@3,4,5", test);
      add_fusion<mmdl::ConcatFusion, Scales<4, 5>>("avgpool@4,5", test);
      add_fusion<mmdl::MaxPoolFusion, Scales<2, 3, 4, 5>>("maxpool@2,3,4,5", test);
      add_fusion<mmdl::MaxPoolFusion, Scales<3, 4, 5>>("maxpool@3,4,5", test);
      add_fusion<mmdl::MaxPoolFusion, Scales<4, 5>>("maxpool@4,5", test);
    }
  }

  /// Ways to choose how many labels, over the paper's fusion without tags.
  void add_quantities(const Features& fused, const TestRows& test) {
    const Logits logits = add_top("ms-cnn", fused, test);
    const RowInputs<1> visual = feature_inputs(study_, fused);
    typename Networks::template QuantityHead<visual_width> model(study_.options.seed);
    const std::vector<float> quantities = train_quantity(study_, "ms-cnn", model, visual);
    study_.put("ms-cnn+lqp", score_by_quantity(test, logits, quantities), test, logits);
    study_.results.quantities["ms-cnn"] = score_quantities(test, quantities);
    if (study_.options.wants({"X"}))
      for (const int percent : {10, 20, 30, 40, 50})
        study_.put("threshold-0." + std::to_string(percent / 10), score_above(test, logits, percent / 100.0),
                   test, logits);
    if (study_.options.wants({"XI"})) {
      typename Networks::template QuantityClasses<visual_width> classes(study_.options.seed);
      study_.put("ms-cnn+lqp-classification",
                 score_by_quantity(test, logits, train_quantity_classes(study_, "ms-cnn", classes, visual)),
                 test, logits);
    }
  }

  /// The whole model, which reads the tags too, and what is compared with it.
  void add_tags(const Features& fused, const TestRows& test) {
    const std::uint64_t seed = study_.options.seed;
    typename Networks::template TextModel<typename Networks::Text> text(seed);
    const RowInputs<1> joint =
        joint_inputs(study_, fused,
                     text_features<typename Networks::template TextFeatures<typename Networks::Text>>(
                         study_, "mlp", text));
    typename Networks::template LabelHead<joint_width> labels(seed);
    const Logits logits = train_labels(study_, "ms-cnn+tags", labels, joint);
    typename Networks::template QuantityHead<joint_width> quantity(seed);
    const std::vector<float> quantities = train_quantity(study_, "ms-cnn+tags", quantity, joint);
    study_.put("ms-cnn+tags", score_top(test, logits, 3), test, logits);
    study_.put("ms-cnn+tags+lqp", score_by_quantity(test, logits, quantities), test, logits);
    study_.put("upper-bound", score_upper_bound(test, logits), test, logits);
    study_.results.quantities["ms-cnn+tags"] = score_quantities(test, quantities);
    study_.results.quantity_groups = group_quantities(test, quantities);
    study_.results.sheet =
        make_sheet(test, study_.data.test, logits, quantities, study_.options.sheet_images);

    if (study_.options.wants({"VII"})) add_word_vectors(fused, test);
    end_to_end_.take(text, "text.");
    end_to_end_.take(labels, "labels.");
    end_to_end_.take(quantity, "quantity.");
    end_to_end_.run(test);
  }

  /// Table VII: word vectors in the place of the textual network.
  void add_word_vectors(const Features& fused, const TestRows& test) {
    typename Networks::template TextModel<typename Networks::Words> words(study_.options.seed);
    if (!study_.options.word_vectors.empty()) read_words(study_, Networks::word_dimension, words);
    const Features textual =
        text_features<typename Networks::template TextFeatures<typename Networks::Words>>(
            study_, "word-vectors", words);
    typename Networks::template LabelHead<visual_width + Networks::word_dimension> labels(
        study_.options.seed);
    const Logits logits =
        train_labels(study_, "ms-cnn+word2vec", labels, joint_inputs(study_, fused, textual));
    study_.put("ms-cnn+word2vec", score_top(test, logits, 3), test, logits);
  }

  StudyState study_;
  typename Networks::BackboneModel backbone_;
  Features scales_;
  EndToEnd<Networks> end_to_end_{study_};
};

}  // namespace reproduce
