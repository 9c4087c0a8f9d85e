// SPDX-License-Identifier: Apache-2.0
// TagNeighbour: an image beside images with similar tags.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "../annotation/linear_methods.hpp"
#include "../annotation/neighbours.hpp"
#include "../annotation/network_method.hpp"
#include "../annotation/rows_file.hpp"
#include "../layers/activation.hpp"
#include "../layers/dropout.hpp"
#include "../layers/join.hpp"
#include "../layers/linear.hpp"
#include "../layers/sequential.hpp"
#include "../layers/shared.hpp"
#include "../losses/sigmoid_cross_entropy.hpp"

namespace mmdl {

namespace detail {

struct NeighbourImagePart {
  static constexpr const char* name = "image";
};
struct NeighbourPart {
  static constexpr const char* name = "neighbours";
};

/// `List<Shape<F>, Shape<F>, Shape<F>, Shape<F>>`, an image and three neighbours, to `Shape<Labels>`.
template <class Sizes>
using TagNeighbourNet = Sequential<
    Heads<Named<NeighbourImagePart, Sequential<Pick<0>, Linear<500, HeNormal>, Relu>>,
          Named<NeighbourPart,
                Sequential<Pick<1, 2, 3>, ForEach<Sequential<Linear<500, HeNormal>, Relu>>, Maximum>>>,
    Join, Dropout<50>, Linear<Sizes::labels>>;

template <class Sizes, class Row = Shape<Sizes::features>>
using TagNeighbourBase = NetworkMethod<Sizes, TagNeighbourNet<Sizes>, List<Row, Row, Row, Row>>;

}  // namespace detail

/// TagNeighbour (Johnson, Ballan and Fei-Fei, "Love Thy Neighbors: Image Annotation by Exploiting Image
/// Metadata", 2015). An image's candidates are the M = 6 training images nearest by the Jaccard distance of
/// the tags, itself left out; m = 3 of them are drawn at each visit of a training image. ReLU(W_1 x) and the
/// element-wise maximum of ReLU(W_2 z_i) over the drawn, 500 numbers each, are joined; after dropout 0.5 a
/// linear layer gives the logits. Sigmoid cross-entropy, RMSProp with a learning rate of 1e-4. Annotating
/// averages the logits of 10 draws and gives the three surest labels. With fewer than m candidates the
/// nearest stands in for those that lack (the maximum does not change by it); without candidates, as where an
/// image has no tags, z is zero. The file holds the features and tags of the training images too.
template <class Sizes>
class TagNeighbourMethod final : public detail::TagNeighbourBase<Sizes> {
  using Base = detail::TagNeighbourBase<Sizes>;
  static constexpr int candidates = 6, drawn = 3, draws = 10;

 public:
  static constexpr const char *name = "tag-neighbour", *title = "TagNeighbour";
  static constexpr bool reads_tags = true, predicts_quantity = false;

  TagNeighbourMethod(int tag_count, int label_count) : Base(name, tag_count, label_count) {}

  void train(const MethodRows& train, const MethodRows& held_out, const MethodSettings& settings) override {
    this->check(train);
    this->check(held_out);
    pool_ = train;
    const JaccardNeighbours search(pool_.tags, this->tag_count());
    found_[&train] = search.nearest(train.tags, candidates, /*themselves=*/true);
    found_[&held_out] = search.nearest(held_out.tags, candidates);
    this->start(settings);
    this->fit(SigmoidCrossEntropy{.active = this->label_count()}, RmsProp{.learning_rate = 1e-4f}, train,
              held_out, settings);
    found_.clear();
  }

  Annotations annotate(const MethodRows& rows) override {
    this->check(rows);
    found_[&rows] = JaccardNeighbours(pool_.tags, this->tag_count()).nearest(rows.tags, candidates);
    const auto count = static_cast<std::size_t>(this->label_count());
    Annotations result;
    result.scores.resize(rows.labels.size() * count);
    this->for_outputs(
        rows,
        [&](long sample, std::span<const float> logits) {
          float* scores = result.scores.data() + static_cast<std::size_t>(sample) * count;
          for (std::size_t label = 0; label < count; ++label) scores[label] += logits[label] / draws;
        },
        draws);
    result.labels = detail::top_labels_of_all(result.scores, this->label_count(), 3);
    found_.clear();
    return result;
  }

 private:
  void put_inputs(const RowVisit& visit, int row, typename Base::Inputs& inputs) const override {
    std::vector<Neighbour> near = found_.at(visit.rows)[static_cast<std::size_t>(visit.sample)];
    const int count = static_cast<int>(near.size());
    Random random(0x746167U, visit.visit);
    if (count > drawn)  // the first ones of a shuffle
      for (int i = 0; i < drawn; ++i)
        std::swap(near[static_cast<std::size_t>(i)],
                  near[static_cast<std::size_t>(i + random.below(count - i))]);
    const auto put = [&](int i, std::span<float> out) {
      if (count == 0) return std::fill(out.begin(), out.end(), 0.0f);
      put_features(pool_.features(near[static_cast<std::size_t>(i < count ? i : 0)].sample, 0), out);
    };
    put_features(visit.features(), std::get<0>(inputs)[row]);
    put(0, std::get<1>(inputs)[row]);
    put(1, std::get<2>(inputs)[row]);
    put(2, std::get<3>(inputs)[row]);
  }
  void put_targets(const RowVisit& visit, int row, typename Base::Targets& targets) const override {
    put_ones(visit.labels(), std::get<0>(targets)[row]);
  }

  void add_tensors(SafetensorsWriter& writer) const override { kept_.add(writer, "pool.", pool_); }
  void take_tensors(const SafetensorsFile& file) override {
    pool_ = read_rows(file, "pool.", Sizes::features, this->tag_count(), this->label_count());
  }

  MethodRows pool_;  ///< the training images, among which neighbours are sought
  std::map<const MethodRows*, std::vector<std::vector<Neighbour>>> found_;
  mutable RowsToWrite kept_;
};

}  // namespace mmdl
