// SPDX-License-Identifier: Apache-2.0
// CUDA's libraries, loaded while the program runs: it starts on a machine that has none of them.
#pragma once

#include <cuda.h>
#include <cudnn.h>
#include <dlfcn.h>
#include <nvrtc.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "../../core/error.hpp"

namespace mmdl::detail {

// Folders that CMake found the libraries in, separated by colons.
#ifndef MMDL_CUDA_LIBRARY_FOLDERS
#  define MMDL_CUDA_LIBRARY_FOLDERS ""
#endif

/// Where libraries are looked for, after the system's own places: `MMDL_CUDA_LIBRARIES` of the environment
/// (folders separated by colons), then those that CMake found.
inline std::vector<std::string> cuda_library_folders() {
  std::vector<std::string> folders{""};
  const char* given = std::getenv("MMDL_CUDA_LIBRARIES");
  for (const std::string& list :
       {std::string(given == nullptr ? "" : given), std::string(MMDL_CUDA_LIBRARY_FOLDERS)}) {
    std::size_t begin = 0;
    while (begin < list.size()) {
      const std::size_t end = std::min(list.find(':', begin), list.size());
      if (end > begin) folders.push_back(list.substr(begin, end - begin) + "/");
      begin = end + 1;
    }
  }
  return folders;
}

/// A library opened under the first of its names that can be.
class SharedLibrary {
 public:
  /// Throws `Error` with `what` and the loader's reason.
  SharedLibrary(const char* what, std::initializer_list<const char*> names) : what_(what) {
    std::string reason;
    for (const std::string& folder : cuda_library_folders())
      for (const char* name : names) {
        handle_ = ::dlopen((folder + name).c_str(), RTLD_NOW | RTLD_GLOBAL);
        if (handle_ != nullptr) return;
        // A file that is there and cannot be loaded says more than one that is not there.
        const char* message = ::dlerror();
        if (reason.empty() || std::string(message).find("No such file") == std::string::npos)
          reason = message;
      }
    fail(what_, "no library that loads (" + reason + ")",
         std::string(*names.begin()) + " or MMDL_CUDA_LIBRARIES");
  }

  template <class Function>
  void load(Function& function, const char* name) const {
    function = reinterpret_cast<Function>(::dlsym(handle_, name));
    if (function == nullptr) fail(what_, std::string("no function ") + name, "a newer version");
  }

 private:
  const char* what_;
  void* handle_ = nullptr;  // never closed: the libraries do not like it
};

// Some names are macros for those of a version (cuMemAlloc is cuMemAlloc_v2): members and symbols are both
// the expanded ones.
#define MMDL_TEXT_OF(name) #name
#define MMDL_MEMBER(name) decltype(&::name) name = nullptr;
#define MMDL_LOAD(name) library.load(name, MMDL_TEXT_OF(name));

#define MMDL_DRIVER_FUNCTIONS(F)                                                                         \
  F(cuInit)                                                                                              \
  F(cuDriverGetVersion)                                                                                  \
  F(cuDeviceGetCount)                                                                                    \
  F(cuDeviceGet)                                                                                         \
  F(cuDeviceGetName)                                                                                     \
  F(cuDeviceGetAttribute) F(cuDevicePrimaryCtxRetain) F(cuDevicePrimaryCtxRelease) F(cuCtxSetCurrent)    \
      F(cuGetErrorString) F(cuMemAlloc) F(cuMemFree) F(cuMemGetInfo) F(cuMemHostAlloc) F(cuMemFreeHost)  \
          F(cuMemcpyHtoDAsync) F(cuMemcpyDtoHAsync) F(cuMemcpyDtoDAsync) F(cuMemsetD8Async)              \
              F(cuStreamCreate) F(cuStreamDestroy) F(cuStreamSynchronize) F(cuStreamWaitEvent)           \
                  F(cuEventCreate) F(cuEventDestroy) F(cuEventRecord) F(cuEventSynchronize)              \
                      F(cuEventElapsedTime) F(cuModuleLoadData) F(cuModuleUnload) F(cuModuleGetFunction) \
                          F(cuLaunchKernel) F(cuStreamBeginCapture) F(cuStreamEndCapture)                \
                              F(cuGraphInstantiateWithFlags) F(cuGraphLaunch) F(cuGraphExecDestroy)      \
                                  F(cuGraphDestroy) F(cuGraphUpload)

struct CudaDriver {
  MMDL_DRIVER_FUNCTIONS(MMDL_MEMBER)

  static const CudaDriver& get() {
    static const CudaDriver driver;
    return driver;
  }
  /// Throws `Error` that says what could not be done and the driver's reason.
  void check(CUresult result, const char* what) const {
    if (result == CUDA_SUCCESS) return;
    const char* text = nullptr;
    cuGetErrorString(result, &text);
    fail(std::string("GPU: cannot ") + what + ": " + (text == nullptr ? "unknown error" : text));
  }

 private:
  CudaDriver() {
    const SharedLibrary library("GPU driver", {"libcuda.so.1"});
    MMDL_DRIVER_FUNCTIONS(MMDL_LOAD)
  }
};

#define MMDL_NVRTC_FUNCTIONS(F)                                                           \
  F(nvrtcVersion)                                                                         \
  F(nvrtcCreateProgram)                                                                   \
  F(nvrtcDestroyProgram)                                                                  \
  F(nvrtcCompileProgram)                                                                  \
  F(nvrtcGetCUBINSize)                                                                    \
  F(nvrtcGetCUBIN) F(nvrtcGetProgramLogSize) F(nvrtcGetProgramLog) F(nvrtcGetErrorString) \
      F(nvrtcGetNumSupportedArchs) F(nvrtcGetSupportedArchs)

struct Nvrtc {
  MMDL_NVRTC_FUNCTIONS(MMDL_MEMBER)

  static const Nvrtc& get() {
    static const Nvrtc nvrtc;
    return nvrtc;
  }

 private:
  Nvrtc() {
    const SharedLibrary library("CUDA's run-time compiler",
                                {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"});
    MMDL_NVRTC_FUNCTIONS(MMDL_LOAD)
  }
};

#define MMDL_CUDNN_FUNCTIONS(F)                                                               \
  F(cudnnGetVersion)                                                                          \
  F(cudnnCreate)                                                                              \
  F(cudnnDestroy)                                                                             \
  F(cudnnSetStream)                                                                           \
  F(cudnnGetErrorString)                                                                      \
  F(cudnnGetLastErrorString) F(cudnnBackendCreateDescriptor) F(cudnnBackendDestroyDescriptor) \
      F(cudnnBackendSetAttribute) F(cudnnBackendGetAttribute) F(cudnnBackendFinalize) F(cudnnBackendExecute)

struct Cudnn {
  MMDL_CUDNN_FUNCTIONS(MMDL_MEMBER)

  static const Cudnn& get() {
    static const Cudnn cudnn;
    return cudnn;
  }
  /// Throws `Error` that says what could not be done and cuDNN's reason.
  void check(cudnnStatus_t status, const std::string& what) const {
    if (status == CUDNN_STATUS_SUCCESS) return;
    char message[512] = "";
    cudnnGetLastErrorString(message, sizeof message);
    std::string line = std::string("cuDNN: cannot ") + what + ": " + cudnnGetErrorString(status);
    if (message[0] != '\0') line += std::string(" (") + message + ")";
    for (char& c : line)
      if (c == '\n') c = ' ';
    fail(line);
  }

 private:
  Cudnn() {
    const SharedLibrary library("cuDNN", {"libcudnn.so.9", "libcudnn.so"});
    MMDL_CUDNN_FUNCTIONS(MMDL_LOAD)
    if (cudnnGetVersion() < 90000) fail("cuDNN: version", std::to_string(cudnnGetVersion()), "9.0 or newer");
  }
};

#undef MMDL_DRIVER_FUNCTIONS
#undef MMDL_NVRTC_FUNCTIONS
#undef MMDL_CUDNN_FUNCTIONS
#undef MMDL_MEMBER
#undef MMDL_LOAD
#undef MMDL_TEXT_OF

}  // namespace mmdl::detail
