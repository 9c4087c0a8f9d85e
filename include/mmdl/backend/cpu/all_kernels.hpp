// SPDX-License-Identifier: Apache-2.0
// The CPU's kernels of all operators.
#pragma once

#include "activation.hpp"
#include "add.hpp"
#include "average_pool.hpp"
#include "batch_norm.hpp"
#include "broadcast_product.hpp"
#include "concat.hpp"
#include "convolution.hpp"
#include "custom.hpp"
#include "depthwise_convolution.hpp"
#include "dropout.hpp"
#include "embedding.hpp"
#include "global_average_pool.hpp"
#include "kernel.hpp"
#include "linear.hpp"
#include "lstm.hpp"
#include "max_pool.hpp"
#include "maximum.hpp"
#include "product.hpp"
#include "softmax.hpp"
#include "steps.hpp"
