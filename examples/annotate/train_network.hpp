// SPDX-License-Identifier: Apache-2.0
// `annotate train` without a method.
#pragma once

#include "data_set.hpp"
#include "options.hpp"

namespace annotate {

/// Trains a network step by step, writes the weight file and tests.
void train_network(const TrainCommand& command, Splits splits);

}  // namespace annotate
