// SPDX-License-Identifier: Apache-2.0
// The compared methods of tables III and IV within a study.
#pragma once

#include <mmdl/annotation/method.hpp>
#include <string>
#include <vector>

#include "features.hpp"
#include "recipe.hpp"
#include "scoring.hpp"
#include "workspace.hpp"

namespace reproduce {

/// The methods over features of this width, with the program's room for tags and labels. Each is compiled in
/// a source of its own beside the study's.
template <int Features>
const std::vector<mmdl::MethodEntry>& compared_methods();

/// The usable samples of a split as a method sees them; `number` is the split's place among the features'.
mmdl::MethodRows method_rows(const Split& split, const Features& features, std::size_t number, int tag_count);

/// What a method is trained with.
struct MethodRun {
  Recipe recipe;  ///< epochs, batch, patience, and the learning rate unless 0; the rest is the method's own
  std::string data;  ///< changes whenever the rows do
  std::uint64_t seed = 1;
};

/// Trains a method, or takes it from its file in the run's folder where that is of the same recipe and data,
/// and annotates the test rows. Says how well it does on all three.
mmdl::Annotations run_method(Workspace& work, const mmdl::MethodEntry& entry, const MethodRun& run,
                             const mmdl::MethodRows& train, const mmdl::MethodRows& held_out,
                             const mmdl::MethodRows& test);

mmdl::AnnotationScores score_labels(const TestRows& rows, const std::vector<std::vector<int>>& labels);

}  // namespace reproduce
