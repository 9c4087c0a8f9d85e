# SPDX-License-Identifier: Apache-2.0
# A number type that kernels are not written for: the configuration must end with its name.
include("${CMAKE_CURRENT_LIST_DIR}/../../cmake/kernels.cmake")
mmdl_add_kernels(kernels half)
message("mmdl_add_kernels took a wrong type")
