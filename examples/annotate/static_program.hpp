// SPDX-License-Identifier: Apache-2.0
// A network type behind the run-time interface. Included by the generated sources only, one a backbone and
// size.
#pragma once

#include <cmath>
#include <mmdl/mmdl.hpp>
#include <utility>

#include "backbones.hpp"
#include "program.hpp"

namespace annotate {

/// The optimizer that the settings ask for.
inline mmdl::AnyOptimizer make_optimizer(const TrainingSettings& settings) {
  if (settings.adamw)
    return mmdl::AdamW{.learning_rate = settings.learning_rate, .weight_decay = settings.weight_decay};
  return mmdl::Sgd{.learning_rate = settings.learning_rate,
                   .momentum = settings.momentum,
                   .weight_decay = settings.weight_decay};
}

/// `Visual`, `Text` and `Quantity` as in `mmdl::Annotator`, over the backbone of `Parts`. The numbers of
/// labels and tags are those that the program has room for; the labels in use come from the data, and the
/// rest get no gradient and no say.
template <int Size, class Parts, class Visual, class Text, class Quantity, class Backend>
class StaticProgram final : public AnnotatorProgram {
  static constexpr int labels = MMDL_ANNOTATE_LABELS;
  static constexpr bool with_tags = !std::is_same_v<Text, mmdl::NoText>;
  static constexpr bool with_quantity = !std::is_same_v<Quantity, mmdl::NoQuantity>;
  static constexpr int tags = with_tags ? MMDL_ANNOTATE_TAGS : 0;

  using Image = mmdl::Shape<Size, Size, 3>;
  using Net = mmdl::Annotator<Visual, Text, mmdl::Labels<labels>, Quantity>;
  using Input = std::conditional_t<with_tags, mmdl::List<Image, mmdl::Shape<MMDL_ANNOTATE_TAGS>>, Image>;
  using Model = mmdl::Model<Net, Input, Backend>;
  using Loader = mmdl::Loader<Image, tags, labels>;
  using Batch = typename Loader::Batch;
  using LabelLoss = mmdl::SigmoidCrossEntropy;
  using Loss = std::conditional_t<with_quantity, mmdl::Losses<LabelLoss, mmdl::MeanSquaredError>, LabelLoss>;
  using Trainer = mmdl::Trainer<Model, Loss, mmdl::AnyOptimizer>;

 public:
  explicit StaticProgram(std::uint64_t seed) : model_(seed) {}

  bool has_tags() const override { return with_tags; }
  bool has_quantity() const override { return with_quantity; }
  int label_room() const override { return labels; }
  int tag_room() const override { return tags; }
  long parameters() const override { return mmdl::parameter_count<Net, Input>; }
  long multiply_adds() const override { return mmdl::multiply_adds<Net, Input>; }

  mmdl::Normalisation normalisation() const override { return Parts::normalisation; }

  std::string load_pretrained(const std::string& path) override {
    return mmdl::load_pretrained(model_, path, "visual.").str();
  }
  void load_weights(const std::string& path) override { mmdl::load(model_, path); }
  void save_weights(const std::string& path, const std::map<std::string, std::string>& notes) const override {
    mmdl::save(model_, path, notes);
  }
  std::vector<float> weights() const override { return mmdl::detail::copy_weights(model_); }
  void set_weights(const std::vector<float>& weights) override {
    mmdl::detail::restore_weights(model_, weights);
  }

  void prepare_training(DataSet data, const mmdl::LoaderOptions& loading,
                        const TrainingSettings& settings) override {
    const LabelLoss label_loss{.active = static_cast<int>(data.manifest.labels.size())};
    loader_ = make_loader(std::move(data), loading);
    const mmdl::AnyOptimizer optimizer = make_optimizer(settings);
    if constexpr (with_quantity)
      trainer_.emplace(model_, Loss{label_loss, mmdl::MeanSquaredError{.weight = settings.quantity_weight}},
                       optimizer);
    else
      trainer_.emplace(model_, label_loss, optimizer);
    trainer_->with_clipping(settings.clip);
    if (settings.schedule) trainer_->with_schedule(settings.schedule);
  }
  int batches() const override { return loader_->batches(); }
  void start_epoch(int epoch) override { loader_->start_epoch(epoch); }
  std::optional<StepReport> step() override {
    if (!loader_->next(batch_)) return std::nullopt;
    StepReport report{.images = batch_.size()};
    // On a GPU it is the loss as a number that waits for the step, and throws if it is not finite.
    const auto train = [&](const auto&... tensors) {
      [[maybe_unused]] const float loss = trainer_->step(tensors...);
    };
    if constexpr (with_tags && with_quantity)
      train(batch_.images, batch_.tags, batch_.labels, batch_.quantities);
    else if constexpr (with_tags)
      train(batch_.images, batch_.tags, batch_.labels);
    else if constexpr (with_quantity)
      train(batch_.images, batch_.labels, batch_.quantities);
    else
      train(batch_.images, batch_.labels);
    report.label_loss = trainer_->losses()[0];
    if constexpr (with_quantity) report.quantity_loss = trainer_->losses()[1];
    return report;
  }
  float learning_rate() const override { return trainer_->learning_rate(); }
  long steps() const override { return trainer_->steps(); }
  const std::vector<std::string>& skipped() const override { return loader_->skipped(); }
  void save_checkpoint(const std::string& path, const std::map<std::string, std::string>& notes) override {
    mmdl::save_checkpoint(*trainer_, path, notes);
  }
  std::map<std::string, std::string> load_checkpoint(const std::string& path) override {
    return mmdl::load_checkpoint(*trainer_, path);
  }

  Predictions predict(DataSet data, const mmdl::LoaderOptions& loading,
                      const std::function<void(int)>& progress) override {
    Predictions result;
    result.labels = static_cast<int>(data.manifest.labels.size());
    const auto loader = make_loader(std::move(data), loading);
    Batch batch;
    for (loader->start_epoch(0); loader->next(batch);) {
      const auto prediction = [&] {
        if constexpr (with_tags)
          return model_.predict(batch.images, batch.tags);
        else
          return model_.predict(batch.images);
      }();
      const auto& logits = [&]() -> const auto& {
        if constexpr (with_quantity)
          return std::get<0>(prediction);
        else
          return prediction;
      }
      ();
      for (int i = 0; i < batch.size(); ++i) {
        const std::span<const float> row = logits[i].first(static_cast<std::size_t>(result.labels));
        result.logits.insert(result.logits.end(), row.begin(), row.end());
        if constexpr (with_quantity) result.quantities.push_back(std::get<1>(prediction)(i, 0));
      }
      result.samples.insert(result.samples.end(), batch.samples.begin(), batch.samples.end());
      if (progress) progress(static_cast<int>(result.rows()));
    }
    result.skipped = loader->skipped();
    return result;
  }

 private:
  /// The program has room for more labels and tags than most data have.
  static std::unique_ptr<Loader> make_loader(DataSet data, mmdl::LoaderOptions options) {
    options.spare_room = true;
    if constexpr (with_tags)
      return std::make_unique<Loader>(std::move(data.manifest), std::move(data.tags), options);
    else
      return std::make_unique<Loader>(std::move(data.manifest), options);
  }

  Model model_;
  std::unique_ptr<Loader> loader_;
  Batch batch_;
  std::optional<Trainer> trainer_;
};

template <int Size, class Parts, class Visual, class Text, class Quantity, class Backend = mmdl::Cpu<float>>
void add_network(Registry& registry, const char* backbone, const char* variant,
                 const char* precision = "float32", const char* device = "cpu") {
  registry.add({backbone, variant, Size, precision, device},
               [](std::uint64_t seed) -> std::unique_ptr<AnnotatorProgram> {
                 return std::make_unique<StaticProgram<Size, Parts, Visual, Text, Quantity, Backend>>(seed);
               });
}

/// The complete model, and the same without tags, for a backend that computes in `precision` on `device`:
/// with activations in bfloat16, or on a GPU.
template <int Size, class Parts, class Backend>
void add_networks_on(Registry& registry, const char* backbone, const char* precision, const char* device) {
  using Fused = mmdl::MultiScale<typename Parts::backbone>;
  using Quantity = mmdl::QuantityRegressor;
  add_network<Size, Parts, Fused, typename Parts::text, Quantity, Backend>(registry, backbone, "full",
                                                                           precision, device);
  add_network<Size, Parts, Fused, mmdl::NoText, Quantity, Backend>(registry, backbone, "ms-cnn+lqp",
                                                                   precision, device);
}

/// The variants of Niu et al., tables I and II, and the complete model without its fusion.
template <int Size, class Parts>
void add_networks(Registry& registry, const char* backbone) {
  using Plain = mmdl::MultiScale<typename Parts::backbone, mmdl::NoFusion>;
  using Fused = mmdl::MultiScale<typename Parts::backbone>;
  using Text = typename Parts::text;
  using mmdl::NoQuantity, mmdl::NoText, mmdl::QuantityRegressor;
  add_network<Size, Parts, Fused, Text, QuantityRegressor>(registry, backbone, "full");
  add_network<Size, Parts, Fused, NoText, QuantityRegressor>(registry, backbone, "ms-cnn+lqp");
  add_network<Size, Parts, Fused, Text, NoQuantity>(registry, backbone, "ms-cnn+tags");
  add_network<Size, Parts, Fused, NoText, NoQuantity>(registry, backbone, "ms-cnn");
  add_network<Size, Parts, Plain, Text, QuantityRegressor>(registry, backbone, "cnn+tags+lqp");
  add_network<Size, Parts, Plain, NoText, NoQuantity>(registry, backbone, "cnn");
}

}  // namespace annotate
