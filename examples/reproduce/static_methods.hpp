// SPDX-License-Identifier: Apache-2.0
// The compared methods as static types. Included by the sources beside the studies only.
#pragma once

#include <mmdl/annotation/all_methods.hpp>

#include "methods.hpp"

namespace reproduce {

template <int Features>
const std::vector<mmdl::MethodEntry>& compared_methods() {
  using Sizes = mmdl::MethodSizes<Features, MMDL_REPRODUCE_TAGS, MMDL_REPRODUCE_LABELS>;
  static const std::vector<mmdl::MethodEntry> all = mmdl::all_methods<Sizes>();
  return all;
}

}  // namespace reproduce
