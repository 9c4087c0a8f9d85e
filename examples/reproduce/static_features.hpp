// SPDX-License-Identifier: Apache-2.0
// Features that are computed once: what a trained network says of all images, or of all rows.
#pragma once

#include <array>
#include <mmdl/mmdl.hpp>
#include <span>
#include <string>
#include <tuple>

#include "row_inputs.hpp"

namespace reproduce {

namespace detail {

template <class Shape>
std::array<std::span<const float>, 1> spans_of(const mmdl::Tensor<Shape>& tensor) {
  return {std::span<const float>(tensor.data(), tensor.size())};
}
template <class... Shapes>
std::array<std::span<const float>, sizeof...(Shapes)> spans_of(
    const std::tuple<mmdl::Tensor<Shapes>...>& all) {
  return std::apply(
      [](const auto&... tensors) {
        return std::array{std::span<const float>(tensors.data(), tensors.size())...};
      },
      all);
}

/// How many numbers a model says of a sample.
template <class Model>
constexpr int output_width = []<class... Shapes>(mmdl::List<Shapes...>) {
  return static_cast<int>((Shapes::size + ...));
}(mmdl::detail::AsList<typename Model::output>{});

}  // namespace detail

/// Of all images; several outputs lie side by side.
template <class Loader, class Model>
Features image_features(StudyState& study, const std::string& name, Model& model) {
  Features features;
  features.width = detail::output_width<Model>;
  for (Split& split : study.splits)
    compute_image_rows<Loader>(study.open_cache(features, name, split, mmdl::network_fingerprint(model)),
                               split, study.plain_loading(), study.work, name,
                               [&model, output = typename Model::prediction()](const auto& images) mutable {
                                 output = model.predict(images);
                                 return detail::spans_of(output);
                               });
  study.work.finish(name);
  return features;
}

/// Of all rows, in as many views as the images have, `most_views` at most.
template <class Model, std::size_t Inputs>
Features row_features(StudyState& study, const std::string& name, const std::string& network, Model& model,
                      const RowInputs<Inputs>& inputs, int most_views) {
  Features features;
  features.width = detail::output_width<Model>;
  for (std::size_t i = 0; i < study.splits.size(); ++i) {
    Split split = study.splits[i];
    split.views = std::min(split.views, most_views);
    compute_rows(study.open_cache(features, name, split, network), split, model,
                 mmdl::detail::AsList<typename Model::input>{}, inputs.columns(i));
  }
  return features;
}

}  // namespace reproduce
