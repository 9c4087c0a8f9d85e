// SPDX-License-Identifier: Apache-2.0
// A GPU through CUDA's driver, cuDNN and the run-time compiler.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_convolution.hpp"
#include "cuda_libraries.hpp"
#include "kernel_compiler.hpp"
#include "open_device.hpp"

namespace mmdl::detail {

class CudaGraph : public CapturedCommands {
 public:
  explicit CudaGraph(CUgraphExec graph) : graph_(graph) {}
  ~CudaGraph() override { CudaDriver::get().cuGraphExecDestroy(graph_); }
  CUgraphExec get() const { return graph_; }

 private:
  CUgraphExec graph_;
};

/// One GPU of the machine. `MMDL_TUNE=N` of the environment times the N best plans of each convolution
/// instead of taking the heuristics' first; what was found is remembered on the disk.
class CudaDevice : public Device {
 public:
  /// Throws `Error`, in one line, where there is no such GPU, no driver, or one that is too old.
  explicit CudaDevice(int ordinal) : driver_(CudaDriver::get()) {
    check(driver_.cuInit(0), "start the driver");
    int version = 0, count = 0;
    check(driver_.cuDriverGetVersion(&version), "ask the driver's version");
    if (version / 1000 < CUDA_VERSION / 1000)
      fail("GPU driver", "one for CUDA " + std::to_string(version / 1000),
           "CUDA " + std::to_string(CUDA_VERSION / 1000));
    check(driver_.cuDeviceGetCount(&count), "count the GPUs");
    if (ordinal >= count)
      fail("GPU: number " + std::to_string(ordinal), std::to_string(count) + " GPUs", "more");
    check(driver_.cuDeviceGet(&device_, ordinal), "open the GPU");
    char name[256] = "";
    check(driver_.cuDeviceGetName(name, sizeof name, device_), "ask the GPU's name");
    name_ = name;
    const int major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    const int minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    architecture_ = "sm_" + std::to_string(10 * major + minor);
    if (major < 8) fail(name_ + ": architecture", architecture_, "sm_80 or newer");
    check(driver_.cuDevicePrimaryCtxRetain(&context_, device_), "use the GPU");
    bind();
    check(driver_.cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "make a queue");
    check(driver_.cuStreamCreate(&copies_, CU_STREAM_NON_BLOCKING), "make a queue");
    for (CUevent* event : {&fed_[0], &fed_[1], &consumed_[0], &consumed_[1]})
      check(driver_.cuEventCreate(event, CU_EVENT_DISABLE_TIMING), "make an event");
    const Cudnn& cudnn = Cudnn::get();
    cudnn.check(cudnn.cudnnCreate(&cudnn_), "start on " + name_);
    cudnn.check(cudnn.cudnnSetStream(cudnn_, stream_), "take a queue");
    if (const char* tune = std::getenv("MMDL_TUNE"))
      tuned_ = static_cast<std::size_t>(std::max(0, std::atoi(tune)));
  }
  ~CudaDevice() override {
    if (driver_.cuCtxSetCurrent(context_) != CUDA_SUCCESS) return;  // the process is ending
    (void)driver_.cuStreamSynchronize(stream_);
    plans_.clear();
    if (cudnn_ != nullptr) Cudnn::get().cudnnDestroy(cudnn_);
    for (CUevent event : {fed_[0], fed_[1], consumed_[0], consumed_[1]}) (void)driver_.cuEventDestroy(event);
    for (const auto& [key, kernel] : kernels_) (void)driver_.cuModuleUnload(kernel.module);
    (void)driver_.cuStreamDestroy(stream_);
    (void)driver_.cuStreamDestroy(copies_);
    (void)driver_.cuDevicePrimaryCtxRelease(device_);
  }

  std::string name() const override { return name_; }
  const std::string& architecture() const { return architecture_; }
  std::pair<std::size_t, std::size_t> memory() const override {
    bind();
    std::size_t free = 0, total = 0;
    check(driver_.cuMemGetInfo(&free, &total), "ask for the memory");
    return {free, total};
  }
  void* allocate(std::size_t bytes) override {
    bind();
    CUdeviceptr memory = 0;
    const CUresult result = driver_.cuMemAlloc(&memory, std::max<std::size_t>(bytes, 256));
    if (result == CUDA_ERROR_OUT_OF_MEMORY) return nullptr;
    check(result, "take memory");
    return reinterpret_cast<void*>(memory);
  }
  void release(void* memory) noexcept override {
    if (driver_.cuCtxSetCurrent(context_) != CUDA_SUCCESS) return;
    (void)driver_.cuStreamSynchronize(stream_);
    (void)driver_.cuMemFree(address(memory));
  }
  void* allocate_host(std::size_t bytes) override {
    bind();
    void* memory = nullptr;
    check(driver_.cuMemHostAlloc(&memory, std::max<std::size_t>(bytes, 1), 0), "take memory of the host");
    return memory;
  }
  void release_host(void* memory) noexcept override {
    if (driver_.cuCtxSetCurrent(context_) == CUDA_SUCCESS) (void)driver_.cuMemFreeHost(memory);
  }

  void upload(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    bind();
    check(driver_.cuMemcpyHtoDAsync(address(to), from, bytes, stream_), "copy to the GPU");
    wait();
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    bind();
    if (bytes > 0) check(driver_.cuMemcpyDtoHAsync(to, address(from), bytes, stream_), "copy from the GPU");
    wait();
  }

  const void* kernel(const KernelText& text) override {
    Kernel& kernel = kernels_[text.name() + "\n" + text.source()];
    if (kernel.function == nullptr) {
      bind();
      const std::string code = compile_kernel(text, architecture_);
      check(driver_.cuModuleLoadData(&kernel.module, code.data()), "load a kernel");
      check(driver_.cuModuleGetFunction(&kernel.function, kernel.module, text.name().c_str()),
            "find a kernel");
    }
    return kernel.function;
  }

  const ConvolutionPlan* plan(const ConvolutionProblem& problem) override {
    std::unique_ptr<CudaConvolutionPlan>& plan = plans_[problem.key()];
    if (!plan) {
      bind();
      plan = CudaPlanner(*this, cudnn_, stream_, tuned_).find(problem);
    }
    return plan.get();
  }

  void run(std::span<const Command> commands) override {
    bind();
    for (const Command& command : commands) run_one(command);
  }
  std::unique_ptr<CapturedCommands> capture(std::span<const Command> commands) override {
    bind();
    wait();
    // Relaxed: cuDNN may load what it needs at the first run of a plan.
    check(driver_.cuStreamBeginCapture(stream_, CU_STREAM_CAPTURE_MODE_RELAXED), "record");
    CUgraph graph = nullptr;
    try {
      for (const Command& command : commands) run_one(command);
    } catch (...) {
      (void)driver_.cuStreamEndCapture(stream_, &graph);
      if (graph != nullptr) (void)driver_.cuGraphDestroy(graph);
      throw;
    }
    check(driver_.cuStreamEndCapture(stream_, &graph), "end recording");
    CUgraphExec executable = nullptr;
    const CUresult result = driver_.cuGraphInstantiateWithFlags(&executable, graph, 0);
    (void)driver_.cuGraphDestroy(graph);
    check(result, "prepare a recorded step");
    auto captured = std::make_unique<CudaGraph>(executable);
    check(driver_.cuGraphUpload(executable, stream_), "prepare a recorded step");
    return captured;
  }
  void run(const CapturedCommands& commands) override {
    bind();
    check(driver_.cuGraphLaunch(static_cast<const CudaGraph&>(commands).get(), stream_),
          "run a recorded step");
  }

  /// What one command of a list takes, for reports.
  struct Timing {
    std::string what;
    double seconds = 0.0;
    double multiply_adds = 0.0, bytes = 0.0;  ///< of a convolution; 0: not known
  };
  /// Runs the commands in order, each `times` times in a row, and times them one by one.
  std::vector<Timing> profile(std::span<const Command> commands, int times) {
    bind();
    std::map<const void*, std::string> names;
    for (const auto& [source, kernel] : kernels_)
      names[kernel.function] = source.substr(0, source.find('\n'));
    CUevent begin = nullptr, end = nullptr;
    check(driver_.cuEventCreate(&begin, CU_EVENT_DEFAULT), "make an event");
    check(driver_.cuEventCreate(&end, CU_EVENT_DEFAULT), "make an event");
    std::vector<Timing> timings;
    for (const Command& command : commands) {
      Timing timing{command.kind == Command::Kind::copy ? "copy" : "clear"};
      if (command.kind == Command::Kind::launch) timing.what = names[command.kernel];
      if (command.kind == Command::Kind::convolve) {
        const ConvolutionProblem& problem = static_cast<const CudaConvolutionPlan&>(*command.plan).problem;
        timing.what = problem.key();
        timing.multiply_adds = problem.multiply_adds();
        timing.bytes = problem.bytes();
      }
      run_one(command);
      check(driver_.cuEventRecord(begin, stream_), "time");
      for (int i = 0; i < times; ++i) run_one(command);
      check(driver_.cuEventRecord(end, stream_), "time");
      check(driver_.cuEventSynchronize(end), "time");
      float milliseconds = 0.0f;
      check(driver_.cuEventElapsedTime(&milliseconds, begin, end), "time");
      timing.seconds = static_cast<double>(milliseconds) * 1e-3 / times;
      timings.push_back(timing);
    }
    (void)driver_.cuEventDestroy(begin);
    (void)driver_.cuEventDestroy(end);
    return timings;
  }

  void feed(int slot, void* to, const void* from, std::size_t bytes) override {
    bind();
    if (bytes > 0) check(driver_.cuMemcpyHtoDAsync(address(to), from, bytes, copies_), "copy a batch");
    check(driver_.cuEventRecord(fed_[slot], copies_), "mark a batch");
  }
  void await_feed(int slot) override {
    bind();
    check(driver_.cuStreamWaitEvent(stream_, fed_[slot], 0), "wait for a batch");
  }
  void mark_consumed(int slot) override {
    bind();
    check(driver_.cuEventRecord(consumed_[slot], stream_), "mark a batch");
  }
  void await_consumed(int slot) override {
    bind();
    check(driver_.cuEventSynchronize(consumed_[slot]), "wait for a batch");
  }
  void wait() override {
    bind();
    check(driver_.cuStreamSynchronize(stream_), "finish");
  }

 private:
  struct Kernel {
    CUmodule module = nullptr;
    CUfunction function = nullptr;
  };

  void check(CUresult result, const char* what) const { driver_.check(result, what); }
  /// Calls may come from any thread.
  void bind() const { check(driver_.cuCtxSetCurrent(context_), "use the GPU"); }
  static CUdeviceptr address(const void* memory) { return reinterpret_cast<CUdeviceptr>(memory); }
  int attribute(CUdevice_attribute which) const {
    int value = 0;
    check(driver_.cuDeviceGetAttribute(&value, which, device_), "ask the GPU");
    return value;
  }

  void run_one(const Command& c) {
    switch (c.kind) {
      case Command::Kind::launch: {
        KernelArguments arguments = c.arguments;
        void* parameters[] = {&arguments};
        check(
            driver_.cuLaunchKernel(static_cast<CUfunction>(const_cast<void*>(c.kernel)), c.grid.blocks_x,
                                   c.grid.blocks_y, 1, c.grid.threads, 1, 1, 0, stream_, parameters, nullptr),
            "start a kernel");
        return;
      }
      case Command::Kind::convolve:
        static_cast<const CudaConvolutionPlan&>(*c.plan).run(cudnn_, c.operands, c.workspace);
        return;
      case Command::Kind::copy:
        check(driver_.cuMemcpyDtoDAsync(address(c.to), address(c.from), c.bytes, stream_), "copy on the GPU");
        return;
      case Command::Kind::clear:
        check(driver_.cuMemsetD8Async(address(c.to), 0, c.bytes, stream_), "clear memory");
        return;
    }
  }

  const CudaDriver& driver_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr, copies_ = nullptr;
  CUevent fed_[2] = {}, consumed_[2] = {};
  cudnnHandle_t cudnn_ = nullptr;
  std::string name_, architecture_;
  std::size_t tuned_ = 0;
  std::map<std::string, Kernel> kernels_;
  std::map<std::string, std::unique_ptr<CudaConvolutionPlan>> plans_;
};

/// The GPU number `ordinal`, opened once in a program and shared by its models.
inline std::shared_ptr<Device> open_cuda_device(int ordinal) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Device>> opened;
  const std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<Device> device = opened[ordinal].lock();
  if (!device) opened[ordinal] = device = std::make_shared<CudaDevice>(ordinal);
  return device;
}

/// Including this header is what makes models on `Gpu` find a GPU.
inline const bool cuda_opens_devices = (device_opener() = &open_cuda_device, true);

}  // namespace mmdl::detail
