// SPDX-License-Identifier: Apache-2.0
// A stage of a study, over images or over rows.
#pragma once

#include <algorithm>
#include <array>
#include <mmdl/mmdl.hpp>
#include <string>

#include "row_inputs.hpp"
#include "stage.hpp"

namespace reproduce {

/// A stage over images without tags.
template <class Loader, class Model, class Loss>
void image_stage(StudyState& study, const std::string& name, const Recipe& recipe, Model& model,
                 const Loss& loss, const mmdl::Manifest& train, const mmdl::Manifest& held_out) {
  Loader training(train, study.loading(recipe, true)), validation(held_out, study.loading(recipe, false));
  ImageSource<Loader, false> source(training), held(validation);
  run_stage(study.work,
            Stage{name, recipe, fingerprint(train) + fingerprint(held_out), model, loss, source, held});
}

/// A stage whose inputs are rows; `target(split)` gives the column of what the model is to say of them.
template <class Model, class Loss, std::size_t Inputs>
void row_stage(StudyState& study, const std::string& name, const Recipe& recipe, Model& model,
               const Loss& loss, const RowInputs<Inputs>& inputs, Column (*target)(const Split&)) {
  const auto source = [&]<class... Shapes>(std::size_t number, bool training, mmdl::List<Shapes...>) {
    const Split& split = study.splits[number];
    auto read = inputs.columns(number);
    std::array<Column, Inputs + 1> columns;
    std::move(read.begin(), read.end(), columns.begin());
    columns.back() = target(split);
    return RowSource<Shapes..., typename Model::output>(split.usable, split.views, recipe.batch, training,
                                                        study.options.seed, std::move(columns));
  };
  const mmdl::detail::AsList<typename Model::input> shapes;
  auto train = source(0, true, shapes), held_out = source(1, false, shapes);
  run_stage(study.work, Stage{name, recipe, study.print + inputs.identity, model, loss, train, held_out});
}

}  // namespace reproduce
