// SPDX-License-Identifier: Apache-2.0
// The eight compared methods in one list.
#pragma once

#include <vector>

#include "../annotation/cnn_rnn_method.hpp"
#include "../annotation/linear_methods.hpp"
#include "../annotation/method.hpp"
#include "../annotation/ria_method.hpp"
#include "../annotation/sinn_method.hpp"
#include "../annotation/sr_cnn_rnn_method.hpp"
#include "../annotation/tag_neighbour_method.hpp"

namespace mmdl {

/// The methods that Niu et al. compare with in tables III and IV, in the order of table III, and RIA with
/// frequent labels first. Where it is instantiated, all of them are compiled: about half a minute, so a
/// program does it in a source of its own.
template <class Sizes>
std::vector<MethodEntry> all_methods() {
  return {method_entry<SrCnnRnnMethod<Sizes>>(),
          method_entry<SinnMethod<Sizes>>(),
          method_entry<TagNeighbourMethod<Sizes>>(),
          method_entry<RiaMethod<Sizes>>(),
          method_entry<RiaFrequentFirstMethod<Sizes>>(),
          method_entry<CnnRnnMethod<Sizes>>(),
          method_entry<WarpMethod<Sizes>>(),
          method_entry<SoftmaxMethod<Sizes>>(),
          method_entry<LogisticMethod<Sizes>>()};
}

}  // namespace mmdl
