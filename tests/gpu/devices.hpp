// SPDX-License-Identifier: Apache-2.0
// The devices that a test runs on: two that the host plays, or, with MMDL_TEST_ON_GPU in the environment, the
// machine's GPU.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#ifdef MMDL_TEST_WITH_CUDA
#  include <cstdio>
#  include <mmdl/gpu.hpp>
#else
#  include <mmdl/mmdl.hpp>
#  include <mmdl/training/gpu.hpp>
#endif

#include <memory>

#include "emulated_device.hpp"

namespace mmdl_test {

/// Whether tests run on the machine's GPU: a choice when they run, for the networks are compiled but once.
inline bool on_gpu() {
#ifdef MMDL_TEST_WITH_CUDA
  return std::getenv("MMDL_TEST_ON_GPU") != nullptr;
#else
  return false;
#endif
}

/// The machine's GPU. Where there is none, says so and why: the test counts as skipped.
inline std::shared_ptr<Device> machine_gpu() {
#ifdef MMDL_TEST_WITH_CUDA
  try {
    return open_cuda_device(0);
  } catch (const mmdl::Error& error) {
    static bool said = false;
    if (!said) std::printf("skipped: no GPU: %s\n", error.what());
    said = true;
  }
#endif
  return nullptr;
}

/// Calls `body` with each device in hand.
template <class Body>
void on_devices(const Body& body) {
  if (on_gpu()) {
    const std::shared_ptr<Device> device = machine_gpu();
    if (!device) return;
    const OnDevice on(device);
    body();
    return;
  }
  // With convolutions that compute what comes behind them, and with kernels of their own for it.
  for (const bool joins : {true, false}) {
    CAPTURE(joins);
    const OnDevice on(std::make_shared<EmulatedDevice>(joins));
    body();
  }
}

}  // namespace mmdl_test
