// SPDX-License-Identifier: Apache-2.0
// What batch norm refuses, on every backend.
#pragma once

#include <string>

#include "../core/error.hpp"
#include "../graph/node.hpp"

namespace mmdl::detail {

/// Throws `Error` in training on one row, whose variance is not defined, and for a fused activation that no
/// kernel computes.
inline void check_batch_norm(const Node& node, long rows, bool training) {
  if (training && rows < 2)
    fail(std::string("batch norm (") + node.name + "): training on one sample of one pixel",
         "1 value a channel", "2 or more");
  if (node.activation == Activation::sigmoid || node.activation == Activation::tanh)
    fail(std::string("batch norm (") + node.name + "): fused activation", "sigmoid or tanh",
         "none, relu or relu6");
}

}  // namespace mmdl::detail
