// SPDX-License-Identifier: Apache-2.0
// What all methods share that are one network over rows: the batches, the training, the file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "../annotation/method.hpp"
#include "../core/random.hpp"
#include "../io/safetensors.hpp"
#include "../optim/any_optimizer.hpp"
#include "../optim/schedules.hpp"
#include "../training/early_stopping.hpp"
#include "../training/trainer.hpp"
#include "../training/weights.hpp"

namespace mmdl {

/// A sample whose numbers are to be written into a batch.
struct RowVisit {
  const MethodRows* rows;
  long sample;
  int view;
  /// Another at each visit of a training sample, and the sample's number where nothing is trained: what a
  /// method draws anew at each visit is a function of it.
  std::uint64_t visit;

  std::span<const float> features() const { return rows->features(sample, view); }
  const std::vector<int>& tags() const { return rows->tags[static_cast<std::size_t>(sample)]; }
  const std::vector<int>& labels() const { return rows->labels[static_cast<std::size_t>(sample)]; }
};

namespace detail {

template <class Shapes>
struct RowTensors;
template <class... Shapes>
struct RowTensors<List<Shapes...>> {
  using type = std::tuple<Tensor<Shapes>...>;
};

inline void resize_rows(int samples, auto& tensors) {
  std::apply([&](auto&... each) { ((each.samples() == samples ? void() : each.resize(samples)), ...); },
             tensors);
}

}  // namespace detail

/// Writes features into a batch's row.
inline void put_features(std::span<const float> features, std::span<float> out) {
  std::copy(features.begin(), features.end(), out.begin());
}
/// Writes 1 at each number of a list, 0 elsewhere.
inline void put_ones(const std::vector<int>& numbers, std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0f);
  for (const int number : numbers) out[static_cast<std::size_t>(number)] = 1.0f;
}

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

  /// Trains as `Method::train` says: each sample once an epoch in one of its views, the gradient's norm at
  /// most 5, the learning rate falling to zero along a half cosine over all epochs.
  template <class Loss>
  void fit(const Loss& loss, AnyOptimizer optimizer, const MethodRows& train, const MethodRows& held_out,
           const MethodSettings& settings) {
    check(train);
    check(held_out);
    const auto positive = [&](const char* what, long found) {
      if (found < 1) detail::fail(std::string(name_) + ": " + what, std::to_string(found), "1 or more");
    };
    positive("training samples", train.samples());
    positive("epochs", settings.epochs);
    positive("batch", settings.batch);
    if (settings.learning_rate > 0.0f) optimizer.learning_rate = settings.learning_rate;
    Trainer trainer{model(), loss, optimizer};
    const long whole = std::max(1L, train.samples() / settings.batch);
    trainer.with_clipping(5.0f).with_schedule(Cosine{.steps = whole * settings.epochs});
    EarlyStopping stopping(model(), held_out.samples() > 0 ? settings.patience : 0);
    for (int epoch = 0; epoch < settings.epochs && !stopping.stop(); ++epoch) {
      const double mean = train_epoch(trainer, train, settings, epoch);
      const double outside = held_out.samples() > 0 ? loss_of(trainer, held_out, settings.batch)
                                                    : std::numeric_limits<double>::quiet_NaN();
      stopping.update(outside);
      if (settings.report) settings.report(epoch + 1, mean, outside);
    }
    stopping.restore();
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

  template <class TrainerType>
  double train_epoch(TrainerType& trainer, const MethodRows& rows, const MethodSettings& settings,
                     int epoch) {
    std::vector<long> order(static_cast<std::size_t>(rows.samples()));
    std::iota(order.begin(), order.end(), 0L);
    Random random(settings.seed ^ 0x726F7773U, static_cast<std::uint64_t>(epoch));
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
    const int shift = random.below(rows.views);
    double sum = 0;
    long done = 0;
    for (long begin = 0; begin < rows.samples(); begin += settings.batch) {
      const int size = static_cast<int>(std::min<long>(settings.batch, rows.samples() - begin));
      if (size < settings.batch && begin > 0) break;  // as the stages of the paper's model do
      const auto visit = [&](int row) {
        const long sample = order[static_cast<std::size_t>(begin + row)];
        return RowVisit{&rows, sample, static_cast<int>((sample + shift) % rows.views),
                        static_cast<std::uint64_t>(rows.samples() * (epoch + 1L) + sample)};
      };
      sum += size * on_batch(size, visit, [&](const auto&... each) { return trainer.step(each...); });
      done += size;
    }
    return sum / static_cast<double>(done);
  }

  template <class TrainerType>
  double loss_of(TrainerType& trainer, const MethodRows& rows, int batch) {
    double sum = 0;
    for (long begin = 0; begin < rows.samples(); begin += batch) {
      const int size = static_cast<int>(std::min<long>(batch, rows.samples() - begin));
      const auto visit = [&](int row) {
        return RowVisit{&rows, begin + row, 0, static_cast<std::uint64_t>(begin + row)};
      };
      sum += size * on_batch(size, visit, [&](const auto&... each) { return trainer.evaluate(each...); });
    }
    return sum / static_cast<double>(rows.samples());
  }

  template <class Visit, class Use>
  double on_batch(int size, const Visit& visit, const Use& use) {
    detail::resize_rows(size, inputs_);
    detail::resize_rows(size, targets_);
    for (int row = 0; row < size; ++row) {
      put_inputs(visit(row), row, inputs_);
      put_targets(visit(row), row, targets_);
    }
    return static_cast<double>(std::apply(use, std::tuple_cat(references(inputs_), references(targets_))));
  }
  static auto references(const auto& tensors) {
    return std::apply([](const auto&... each) { return std::tie(each...); }, tensors);
  }

  const char* name_;
  int tag_count_, label_count_;
  std::optional<ModelType> model_;
  Inputs inputs_;
  Targets targets_;
};

}  // namespace mmdl
