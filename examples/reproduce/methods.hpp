// SPDX-License-Identifier: Apache-2.0
// The compared methods of tables III and IV within a study.
#pragma once

#include <mmdl/annotation/method.hpp>
#include <span>
#include <string>
#include <vector>

#include "study_state.hpp"

namespace reproduce {

/// The methods over features of this width, with the program's room for tags and labels. Each is compiled in
/// a source of its own beside the study's.
template <int Features>
const std::vector<mmdl::MethodEntry>& compared_methods();

/// Throws where the options leave a method out that is none of these.
void check_methods(const StudyOptions& options, std::span<const mmdl::MethodEntry> methods);

/// Whether a method is asked for and the data has what it reads.
bool takes_part(const StudyState& study, const mmdl::MethodEntry& method);

/// Trains the methods that take part on the features of the backbone, or takes them from their files in the
/// run's folder where those are of the same recipe and data, and enters their rows. Says how well each does
/// on all three splits.
void compare_methods(StudyState& study, std::span<const mmdl::MethodEntry> methods, const Features& features,
                     const TestRows& test);

}  // namespace reproduce
