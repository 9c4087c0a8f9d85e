// SPDX-License-Identifier: Apache-2.0
// The compared methods over the features of ResNet-101.
#include <mmdl/models/multi_scale.hpp>
#include <mmdl/models/resnet.hpp>

#include "../static_methods.hpp"

namespace reproduce {

template const std::vector<mmdl::MethodEntry>& compared_methods<mmdl::output_shape<
    mmdl::MultiScale<mmdl::ResNet101, mmdl::NoFusion>, mmdl::Shape<224, 224, 3>>::extents[0]>();

}  // namespace reproduce
