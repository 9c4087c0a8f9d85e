// SPDX-License-Identifier: Apache-2.0
// The compared methods over the features of MobileNet v1 (width 0.75).
#include <mmdl/models/mobilenet.hpp>
#include <mmdl/models/multi_scale.hpp>

#include "../static_methods.hpp"

namespace reproduce {

template const std::vector<mmdl::MethodEntry>& compared_methods<mmdl::output_shape<
    mmdl::MultiScale<mmdl::MobileNet<75>, mmdl::NoFusion>, mmdl::Shape<224, 224, 3>>::extents[0]>();

}  // namespace reproduce
