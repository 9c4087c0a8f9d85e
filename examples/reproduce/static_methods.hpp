// SPDX-License-Identifier: Apache-2.0
// The compared methods as static types. Included by the sources beside the studies only.
#pragma once

#include <mmdl/annotation/linear_methods.hpp>
#include <mmdl/annotation/sinn_method.hpp>
#include <mmdl/annotation/tag_neighbour_method.hpp>

#include "methods.hpp"

namespace reproduce {

template <int Features>
const std::vector<mmdl::MethodEntry>& compared_methods() {
  using Sizes = mmdl::MethodSizes<Features, MMDL_REPRODUCE_TAGS, MMDL_REPRODUCE_LABELS>;
  static const std::vector<mmdl::MethodEntry> all{
      mmdl::method_entry<mmdl::SinnMethod<Sizes>>(), mmdl::method_entry<mmdl::TagNeighbourMethod<Sizes>>(),
      mmdl::method_entry<mmdl::WarpMethod<Sizes>>(), mmdl::method_entry<mmdl::SoftmaxMethod<Sizes>>(),
      mmdl::method_entry<mmdl::LogisticMethod<Sizes>>()};
  return all;
}

}  // namespace reproduce
