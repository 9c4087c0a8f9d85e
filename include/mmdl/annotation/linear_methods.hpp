// SPDX-License-Identifier: Apache-2.0
// CNN+Logistic, CNN+Softmax and CNN+WARP: a linear layer over the features, three losses.
#pragma once

#include <algorithm>

#include "../annotation/network_method.hpp"
#include "../annotation/select_labels.hpp"
#include "../layers/linear.hpp"
#include "../losses/sigmoid_cross_entropy.hpp"
#include "../losses/spread_softmax_cross_entropy.hpp"
#include "../losses/warp.hpp"

namespace mmdl {

namespace detail {

/// The labels of the `count` highest scores of each sample; of all where there are fewer.
inline std::vector<std::vector<int>> top_labels_of_all(std::span<const float> scores, int label_count,
                                                       int count) {
  std::vector<std::vector<int>> all;
  for (; !scores.empty(); scores = scores.subspan(static_cast<std::size_t>(label_count)))
    all.push_back(
        top_k_labels(scores.first(static_cast<std::size_t>(label_count)), std::min(count, label_count)));
  return all;
}

struct LogisticNames {
  static constexpr const char *name = "logistic", *title = "CNN+Logistic";
};
struct SoftmaxNames {
  static constexpr const char *name = "softmax", *title = "CNN+Softmax";
};
struct WarpNames {
  static constexpr const char *name = "warp", *title = "CNN+WARP";
};

}  // namespace detail

/// One linear layer over the features of the image, trained with `Loss` by AdamW (learning rate 1e-3, weight
/// decay 0.05); the three surest labels. Reads no tags.
template <class Sizes, class Loss, class Names>
class LinearMethod final : public NetworkMethod<Sizes, Linear<Sizes::labels>, Shape<Sizes::features>> {
  using Base = NetworkMethod<Sizes, Linear<Sizes::labels>, Shape<Sizes::features>>;

 public:
  static constexpr const char *name = Names::name, *title = Names::title;
  static constexpr bool reads_tags = false, predicts_quantity = false;

  LinearMethod(int tag_count, int label_count) : Base(name, tag_count, label_count) {}

  void train(const MethodRows& train, const MethodRows& held_out, const MethodSettings& settings) override {
    this->start(settings);
    Loss loss{.active = this->label_count()};
    if constexpr (requires { loss.seed = settings.seed; }) loss.seed = settings.seed;
    this->fit(loss, AdamW{.learning_rate = 1e-3f, .weight_decay = 0.05f}, train, held_out, settings);
  }

  Annotations annotate(const MethodRows& rows) override {
    Annotations result;
    this->for_outputs(rows, [&](long, std::span<const float> logits) {
      result.scores.insert(result.scores.end(), logits.begin(), logits.begin() + this->label_count());
    });
    result.labels = detail::top_labels_of_all(result.scores, this->label_count(), 3);
    return result;
  }

 private:
  void put_inputs(const RowVisit& visit, int row, typename Base::Inputs& inputs) const override {
    put_features(visit.features(), std::get<0>(inputs)[row]);
  }
  void put_targets(const RowVisit& visit, int row, typename Base::Targets& targets) const override {
    put_ones(visit.labels(), std::get<0>(targets)[row]);
  }
};

/// CNN+Logistic: a logistic regression for each label (Hu et al., "Learning Structured Inference Neural
/// Networks with Label Relations", 2016, section 4).
template <class Sizes>
using LogisticMethod = LinearMethod<Sizes, SigmoidCrossEntropy, detail::LogisticNames>;

/// CNN+Softmax: softmax with the cross-entropy spread over the true labels (Gong et al., "Deep Convolutional
/// Ranking for Multilabel Image Annotation", 2013, section 3.1). The backbone is not trained with it.
template <class Sizes>
using SoftmaxMethod = LinearMethod<Sizes, SpreadSoftmaxCrossEntropy, detail::SoftmaxNames>;

/// CNN+WARP: the weighted approximate ranking loss (Gong et al. 2013, section 3.3). The backbone is not
/// trained with it.
template <class Sizes>
using WarpMethod = LinearMethod<Sizes, Warp, detail::WarpNames>;

}  // namespace mmdl
