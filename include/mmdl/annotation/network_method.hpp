// SPDX-License-Identifier: Apache-2.0
// What all methods share that are one network over rows: the training, the outputs, the file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "../annotation/method.hpp"
#include "../annotation/row_training.hpp"
#include "../io/safetensors.hpp"
#include "../optim/any_optimizer.hpp"
#include "../training/weights.hpp"

namespace mmdl {

/// A method that is a network `Net` over `Input` (a shape or a `List`), trained on targets of the outputs'
/// shapes unless `Target` (a shape or a `List`) says otherwise. A method of its own says how a sample's
/// inputs and targets are written (`put_inputs`, `put_targets`), trains by `fit`, and annotates by
/// `for_outputs`.
template <class Sizes, class Net, class Input, class Target = output_shape<Net, Input>>
class NetworkMethod : public Method {
 public:
  using ModelType = Model<Net, Input>;
  using Inputs = typename detail::RowTensors<detail::AsList<Input>>::type;
  using Targets = typename detail::RowTensors<detail::AsList<Target>>::type;

  void save(const std::string& path, const std::map<std::string, std::string>& notes) const override {
    SafetensorsWriter writer;
    detail::add_weights(writer, model().engine(), "network.");
    add_tensors(writer);
    for (const auto& [key, value] : notes) writer.metadata(key, value);
    writer.metadata("method", identity());
    writer.write(path);
  }

  void load(const std::string& path) override {
    const SafetensorsFile file(path);
    const auto note = file.metadata().find("method");
    const std::string found = note == file.metadata().end() ? "none" : note->second;
    if (found != identity())
      detail::fail(path + ": method", detail::printable(found, 200), "'" + identity() + "'");
    ModelType read(1);
    detail::take_weights(read.engine(), file, "network.", "", /*strict=*/true);
    take_tensors(file);
    model_.emplace(std::move(read));
  }

 protected:
  /// Throws `Error` for more tags or labels than there is room for, and without labels.
  NetworkMethod(const char* name, int tag_count, int label_count)
      : name_(name), tag_count_(tag_count), label_count_(label_count) {
    const auto check = [&](const char* what, int found, int least, int most) {
      if (found < least || found > most)
        detail::fail(std::string(name) + ": " + what, std::to_string(found),
                     std::to_string(least) + " to " + std::to_string(most));
    };
    check("tags", tag_count, 0, Sizes::tags);
    check("labels", label_count, 1, Sizes::labels);
  }

  virtual void put_inputs(const RowVisit& visit, int row, Inputs& inputs) const = 0;
  virtual void put_targets(const RowVisit& visit, int row, Targets& targets) const = 0;
  /// What a method's file holds beside the weights.
  virtual void add_tensors(SafetensorsWriter&) const {}
  virtual void take_tensors(const SafetensorsFile&) {}

  int tag_count() const { return tag_count_; }
  int label_count() const { return label_count_; }
  ModelType& model() {
    if (!model_)
      detail::fail(std::string(name_) + ": weights", "none", "a method that was trained or loaded");
    return *model_;
  }
  const ModelType& model() const { return const_cast<NetworkMethod*>(this)->model(); }

  /// Throws unless rows are of the method's sizes.
  void check(const MethodRows& rows) const {
    detail::check_method_rows<Sizes>(rows, name_, tag_count_, label_count_);
  }

  /// First weights. A method may change some of them before `fit`.
  void start(const MethodSettings& settings) { model_.emplace(settings.seed); }

  /// Trains as `Method::train` and `fit_rows` say.
  template <class Loss>
  void fit(const Loss& loss, const AnyOptimizer& optimizer, const MethodRows& train,
           const MethodRows& held_out, const MethodSettings& settings) {
    check(train);
    check(held_out);
    fit_rows<Inputs, Targets>(name_, model(), loss, optimizer, train, held_out, settings,
                              [this](const RowVisit& visit, int row, Inputs& inputs, Targets& targets) {
                                put_inputs(visit, row, inputs);
                                put_targets(visit, row, targets);
                              });
  }

  /// Calls `use(sample, outputs...)` with a span of each output of the network for each sample of `rows`, in
  /// order. `visits` of each sample, one after the other, for a method that draws and averages.
  template <class Use>
  void for_outputs(const MethodRows& rows, const Use& use, int visits = 1) {
    check(rows);
    constexpr long most = 64;
    const long all = rows.samples() * visits;
    Inputs inputs;
    for (long begin = 0; begin < all; begin += most) {
      const int size = static_cast<int>(std::min(most, all - begin));
      detail::resize_rows(size, inputs);
      for (int row = 0; row < size; ++row) {
        const long number = begin + row;
        put_inputs({&rows, number / visits, 0, static_cast<std::uint64_t>(number)}, row, inputs);
      }
      const auto outputs = std::apply([&](const auto&... each) { return model().predict(each...); }, inputs);
      for (int row = 0; row < size; ++row) {
        const long sample = (begin + row) / visits;
        if constexpr (requires { outputs[row]; })
          use(sample, outputs[row]);
        else
          std::apply([&](const auto&... each) { use(sample, each[row]...); }, outputs);
      }
    }
  }

 private:
  std::string identity() const {
    return std::string(name_) + ", " + std::to_string(Sizes::features) + " features, " +
           std::to_string(tag_count_) + " tags, " + std::to_string(label_count_) + " labels";
  }

  const char* name_;
  int tag_count_, label_count_;
  std::optional<ModelType> model_;
};

}  // namespace mmdl
