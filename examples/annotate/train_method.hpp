// SPDX-License-Identifier: Apache-2.0
// `annotate train --method`.
#pragma once

#include "data_set.hpp"
#include "options.hpp"

namespace annotate {

/// Trains a compared method on the features of a frozen backbone, writes the weight file and tests.
void train_method(const TrainCommand& command, Splits splits);

}  // namespace annotate
