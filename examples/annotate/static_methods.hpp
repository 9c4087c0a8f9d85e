// SPDX-License-Identifier: Apache-2.0
// The compared methods over a backbone as a static type. Included by the generated sources only.
#pragma once

#include <algorithm>
#include <cstdio>
#include <mmdl/annotation/all_methods.hpp>
#include <mmdl/models/multi_scale.hpp>
#include <mmdl/models/stages.hpp>
#include <mmdl/training/pretrained.hpp>
#include <utility>

#include "backbones.hpp"
#include "program.hpp"

namespace annotate {

/// A method over the last scale of the backbone of `Parts`, averaged over its places.
template <int Size, class Parts>
class StaticMethodProgram final : public MethodProgram {
  using Image = mmdl::Shape<Size, Size, 3>;
  using Net = mmdl::stages::VisualFeatures<mmdl::MultiScale<typename Parts::backbone, mmdl::NoFusion>>;
  using Loader = mmdl::Loader<Image, 0, MMDL_ANNOTATE_LABELS>;

 public:
  static constexpr int width = mmdl::output_shape<Net, Image>::extents[0];
  using Sizes = mmdl::MethodSizes<width, MMDL_ANNOTATE_TAGS, MMDL_ANNOTATE_LABELS>;

  StaticMethodProgram(const mmdl::MethodEntry& entry, int tag_count, int label_count, std::uint64_t seed)
      : entry_(entry),
        tag_count_(tag_count),
        label_count_(label_count),
        model_(seed),
        method_(entry.make(tag_count, label_count)) {}

  bool has_tags() const override { return entry_.reads_tags; }
  bool has_quantity() const override { return false; }
  bool chooses() const override { return true; }
  int label_room() const override { return Sizes::labels; }
  int tag_room() const override { return Sizes::tags; }
  mmdl::Normalisation normalisation() const override { return Parts::normalisation; }

  std::string load_pretrained(const std::string& path) override {
    return mmdl::load_pretrained(model_, path, "visual.").str();
  }
  void load_backbone(const std::string& path) override {
    const mmdl::WeightReport report = mmdl::transfer(model_, path, "visual.", "visual.");
    if (!report.missing.empty() || !report.mismatched.empty())
      mmdl::detail::fail(path + ": backbone", report.str(), "the weights of this one");
  }
  void load_weights(const std::string& path) override {
    load_backbone(path);
    method_->load(path);
  }
  /// One file with the backbone's tensors ("visual.…") and the method's, which come by a file of its own.
  void save_weights(const std::string& path, const std::map<std::string, std::string>& notes) const override {
    const std::string apart = path + ".method";
    struct Removed {
      const std::string& path;
      ~Removed() { std::remove(path.c_str()); }
    } const removed{apart};
    method_->save(apart, notes);
    const mmdl::SafetensorsFile file(apart);
    mmdl::SafetensorsWriter writer;
    mmdl::detail::add_weights(writer, model_.engine());
    for (const mmdl::TensorInfo& info : file.tensors()) {
      const auto bytes = file.bytes(info);
      writer.add_bytes(info.name, info.dtype, info.shape, bytes.data(), bytes.size());
    }
    for (const auto& [key, value] : file.metadata()) writer.metadata(key, value);
    writer.write(path);
  }

  std::vector<std::string> train(DataSet train, DataSet held_out, const mmdl::LoaderOptions& loading,
                                 bool mirrored, const mmdl::MethodSettings& settings,
                                 const std::function<void(int)>& progress) override {
    std::vector<std::string> skipped;
    int done = 0;
    const Rows training = rows_of(std::move(train), loading, mirrored ? 2 : 1, skipped, done, progress);
    const Rows watched = rows_of(std::move(held_out), loading, 1, skipped, done, progress);
    method_->train(training.rows, watched.rows, settings);
    return skipped;
  }

  Predictions predict(DataSet data, const mmdl::LoaderOptions& loading,
                      const std::function<void(int)>& progress) override {
    Predictions result;
    result.labels = label_count_;
    int done = 0;
    const Rows all = rows_of(std::move(data), loading, 1, result.skipped, done, progress);
    mmdl::Annotations found = method_->annotate(all.rows);
    result.samples = all.samples;
    result.logits = std::move(found.scores);
    if (result.logits.empty()) result.logits = ranks(found.labels);
    result.chosen = std::move(found.labels);
    return result;
  }

 private:
  struct Rows {
    mmdl::MethodRows rows;
    std::vector<int> samples;  ///< their places in the manifest
  };

  Rows rows_of(DataSet data, mmdl::LoaderOptions loading, int views, std::vector<std::string>& skipped,
               int& done, const std::function<void(int)>& progress) {
    loading.spare_room = true;
    const auto sorted = [](std::vector<int> numbers) {
      std::sort(numbers.begin(), numbers.end());
      numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
      return numbers;
    };
    Rows result;
    mmdl::MethodRows& rows = result.rows;
    rows.feature_count = width;
    rows.tag_count = tag_count_;
    rows.label_count = label_count_;
    rows.views = views;
    const auto numbers = std::make_shared<std::vector<float>>();
    rows.features = [numbers, views](long sample, int view) {
      return std::span<const float>(*numbers).subspan(
          static_cast<std::size_t>(sample * views + view) * static_cast<std::size_t>(width),
          static_cast<std::size_t>(width));
    };
    if (data.manifest.samples.empty()) return result;
    Loader loader(data.manifest, loading);
    typename Loader::Batch batch;
    for (loader.start_epoch(0); loader.next(batch);) {
      std::vector<mmdl::Tensor<mmdl::Shape<width>>> seen;
      for (int view = 0; view < views; ++view) {
        if (view == 1) mirror(batch.images.data(), batch.size());
        seen.push_back(model_.predict(batch.images));
        done += batch.size();
        if (progress) progress(done);
      }
      for (int i = 0; i < batch.size(); ++i) {
        for (const auto& features : seen)
          numbers->insert(numbers->end(), features[i].begin(), features[i].end());
        const int place = batch.samples[static_cast<std::size_t>(i)];
        const mmdl::Sample& sample = data.manifest.samples[static_cast<std::size_t>(place)];
        result.samples.push_back(place);
        rows.labels.push_back(sorted(sample.labels));
        std::vector<int> tags;
        for (const std::string& tag : sample.tags)
          if (const int column = data.tags.column(tag); column >= 0) tags.push_back(column);
        rows.tags.push_back(sorted(std::move(tags)));
      }
    }
    skipped.insert(skipped.end(), loader.skipped().begin(), loader.skipped().end());
    return result;
  }

  /// Left to right, in place.
  static void mirror(float* pictures, int samples) {
    for (long line = 0; line < static_cast<long>(samples) * Size; ++line)
      for (int x = 0; x < Size / 2; ++x) {
        float* left = pictures + (line * Size + x) * 3;
        std::swap_ranges(left, left + 3, pictures + (line * Size + Size - 1 - x) * 3);
      }
  }

  /// In place of scores, where a method gives labels alone: higher for the labels that it named earlier.
  std::vector<float> ranks(const std::vector<std::vector<int>>& labels) const {
    const auto count = static_cast<std::size_t>(label_count_);
    std::vector<float> scores(labels.size() * count, -static_cast<float>(count));
    for (std::size_t row = 0; row < labels.size(); ++row)
      for (std::size_t i = 0; i < labels[row].size(); ++i)
        scores[row * count + static_cast<std::size_t>(labels[row][i])] =
            static_cast<float>(labels[row].size() - i);
    return scores;
  }

  const mmdl::MethodEntry entry_;
  int tag_count_, label_count_;
  mmdl::Model<Net, Image> model_;
  std::unique_ptr<mmdl::Method> method_;
};

template <int Size, class Parts>
void add_methods(Registry& registry, const char* backbone) {
  using Program = StaticMethodProgram<Size, Parts>;
  registry.add_methods(backbone, Size, mmdl::all_methods<typename Program::Sizes>(),
                       [](const mmdl::MethodEntry& method, int tag_count, int label_count,
                          std::uint64_t seed) -> std::unique_ptr<MethodProgram> {
                         return std::make_unique<Program>(method, tag_count, label_count, seed);
                       });
}

}  // namespace annotate
