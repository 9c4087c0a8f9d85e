// SPDX-License-Identifier: Apache-2.0
// The library with its GPU backend: `Model<Net, Input, Gpu>`. Needs the headers of CUDA 12 or 13 and cuDNN 9
// when compiling (CMake: mmdl::gpu) and their libraries when a model is built on a GPU, not before.
#pragma once

#include "backend/gpu/cuda_device.hpp"
#include "mmdl.hpp"
#include "training/gpu.hpp"
