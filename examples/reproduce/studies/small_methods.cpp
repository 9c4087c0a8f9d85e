// SPDX-License-Identifier: Apache-2.0
// The compared methods over the features of the small backbone.
#include <mmdl/models/multi_scale.hpp>

#include "../../annotate/backbones.hpp"
#include "../static_methods.hpp"

namespace reproduce {

template const std::vector<mmdl::MethodEntry>& compared_methods<
    mmdl::output_shape<mmdl::MultiScale<annotate::backbones::small<64>::backbone, mmdl::NoFusion>,
                       mmdl::Shape<64, 64, 3>>::extents[0]>();

}  // namespace reproduce
