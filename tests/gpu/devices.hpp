// SPDX-License-Identifier: Apache-2.0
// The devices that a test runs on: two that the host plays, or, with MMDL_TEST_ON_GPU, the machine's GPU.
#pragma once

#include <doctest/doctest.h>

#include <cstdio>
#include <memory>

#ifdef MMDL_TEST_ON_GPU
#  include <mmdl/gpu.hpp>

#  include "recording_device.hpp"
#else
#  include <mmdl/mmdl.hpp>
#  include <mmdl/training/gpu.hpp>

#  include "emulated_device.hpp"
#endif

namespace mmdl_test {

/// Calls `body` with each device in hand. Where there is no GPU, says so and why: the test counts as skipped.
template <class Body>
void on_devices(const Body& body) {
#ifdef MMDL_TEST_ON_GPU
  std::shared_ptr<Device> device;
  try {
    device = open_cuda_device(0);
  } catch (const mmdl::Error& error) {
    static bool said = false;
    if (!said) std::printf("skipped: no GPU: %s\n", error.what());
    said = true;
    return;
  }
  const OnDevice on(device);
  body();
#else
  // With convolutions that compute what comes behind them, and with kernels of their own for it.
  for (const bool joins : {true, false}) {
    CAPTURE(joins);
    const OnDevice on(std::make_shared<EmulatedDevice>(joins));
    body();
  }
#endif
}

}  // namespace mmdl_test
