// SPDX-License-Identifier: Apache-2.0
// Training of a network over rows: its batches, its epochs, the end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../annotation/method.hpp"
#include "../core/random.hpp"
#include "../optim/any_optimizer.hpp"
#include "../optim/schedules.hpp"
#include "../training/early_stopping.hpp"
#include "../training/trainer.hpp"

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

namespace detail {

/// Runs `use(inputs..., targets...)` on a batch, whose row r `write(r, inputs, targets)` writes.
template <class Inputs, class Targets>
class RowBatch {
 public:
  double run(int size, const auto& write, const auto& use) {
    resize_rows(size, inputs_);
    resize_rows(size, targets_);
    for (int row = 0; row < size; ++row) write(row, inputs_, targets_);
    return static_cast<double>(std::apply(use, std::tuple_cat(references(inputs_), references(targets_))));
  }

 private:
  static auto references(const auto& tensors) {
    return std::apply([](const auto&... each) { return std::tie(each...); }, tensors);
  }
  Inputs inputs_;
  Targets targets_;
};

/// One epoch over all samples in an order drawn from seed and epoch; gives the mean loss.
double train_rows(auto& trainer, auto& batch, const MethodRows& rows, const MethodSettings& settings,
                  int epoch, const auto& put) {
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
    // Most labels first: the steps of an `Lstm` then count for the first rows only.
    std::stable_sort(order.begin() + begin, order.begin() + begin + size, [&](long a, long b) {
      return rows.labels[static_cast<std::size_t>(a)].size() >
             rows.labels[static_cast<std::size_t>(b)].size();
    });
    const auto write = [&](int row, auto& inputs, auto& targets) {
      const long sample = order[static_cast<std::size_t>(begin + row)];
      put(RowVisit{&rows, sample, static_cast<int>((sample + shift) % rows.views),
                   static_cast<std::uint64_t>(rows.samples() * (epoch + 1L) + sample)},
          row, inputs, targets);
    };
    sum += size * batch.run(size, write, [&](const auto&... each) { return trainer.step(each...); });
    done += size;
  }
  return sum / static_cast<double>(done);
}

/// The mean loss of all samples; NaN where there are none.
double loss_of_rows(auto& trainer, auto& batch, const MethodRows& rows, int most, const auto& put) {
  double sum = 0;
  for (long begin = 0; begin < rows.samples(); begin += most) {
    const int size = static_cast<int>(std::min<long>(most, rows.samples() - begin));
    const auto write = [&](int row, auto& inputs, auto& targets) {
      put(RowVisit{&rows, begin + row, 0, static_cast<std::uint64_t>(begin + row)}, row, inputs, targets);
    };
    sum += size * batch.run(size, write, [&](const auto&... each) { return trainer.evaluate(each...); });
  }
  return rows.samples() == 0 ? std::numeric_limits<double>::quiet_NaN()
                             : sum / static_cast<double>(rows.samples());
}

}  // namespace detail

/// Trains a model whose inputs and targets are tuples of tensors that `put(visit, row, inputs, targets)`
/// writes: each sample once an epoch in one of its views, a last batch that is short left out, the gradient's
/// norm at most 5, the learning rate falling to zero along a half cosine over all epochs. The model keeps the
/// weights of the epoch with the lowest loss on `held_out`, the last where that has no samples. Throws
/// `Error`, naming `name`, without samples, and for settings below 1.
template <class Inputs, class Targets, class ModelType, class Loss>
void fit_rows(const char* name, ModelType& model, const Loss& loss, AnyOptimizer optimizer,
              const MethodRows& train, const MethodRows& held_out, const MethodSettings& settings,
              const auto& put) {
  const auto positive = [&](const char* what, long found) {
    if (found < 1) detail::fail(std::string(name) + ": " + what, std::to_string(found), "1 or more");
  };
  positive("training samples", train.samples());
  positive("epochs", settings.epochs);
  positive("batch", settings.batch);
  if (settings.learning_rate > 0.0f) optimizer.learning_rate = settings.learning_rate;
  Trainer trainer{model, loss, optimizer};
  const long whole = std::max(1L, train.samples() / settings.batch);
  trainer.with_clipping(5.0f).with_schedule(Cosine{.steps = whole * settings.epochs});
  EarlyStopping stopping(model, held_out.samples() > 0 ? settings.patience : 0);
  detail::RowBatch<Inputs, Targets> batch;
  for (int epoch = 0; epoch < settings.epochs && !stopping.stop(); ++epoch) {
    const double mean = detail::train_rows(trainer, batch, train, settings, epoch, put);
    const double outside = detail::loss_of_rows(trainer, batch, held_out, settings.batch, put);
    stopping.update(outside);
    if (settings.report) settings.report(epoch + 1, mean, outside);
  }
  stopping.restore();
}

}  // namespace mmdl
