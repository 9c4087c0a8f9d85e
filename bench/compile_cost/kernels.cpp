// SPDX-License-Identifier: Apache-2.0
// All kernels of float, for programs that do not compile them.
#include <mmdl/kernels.hpp>

MMDL_DEFINE_KERNELS(float);
