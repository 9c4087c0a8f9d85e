// SPDX-License-Identifier: Apache-2.0
// Compiles kernels for an architecture, once: what was compiled lies on the disk.
#pragma once

#include <cstddef>
#include <string>

#include "cuda_libraries.hpp"
#include "gpu_cache.hpp"
#include "kernel_text.hpp"

namespace mmdl::detail {

/// Compiles a kernel to the machine code of an architecture ("sm_90"). Throws `Error` with the compiler's own
/// first message, or where it does not know the architecture.
inline std::string compile_kernel(const KernelText& text, const std::string& architecture) {
  const Nvrtc& nvrtc = Nvrtc::get();
  const std::string source = text.source();
  int major = 0, minor = 0;
  nvrtc.nvrtcVersion(&major, &minor);
  const GpuCache cache(gpu_cache_folder());
  const std::string key = "kernel " + architecture + " nvrtc " + std::to_string(major) + "." +
                          std::to_string(minor) + "\n" + text.name() + "\n" + source;
  std::string code;
  if (cache.find(key, code)) return code;

  nvrtcProgram program = nullptr;
  const std::string place = "kernel " + text.name() + " for " + architecture;
  const auto check = [&](nvrtcResult result, const char* what) {
    if (result != NVRTC_SUCCESS) fail(place + ": cannot " + what + ": " + nvrtc.nvrtcGetErrorString(result));
  };
  check(
      nvrtc.nvrtcCreateProgram(&program, source.c_str(), (text.name() + ".cu").c_str(), 0, nullptr, nullptr),
      "begin");
  const std::string option = "--gpu-architecture=" + architecture;
  const char* options[] = {option.c_str(), "--std=c++17", "--device-as-default-execution-space"};
  const nvrtcResult result = nvrtc.nvrtcCompileProgram(program, 3, options);
  if (result != NVRTC_SUCCESS) {
    std::size_t size = 0;
    std::string log;
    if (nvrtc.nvrtcGetProgramLogSize(program, &size) == NVRTC_SUCCESS && size > 1) {
      log.resize(size);
      nvrtc.nvrtcGetProgramLog(program, log.data());
      log = log.substr(0, log.find('\n'));
    }
    nvrtc.nvrtcDestroyProgram(&program);
    fail(place + ": does not compile: " + (log.empty() ? nvrtc.nvrtcGetErrorString(result) : log));
  }
  std::size_t size = 0;
  check(nvrtc.nvrtcGetCUBINSize(program, &size), "ask for the code");
  code.resize(size);
  check(nvrtc.nvrtcGetCUBIN(program, code.data()), "take the code");
  nvrtc.nvrtcDestroyProgram(&program);
  cache.keep(key, code);
  return code;
}

}  // namespace mmdl::detail
