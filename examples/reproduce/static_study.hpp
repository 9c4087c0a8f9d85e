// SPDX-License-Identifier: Apache-2.0
// A study over one backbone as a static type. Included by the sources of the studies only.
#pragma once

#include <chrono>
#include <mmdl/data/word_vectors.hpp>
#include <mmdl/mmdl.hpp>
#include <mmdl/training/pretrained.hpp>

#include "features.hpp"
#include "methods.hpp"
#include "scoring.hpp"
#include "stage.hpp"
#include "study.hpp"

namespace reproduce {

/// The networks lie on `Device`, a backend; the compared methods, small over features, on the CPU.
/// `Config`: `name`, `backbone`, `size` (pixels a side), `word_dimension`, and `keep_scales`: whether the
/// scales of all images are computed once and kept (small images), or the frozen backbone runs in each step
/// of the fusion's training (large ones).
template <class Config, class Device>
class StaticStudy final : public Study {
  using B = typename Config::backbone;
  template <class Net, class In>
  using ModelOf = mmdl::Model<Net, In, Device>;
  static constexpr int room = MMDL_REPRODUCE_LABELS, tag_room = MMDL_REPRODUCE_TAGS;
  static constexpr int most_quantity = 16;
  using Image = mmdl::Shape<Config::size, Config::size, 3>;
  using ScaleShapes = typename B::template output<Image>;
  template <class Fusion, class Which = mmdl::AllScales>
  using Visual = mmdl::MultiScale<B, Fusion, Which>;
  template <class Fusion, class Which = mmdl::AllScales>
  static constexpr int width_of = mmdl::output_shape<Visual<Fusion, Which>, Image>::extents[0];
  static constexpr int visual_width = width_of<mmdl::ConvFusion>;
  using Text = mmdl::Mlp<visual_width, visual_width>;  // as wide as the visual features (section III-B)
  using Words = mmdl::SummedWordVectors<Config::word_dimension>;
  using Tags = mmdl::Shape<tag_room>;
  using LabelShape = mmdl::Shape<room>;
  using Loader = mmdl::Loader<Image, 0, room>;
  using TaggedLoader = mmdl::Loader<Image, tag_room, room>;
  using BackboneNet = mmdl::stages::FineTuneBackbone<B, room>;
  using EndToEndNet = mmdl::stages::TrainEndToEnd<B, mmdl::ConvFusion, mmdl::AllScales, Text, room>;

  /// Chosen scales: their shapes, and where each begins in a row of all scales.
  template <class Which>
  struct Chosen;
  template <int... Numbers>
  struct Chosen<mmdl::Scales<Numbers...>> {
    using shapes = mmdl::List<mmdl::detail::At<Numbers - 1, ScaleShapes>...>;
    static constexpr int numbers[] = {Numbers...};
  };

 public:
  StaticStudy(const StudyOptions& options, StudyData data, const Recipes& recipes, Workspace& work)
      : options_(options), data_(std::move(data)), recipes_(recipes), work_(work), backbone_(options.seed) {
    splits_ = {Split{"train", &data_.train, 2, {}, {}}, Split{"held-out", &data_.held_out, 1, {}, {}},
               Split{"test", &data_.test, 1, {}, {}}};
    for (Split& split : splits_) {
      prepare(split, data_.tags);
      print_ += fingerprint(*split.manifest);
    }
    label_loss_.active = static_cast<int>(data_.train.labels.size());
  }

  Results run() override {
    const auto start = std::chrono::steady_clock::now();
    plan();
    train_backbone();
    const Features plain = backbone_features();
    const TestRows test(splits_[2]);
    results_.dimension["cnn"] = visual_width;
    add_top("cnn", "cnn", plain, test);
    if (options_.wants({"III"})) compare_methods(plain, test);
    const Features fused = fuse<mmdl::ConvFusion, AllOf>("ms-cnn");
    rest_of_fusions(test);
    heads(fused, test);
    describe(test);
    results_.seconds = work_.earlier_seconds +
                       std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return results_;
  }

 private:
  using AllOf = mmdl::Scales<1, 2, 3, 4, 5>;

  // ---- the backbone ----

  mmdl::LoaderOptions loading(const Recipe& recipe, bool training) const {
    mmdl::LoaderOptions o{.batch = recipe.batch,
                          .workers = options_.workers,
                          .seed = options_.seed,
                          .shuffle = training,
                          .drop_last = training,
                          .spare_room = true};
    o.images.normalisation = data_.normalisation;
    o.images.cache_bytes = std::size_t{2} << 30;
    if (training)
      o.images.augmentation = {
          .flip = true, .random_crop = recipes_.least_crop < 1.0f, .min_area = recipes_.least_crop};
    return o;
  }
  mmdl::LoaderOptions plain_loading() const {
    mmdl::LoaderOptions o = loading({.batch = 32}, false);
    o.images.cache_bytes = 0;
    return o;
  }

  /// A stage over images without tags.
  template <class Net, class Loss>
  void image_stage(const std::string& name, const Recipe& recipe, ModelOf<Net, Image>& model,
                   const Loss& loss, const mmdl::Manifest& train, const mmdl::Manifest& held_out) {
    Loader training(train, loading(recipe, true)), validation(held_out, loading(recipe, false));
    ImageSource<Loader, false> source(training), held(validation);
    run_stage(work_,
              Stage{name, recipe, fingerprint(train) + fingerprint(held_out), model, loss, source, held});
  }

  /// A folder holds the run of a frozen backbone or of a fine-tuned one.
  void check_folder() const {
    const std::string tuned = work_.file("backbone.safetensors"),
                      rows = work_.file("features-cnn.train.rows");
    if (options_.freeze_backbone && std::filesystem::exists(tuned))
      detail::fail(tuned + ": a fine-tuned backbone, expected none with --freeze-backbone (another --out)");
    if (!options_.freeze_backbone && !std::filesystem::exists(tuned) && std::filesystem::exists(rows))
      detail::fail(rows +
                   ": features of a backbone as pretrained, expected those of a fine-tuned one "
                   "(--freeze-backbone, or another --out)");
  }

  void check_methods() const {
    std::string known;
    std::set<std::string> unknown = options_.without;
    for (const mmdl::MethodEntry& method : compared_methods<visual_width>()) {
      known += (known.empty() ? "" : ", ") + std::string(method.name);
      unknown.erase(method.name);
    }
    if (!unknown.empty())
      detail::fail("--without-methods", detail::printable(*unknown.begin(), 200), "some of: " + known);
  }

  void train_backbone() {
    check_folder();
    check_methods();
    if (!options_.weights.empty()) {
      const mmdl::WeightReport report = mmdl::load_pretrained(backbone_, options_.weights, "visual.");
      work_.line(options_.weights + ": " + report.str());
    } else if (data_.pretrain) {
      mmdl::Manifest train = *data_.pretrain, held = train;
      const std::size_t count = train.samples.size(), tenth = count / 10;
      held.samples.assign(train.samples.end() - static_cast<std::ptrdiff_t>(tenth), train.samples.end());
      train.samples.resize(count - tenth);
      image_stage("pretrained", recipes_.pretrain, backbone_, mmdl::SoftmaxCrossEntropy{}, train, held);
      ModelOf<BackboneNet, Image> fresh(options_.seed);  // the new classifier starts from nothing
      mmdl::transfer(fresh, backbone_, "visual.", "visual.");
      backbone_ = std::move(fresh);
    }
    if (!options_.freeze_backbone)
      image_stage("backbone", recipes_.backbone, backbone_, label_loss_, data_.train, data_.held_out);
  }

  // ---- features, computed once ----

  mmdl::FeatureCache& open_cache(Features& features, const std::string& name, const Split& split,
                                 const std::string& network, long width) {
    features.identity = network;
    features.caches.push_back(std::make_shared<mmdl::FeatureCache>(
        work_.file(name + "." + split.name + ".rows"),
        mmdl::FeatureCacheIdentity{network,
                                   fingerprint(*split.manifest) + ", " + std::to_string(split.views) +
                                       " views, " + std::to_string(Config::size) + " px",
                                   split.samples() * split.views, width}));
    return *features.caches.back();
  }

  /// What a network says of all images.
  template <class Net>
  Features image_features(const std::string& name, ModelOf<Net, Image>& model) {
    Features features;
    features.width = mmdl::output_shape<Net, Image>::extents[0];
    for (Split& split : splits_)
      compute_image_rows<Loader>(
          open_cache(features, name, split, mmdl::network_fingerprint(model), features.width), split,
          plain_loading(), work_, name,
          [&, output = mmdl::Tensor<mmdl::output_shape<Net, Image>>()](const auto& images) mutable {
            output = model.predict(images);
            return std::array{std::span<const float>(output.data(), output.size())};
          });
    work_.finish(name);
    return features;
  }

  Features backbone_features() {
    using Net = mmdl::stages::VisualFeatures<Visual<mmdl::NoFusion>>;
    ModelOf<Net, Image> model(options_.seed);
    mmdl::transfer(model, backbone_, "visual.", "visual.");
    if constexpr (Config::keep_scales) keep_scales();
    return image_features("features-cnn", model);
  }

  void keep_scales() {
    using Net = mmdl::stages::VisualFeatures<B>;
    ModelOf<Net, Image> model(options_.seed);
    mmdl::transfer(model, backbone_, "visual.", "visual.");
    constexpr long width = [] {
      long sum = 0;
      for (const long size : scale_sizes()) sum += size;
      return sum;
    }();
    scales_.width = static_cast<int>(width);
    for (Split& split : splits_)
      compute_image_rows<Loader>(
          open_cache(scales_, "scales", split, mmdl::network_fingerprint(model), width), split,
          plain_loading(), work_, "scales",
          [&, output = typename ModelOf<Net, Image>::prediction()](const auto& images) mutable {
            output = model.predict(images);
            return std::apply(
                [](const auto&... tensors) {
                  return std::array{std::span<const float>(tensors.data(), tensors.size())...};
                },
                output);
          });
    work_.finish("scales");
  }

  static constexpr std::array<long, 5> scale_sizes() {
    return []<class... Shapes>(mmdl::List<Shapes...>) {
      return std::array<long, 5>{static_cast<long>(Shapes::size)...};
    }(ScaleShapes{});
  }

  template <class Which>
  auto scale_columns(std::size_t split) const {
    std::array<Column, std::size(Chosen<Which>::numbers)> columns;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      long begin = 0;
      for (int before = 1; before < Chosen<Which>::numbers[i]; ++before)
        begin += scale_sizes()[static_cast<std::size_t>(before - 1)];
      columns[i] = cache_column(*scales_.caches[split], splits_[split].samples(), begin);
    }
    return columns;
  }

  // ---- stages over rows ----

  /// A stage whose inputs and target are columns; `make(split)` gives the inputs'.
  template <class Model, class Loss, class Make, class Target, class... Shapes>
  void row_stage(const std::string& name, const Recipe& recipe, Model& model, const Loss& loss,
                 const Make& make, const Target& target, const std::string& below, mmdl::List<Shapes...>) {
    const auto source = [&](std::size_t split, bool training) {
      const auto inputs = make(split);
      std::array<Column, sizeof...(Shapes)> columns;
      std::copy(inputs.begin(), inputs.end(), columns.begin());
      columns.back() = target(splits_[split]);
      return RowSource<Shapes...>(splits_[split].usable, splits_[split].views, recipe.batch, training,
                                  options_.seed, columns);
    };
    auto train = source(0, true);
    auto held_out = source(1, false);
    run_stage(work_, Stage{name, recipe, print_ + below, model, loss, train, held_out});
  }

  /// The fusion branch over the frozen backbone, and the features above it.
  template <class Fusion, class Which>
  Features fuse(const std::string& id) {
    results_.dimension[id] = width_of<Fusion, Which>;
    if constexpr (Config::keep_scales) {
      using Inputs = typename Chosen<Which>::shapes;
      using Net = mmdl::stages::VisualFeatures<Fusion>;
      ModelOf<Net, Inputs> features(options_.seed);
      if constexpr (mmdl::parameter_count < Net, Inputs >> 0) {
        using Training = mmdl::stages::TrainFusionOfScales<Fusion, room>;
        ModelOf<Training, Inputs> model(options_.seed);
        [&]<class... Shapes>(mmdl::List<Shapes...>) {
          row_stage(
              "fusion-" + id, recipes_.fusion, model, label_loss_,
              [&](std::size_t split) { return scale_columns<Which>(split); }, label_column, scales_.identity,
              mmdl::List<Shapes..., LabelShape>{});
        }(Inputs{});
        mmdl::transfer(features, model, "visual.", "visual.");
        if (id == "ms-cnn") keep_fusion(model);
      }
      Features rows;
      rows.width = width_of<Fusion, Which>;
      for (std::size_t i = 0; i < splits_.size(); ++i)
        compute_rows(
            open_cache(rows, "features-" + id, splits_[i],
                       mmdl::network_fingerprint(features) + " over " + scales_.identity, rows.width),
            splits_[i], features, Inputs{}, scale_columns<Which>(i));
      return rows;
    } else {
      using Net = mmdl::stages::VisualFeatures<Visual<Fusion, Which>>;
      ModelOf<Net, Image> features(options_.seed);
      mmdl::transfer(features, backbone_, "visual.", "visual.");
      using Training = mmdl::stages::TrainFusion<B, Fusion, Which, room>;
      if constexpr (mmdl::parameter_count < Net,
                    Image >>
                        mmdl::parameter_count<mmdl::stages::VisualFeatures<Visual<mmdl::ConcatFusion, Which>>,
                                              Image>) {
        ModelOf<Training, Image> model(options_.seed);
        mmdl::transfer(model, backbone_, "visual.", "visual.");
        mmdl::transfer(model, backbone_, "labels.", "labels.");
        image_stage("fusion-" + id, recipes_.fusion, model, label_loss_, data_.train, data_.held_out);
        mmdl::transfer(features, model, "visual.", "visual.");
        if (id == "ms-cnn") keep_fusion(model);
      }
      return image_features("features-" + id, features);
    }
  }

  /// The trained fusion branch and its classifier go into the whole network, which end-to-end training begins
  /// with.
  template <class Model>
  void keep_fusion(const Model& model) {
    if (!options_.wants({"XII"})) return;
    whole_.emplace(options_.seed);
    mmdl::transfer(*whole_, backbone_, "visual.", "visual.");
    mmdl::transfer(*whole_, model, "visual.", "visual.");
  }

  /// What a head reads of a split's samples, and a text that changes whenever it does.
  struct Rows {
    std::function<std::array<Column, 1>(std::size_t)> make;
    std::string identity;
  };
  Rows rows_of(const Features& features) const {
    return {[this, features](std::size_t split) {
              return std::array<Column, 1>{cache_column(*features.caches[split], splits_[split].samples())};
            },
            features.identity};
  }
  /// Visual and textual features side by side. Textual features have one view.
  Rows joint_rows(const Features& visual, const Features& textual) const {
    return {
        [this, visual, textual](std::size_t split) {
          Column text = [cache = textual.caches[split]](long sample, int, std::span<float> out) {
            const auto row = cache->row(sample);
            std::copy(row.begin(), row.end(), out.begin());
          };
          return std::array<Column, 1>{joined(cache_column(*visual.caches[split], splits_[split].samples()),
                                              static_cast<std::size_t>(visual.width), std::move(text))};
        },
        visual.identity + textual.identity};
  }

  /// A head's outputs for the usable test images, the first `count` numbers of each.
  template <class Model, class Input>
  std::vector<float> test_outputs(Model& model, const Rows& rows_read, mmdl::List<Input>, std::size_t count) {
    const Split& split = splits_[2];
    const Column column = rows_read.make(2)[0];
    std::vector<float> all;
    constexpr std::size_t most = 64;
    for (std::size_t begin = 0; begin < split.usable.size(); begin += most) {
      const std::size_t size = std::min(most, split.usable.size() - begin);
      mmdl::Tensor<Input> rows(static_cast<int>(size));
      for (std::size_t i = 0; i < size; ++i) column(split.usable[begin + i], 0, rows[static_cast<int>(i)]);
      const auto output = model.predict(rows);
      for (std::size_t i = 0; i < size; ++i) {
        const auto row = output[static_cast<int>(i)].first(count);
        all.insert(all.end(), row.begin(), row.end());
      }
    }
    return all;
  }

  /// Trains a label head; gives its logits of the test images.
  template <int Width>
  Logits label_head(const std::string& id, const Rows& rows) {
    using Input = mmdl::Shape<Width>;
    ModelOf<mmdl::stages::TrainLabels<room>, Input> model(options_.seed);
    row_stage("labels-" + id, recipes_.labels, model, label_loss_, rows.make, label_column, rows.identity,
              mmdl::List<Input, LabelShape>{});
    if constexpr (Width == 2 * visual_width)
      if (whole_ && id == "ms-cnn+tags") mmdl::transfer(*whole_, model, "labels.", "labels.");
    return test_outputs(model, rows, mmdl::List<Input>{}, data_.train.labels.size());
  }

  /// Trains a quantity regressor; gives the predicted quantities of the test images.
  template <int Width>
  std::vector<float> quantity_head(const std::string& id, const Rows& rows) {
    using Input = mmdl::Shape<Width>;
    ModelOf<mmdl::stages::TrainQuantity<>, Input> model(options_.seed);
    model.parameter("quantity.linear3.bias")[0] = mean_quantity();
    row_stage("quantity-" + id, recipes_.quantity, model, mmdl::MeanSquaredError{}, rows.make,
              quantity_column, rows.identity, mmdl::List<Input, mmdl::Shape<1>>{});
    if constexpr (Width == 2 * visual_width)
      if (whole_ && id == "ms-cnn+tags") mmdl::transfer(*whole_, model, "quantity.", "quantity.");
    return test_outputs(model, rows, mmdl::List<Input>{}, 1);
  }

  /// Where the regressor's output begins. From 0 its weights would have to reach the mean, and lean on units
  /// that dropout makes noisy: without dropout they then give too few.
  float mean_quantity() const {
    double sum = 0;
    for (const mmdl::Sample& sample : data_.train.samples) sum += static_cast<double>(sample.labels.size());
    return static_cast<float>(sum / static_cast<double>(data_.train.samples.size()));
  }

  /// Trains a quantity classifier (table XI); gives the most probable quantity of each test image.
  template <int Width>
  std::vector<float> quantity_classes(const std::string& id, const Rows& rows) {
    using Input = mmdl::Shape<Width>;
    using Classes = mmdl::Shape<most_quantity + 1>;
    ModelOf<mmdl::stages::TrainQuantity<mmdl::QuantityClassifier<most_quantity>>, Input> model(options_.seed);
    row_stage("quantity-classes-" + id, recipes_.quantity, model, mmdl::SoftmaxCrossEntropy{}, rows.make,
              quantity_class_column, rows.identity, mmdl::List<Input, Classes>{});
    const std::vector<float> logits = test_outputs(model, rows, mmdl::List<Input>{}, most_quantity + 1);
    std::vector<float> quantities;
    for (auto row = logits.begin(); row != logits.end(); row += most_quantity + 1)
      quantities.push_back(static_cast<float>(std::max_element(row, row + most_quantity + 1) - row));
    return quantities;
  }

  /// Trains a network over the tags apart (section III-D), and computes its features.
  template <class TextNet>
  Features text_features(const std::string& id,
                         ModelOf<mmdl::stages::TrainText<TextNet, room>, Tags>& model) {
    row_stage(
        "text-" + id, recipes_.text, model, label_loss_,
        [&](std::size_t split) { return std::array<Column, 1>{tag_column(splits_[split])}; }, label_column,
        fingerprint(data_.tags), mmdl::List<Tags, LabelShape>{});
    using Net = mmdl::stages::TextFeatures<TextNet>;
    ModelOf<Net, Tags> features(options_.seed);
    mmdl::transfer(features, model, "text.", "text.");
    Features rows;
    rows.width = mmdl::output_shape<Net, Tags>::extents[0];
    for (Split& split : splits_) {
      Split once = split;
      once.views = 1;
      compute_rows(open_cache(rows, "text-" + id, once, mmdl::network_fingerprint(features), rows.width),
                   once, features, mmdl::List<Tags>{}, {tag_column(split)});
    }
    return rows;
  }

  // ---- the tables' rows ----

  void put(const std::string& row, const mmdl::AnnotationScores& scores, const TestRows& test,
           const Logits& logits) {
    results_.scores[row] = scores;
    results_.mean_average_precision[row] = average_precision(test, logits);
  }

  template <int Width = visual_width>
  Logits add_top(const std::string& row, const std::string& id, const Features& features,
                 const TestRows& test) {
    Logits logits = label_head<Width>(id, rows_of(features));
    put(row, score_top(test, logits, 3), test, logits);
    return logits;
  }

  template <class Fusion, class Which>
  void add_fusion(const std::string& id, const TestRows& test) {
    add_top<width_of<Fusion, Which>>(id, id, fuse<Fusion, Which>(id), test);
  }

  /// Tables V and VI.
  void rest_of_fusions(const TestRows& test) {
    if (options_.wants({"V", "VI"})) {
      add_fusion<mmdl::ConcatFusion, AllOf>("avgpool@1,2,3,4,5", test);
      add_fusion<mmdl::MaxPoolFusion, AllOf>("maxpool@1,2,3,4,5", test);
    }
    if (options_.wants({"VI"})) {
      add_fusion<mmdl::ConvFusion, mmdl::Scales<2, 3, 4, 5>>("ms-cnn@2,3,4,5", test);
      add_fusion<mmdl::ConvFusion, mmdl::Scales<3, 4, 5>>("ms-cnn@3,4,5", test);
      add_fusion<mmdl::ConvFusion, mmdl::Scales<4, 5>>("ms-cnn@4,5", test);
      add_fusion<mmdl::ConcatFusion, mmdl::Scales<2, 3, 4, 5>>("avgpool@2,3,4,5", test);
      add_fusion<mmdl::ConcatFusion, mmdl::Scales<3, 4, 5>>("avgpool@3,4,5", test);
      add_fusion<mmdl::ConcatFusion, mmdl::Scales<4, 5>>("avgpool@4,5", test);
      add_fusion<mmdl::MaxPoolFusion, mmdl::Scales<2, 3, 4, 5>>("maxpool@2,3,4,5", test);
      add_fusion<mmdl::MaxPoolFusion, mmdl::Scales<3, 4, 5>>("maxpool@3,4,5", test);
      add_fusion<mmdl::MaxPoolFusion, mmdl::Scales<4, 5>>("maxpool@4,5", test);
    }
  }

  bool runs(const mmdl::MethodEntry& method) const {
    return options_.without.count(method.name) == 0 && (!method.reads_tags || data_.tags.size() > 0);
  }

  /// Tables III and IV: the compared methods over the backbone's features.
  void compare_methods(const Features& features, const TestRows& test) {
    std::array<mmdl::MethodRows, 3> rows;
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i] = method_rows(splits_[i], features, i, static_cast<int>(data_.tags.size()));
    for (const mmdl::MethodEntry& entry : compared_methods<visual_width>()) {
      if (!runs(entry)) continue;
      const MethodRun run{recipes_.of_method(entry.name),
                          print_ + fingerprint(data_.tags) + features.identity, options_.seed};
      const mmdl::Annotations found = run_method(work_, entry, run, rows[0], rows[1], rows[2]);
      results_.scores[entry.name] = score_labels(test, found.labels);
      if (!found.scores.empty())
        results_.mean_average_precision[entry.name] = average_precision(test, found.scores);
    }
  }

  /// All that stands on the features of the paper's fusion.
  void heads(const Features& fused, const TestRows& test) {
    const Rows visual = rows_of(fused);
    const Logits visual_logits = add_top("ms-cnn", "ms-cnn", fused, test);
    const std::vector<float> visual_quantities = quantity_head<visual_width>("ms-cnn", visual);
    put("ms-cnn+lqp", score_by_quantity(test, visual_logits, visual_quantities), test, visual_logits);
    results_.quantities["ms-cnn"] = score_quantities(test, visual_quantities);
    if (options_.wants({"X"}))
      for (const int percent : {10, 20, 30, 40, 50})
        put("threshold-0." + std::to_string(percent / 10), score_above(test, visual_logits, percent / 100.0),
            test, visual_logits);
    if (options_.wants({"XI"}))
      put("ms-cnn+lqp-classification",
          score_by_quantity(test, visual_logits, quantity_classes<visual_width>("ms-cnn", visual)), test,
          visual_logits);
    if (data_.tags.size() == 0) return;

    ModelOf<mmdl::stages::TrainText<Text, room>, Tags> text_model(options_.seed);
    const Rows joint = joint_rows(fused, text_features<Text>("mlp", text_model));
    if (whole_) mmdl::transfer(*whole_, text_model, "text.", "text.");
    full_logits_ = label_head<2 * visual_width>("ms-cnn+tags", joint);
    full_quantities_ = quantity_head<2 * visual_width>("ms-cnn+tags", joint);
    put("ms-cnn+tags", score_top(test, full_logits_, 3), test, full_logits_);
    put("ms-cnn+tags+lqp", score_by_quantity(test, full_logits_, full_quantities_), test, full_logits_);
    put("upper-bound", score_upper_bound(test, full_logits_), test, full_logits_);
    results_.quantities["ms-cnn+tags"] = score_quantities(test, full_quantities_);

    if (options_.wants({"VII"})) {
      ModelOf<mmdl::stages::TrainText<Words, room>, Tags> words(options_.seed);
      if (!options_.word_vectors.empty()) read_words(words);
      const Features textual = text_features<Words>("word-vectors", words);
      const Logits logits =
          label_head<visual_width + Config::word_dimension>("ms-cnn+word2vec", joint_rows(fused, textual));
      put("ms-cnn+word2vec", score_top(test, logits, 3), test, logits);
    }
    if (whole_) end_to_end(test);
  }

  template <class Model>
  void read_words(Model& model) {
    const mmdl::WordVectors vectors = mmdl::read_word_vectors(options_.word_vectors, data_.tags.words());
    if (vectors.dimension != Config::word_dimension)
      mmdl::detail::fail(options_.word_vectors, std::to_string(vectors.dimension) + " numbers a word",
                         std::to_string(Config::word_dimension));
    const auto weight =
        model.parameter("text.linear1.weight");  // with room for more tags than the data may have
    std::fill(weight.begin(), weight.end(), 0.0f);
    vectors.copy_to(weight.first(vectors.matrix.size()));
    work_.line(options_.word_vectors + ": vectors of " + std::to_string(vectors.found_count()) + " of " +
               std::to_string(data_.tags.size()) + " tags");
  }

  /// Table XII: all but the backbone, from the weights of the stages, with the sum of both losses.
  void end_to_end(const TestRows& test) {
    const auto make = [&](const mmdl::Manifest& manifest, bool training) {
      std::vector<std::string> words = data_.tags.words();
      return std::make_unique<TaggedLoader>(manifest, mmdl::TagVocabulary(std::move(words)),
                                            loading(recipes_.end_to_end, training));
    };
    const auto train = make(data_.train, true), held_out = make(data_.held_out, false);
    ImageSource<TaggedLoader, true> source(*train), held(*held_out);
    run_stage(work_,
              Stage{"end-to-end", recipes_.end_to_end, print_ + fingerprint(data_.tags), *whole_,
                    mmdl::Losses{label_loss_,
                                 mmdl::MeanSquaredError{.weight = recipes_.end_to_end_quantity_weight}},
                    source, held});
    auto loading_test = loading(recipes_.end_to_end, false);
    TaggedLoader loader(data_.test, mmdl::TagVocabulary(data_.tags.words()), loading_test);
    Logits logits;
    std::vector<float> quantities;
    typename TaggedLoader::Batch batch;
    for (loader.start_epoch(0); loader.next(batch);) {
      const auto [rows, counts] = whole_->predict(batch.images, batch.tags);
      for (int i = 0; i < batch.size(); ++i) {
        const auto row = rows[i].first(data_.train.labels.size());
        logits.insert(logits.end(), row.begin(), row.end());
        quantities.push_back(counts(i, 0));
      }
    }
    put("end-to-end", score_by_quantity(test, logits, quantities), test, logits);
    put("end-to-end+true-quantity", score_upper_bound(test, logits), test, logits);
    results_.quantities["end-to-end"] = score_quantities(test, quantities);
  }

  // ---- what else the report shows ----

  void describe(const TestRows& test) {
    results_.data = data_.name;
    results_.title = data_.title;
    results_.simulated_tags = data_.simulated_tags;
    results_.seed = options_.seed;
    results_.preset = options_.preset;
    results_.backbone = options_.backbone;
    results_.frozen_backbone = options_.freeze_backbone;
    results_.image_size = Config::size;
    results_.train_images = splits_[0].samples();
    results_.validation_images = splits_[1].samples();
    results_.test_images = static_cast<long>(test.samples.size());
    results_.labels = test.classes;
    results_.tags = data_.tags.size();
    results_.curves = work_.curves;
    for (const mmdl::Manifest* manifest : {&data_.train, &data_.held_out})
      count_labels(*manifest, results_.train_label_counts);
    count_labels(data_.test, results_.test_label_counts);
    if (full_quantities_.empty()) return;
    results_.quantity_groups = group_quantities(test, full_quantities_);
    results_.sheet = make_sheet(test, data_.test, full_logits_, full_quantities_, options_.sheet_images);
  }

  /// The work of all stages, in multiply-adds; a forward and backward count three times the forward.
  void plan() {
    const auto n = static_cast<double>(splits_[0].samples()),
               all = 2 * n + static_cast<double>(splits_[1].samples() + splits_[2].samples());
    const double below = static_cast<double>(mmdl::multiply_adds<BackboneNet, Image>);
    const double whole = static_cast<double>(mmdl::multiply_adds<EndToEndNet, mmdl::List<Image, Tags>>);
    if (data_.pretrain && options_.weights.empty())
      work_.plan("pretrained",
                 3 * below * static_cast<double>(data_.pretrain->samples.size()) * recipes_.pretrain.epochs);
    if (!options_.freeze_backbone) work_.plan("backbone", 3 * below * n * recipes_.backbone.epochs);
    work_.plan("features-cnn", below * all);
    const double fusion =
        (3 * (whole - below) + (Config::keep_scales ? 0 : below)) * n * recipes_.fusion.epochs;
    const auto plan_fusion = [&](const std::string& id) {
      work_.plan("fusion-" + id, fusion);
      if (!Config::keep_scales) work_.plan("features-" + id, below * all);
    };
    plan_fusion("ms-cnn");
    if (options_.wants({"V", "VI"})) plan_fusion("maxpool@1,2,3,4,5");
    if (options_.wants({"VI"}))
      for (const char* id : {"ms-cnn@2,3,4,5", "ms-cnn@3,4,5", "ms-cnn@4,5", "maxpool@2,3,4,5",
                             "maxpool@3,4,5", "maxpool@4,5"})
        plan_fusion(id);
    if (options_.wants({"III"}))  // a few million multiply-adds a sample
      for (const mmdl::MethodEntry& entry : compared_methods<visual_width>())
        if (runs(entry))
          work_.plan(std::string("method-") + entry.name, 1e7 * n * recipes_.of_method(entry.name).epochs);
    if (Config::keep_scales) work_.plan("scales", below * all);
    if (options_.wants({"XII"}))
      work_.plan("end-to-end", (3 * (whole - below) + below) * n * recipes_.end_to_end.epochs);
  }

  const StudyOptions options_;
  const StudyData data_;
  const Recipes recipes_;
  Workspace& work_;
  std::array<Split, 3> splits_;
  std::string print_;
  mmdl::SigmoidCrossEntropy label_loss_;
  ModelOf<BackboneNet, Image> backbone_;
  Features scales_;
  std::optional<ModelOf<EndToEndNet, mmdl::List<Image, Tags>>> whole_;
  Logits full_logits_;
  std::vector<float> full_quantities_;
  Results results_;
};

}  // namespace reproduce
