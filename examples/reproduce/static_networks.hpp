// SPDX-License-Identifier: Apache-2.0
// The networks of a study over one backbone, as types.
#pragma once

#include <array>
#include <mmdl/data/loader.hpp>
#include <mmdl/mmdl.hpp>

namespace reproduce {

/// The networks lie on `Device`, a backend; the compared methods, small over features, on the CPU.
/// `Config`: `name`, `backbone`, `size` (pixels a side), `word_dimension`, and `keep_scales`: whether the
/// scales of all images are computed once and kept (small images), or the frozen backbone runs in each step
/// of the fusion's training (large ones).
template <class Config, class Device>
struct StaticNetworks {
  using Backbone = typename Config::backbone;
  template <class Net, class Input>
  using Model = mmdl::Model<Net, Input, Device>;
  static constexpr int label_room = MMDL_REPRODUCE_LABELS, tag_room = MMDL_REPRODUCE_TAGS;
  static constexpr int image_size = Config::size, word_dimension = Config::word_dimension;
  static constexpr bool keep_scales = Config::keep_scales;

  using Image = mmdl::Shape<image_size, image_size, 3>;
  using Tags = mmdl::Shape<tag_room>;
  using Loader = mmdl::Loader<Image, 0, label_room>;
  using TaggedLoader = mmdl::Loader<Image, tag_room, label_room>;

  // Scales, and what is made of them.
  using FiveScales = mmdl::Scales<1, 2, 3, 4, 5>;
  using ScaleShapes = typename Backbone::template output<Image>;
  /// The numbers of each scale.
  static constexpr std::array<long, 5> scale_sizes = []<class... Shapes>(mmdl::List<Shapes...>) {
    return std::array<long, 5>{static_cast<long>(Shapes::size)...};
  }(ScaleShapes{});
  /// Chosen scales: their shapes, and where each begins in a row of all scales.
  template <class Which>
  struct Chosen;
  template <int... Numbers>
  struct Chosen<mmdl::Scales<Numbers...>> {
    using shapes = mmdl::List<mmdl::detail::At<Numbers - 1, ScaleShapes>...>;
    static constexpr std::array<long, sizeof...(Numbers)> begins = [] {
      const auto begin_of = [](int number) {
        long begin = 0;
        for (int before = 0; before < number - 1; ++before)
          begin += scale_sizes[static_cast<std::size_t>(before)];
        return begin;
      };
      return std::array{begin_of(Numbers)...};
    }();
  };
  template <class Fusion, class Which = mmdl::AllScales>
  using Visual = mmdl::MultiScale<Backbone, Fusion, Which>;
  template <class Fusion, class Which = mmdl::AllScales>
  static constexpr int width_of = mmdl::output_shape<Visual<Fusion, Which>, Image>::extents[0];
  static constexpr int visual_width = width_of<mmdl::ConvFusion>;

  // As wide as the visual features (section III-B); and in its place in table VII.
  using Text = mmdl::Mlp<visual_width, visual_width>;
  using Words = mmdl::SummedWordVectors<word_dimension>;

  // The models of the stages.
  using BackboneModel = Model<mmdl::stages::FineTuneBackbone<Backbone, label_room>, Image>;
  template <class Extractor>
  using ImageFeatures = Model<mmdl::stages::VisualFeatures<Extractor>, Image>;
  template <class TextNet>
  using TextModel = Model<mmdl::stages::TrainText<TextNet, label_room>, Tags>;
  template <class TextNet>
  using TextFeatures = Model<mmdl::stages::TextFeatures<TextNet>, Tags>;
  template <int Width>
  using LabelHead = Model<mmdl::stages::TrainLabels<label_room>, mmdl::Shape<Width>>;
  template <int Width>
  using QuantityHead = Model<mmdl::stages::TrainQuantity<>, mmdl::Shape<Width>>;
  static constexpr int most_quantity = 16;
  template <int Width>
  using QuantityClasses =
      Model<mmdl::stages::TrainQuantity<mmdl::QuantityClassifier<most_quantity>>, mmdl::Shape<Width>>;
  using WholeModel =
      Model<mmdl::stages::TrainEndToEnd<Backbone, mmdl::ConvFusion, mmdl::AllScales, Text, label_room>,
            mmdl::List<Image, Tags>>;
};

}  // namespace reproduce
