// SPDX-License-Identifier: Apache-2.0
// A device made of the host: kernels are compiled from their CUDA text by the host's compiler and run thread
// by thread, convolutions are plain loops. What a GPU computes can so be compared with the CPU where there is
// none.
#pragma once

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "recording_device.hpp"

namespace mmdl_test {

using namespace mmdl::detail;

/// What CUDA's language has and C++ has not. A block's threads are contexts that take turns at each barrier;
/// from the second turn on by the compiler's own jumps, because swapcontext asks the system for the signal
/// mask.
inline constexpr const char* emulation_prelude = R"cpp(
#  include <math.h>
#  include <string.h>
#  include <ucontext.h>
  struct Dimensions {
    unsigned x = 0, y = 0, z = 0;
  };
  static Dimensions threadIdx, blockIdx, blockDim, gridDim;
#  define __global__
#  define __device__ static
#  define __forceinline__ inline
#  define __shared__ static
#  define __launch_bounds__(n)
  static inline unsigned __float_as_uint(float x) {
    unsigned y;
    memcpy(&y, &x, 4);
    return y;
  }
  static inline float __uint_as_float(unsigned x) {
    float y;
    memcpy(&y, &x, 4);
    return y;
  }
  typedef void* Place[5];  // where __builtin_longjmp goes on
  static Place scheduler, places[1024];
  static bool begun[1024], finished[1024];
  static char stacks[1024][32768];
  static unsigned current;
  __attribute__((noinline)) static void go_on(Place& place) { __builtin_longjmp(place, 1); }
  __attribute__((noinline)) static void __syncthreads() {
    if (__builtin_setjmp(places[current]) == 0) go_on(scheduler);
  }
)cpp";

/// Behind the kernels' common text: how one is run.
inline constexpr const char* emulation_scheduler = R"cpp(
  static void (*kernel_of_threads)(Arguments);
  static const Arguments* given;
  static void thread_body() {
    for (;;) {
      kernel_of_threads(*given);
      finished[current] = true;
      __syncthreads();
    }
  }
  __attribute__((noinline)) static void turn() {
    if (__builtin_setjmp(scheduler) != 0) return;
    if (begun[current]) go_on(places[current]);
    begun[current] = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks[current];
    context.uc_stack.ss_size = sizeof stacks[current];
    context.uc_link = nullptr;
    makecontext(&context, thread_body, 0);
    setcontext(&context);
  }
  template <void (*kernel)(Arguments), bool has_barriers>
  static void run(const Arguments* a, unsigned blocks_x, unsigned blocks_y, unsigned threads) {
    kernel_of_threads = kernel;
    given = a;
    gridDim.x = blocks_x;
    gridDim.y = blocks_y;
    blockDim.x = threads;
    blockDim.y = 1;
    for (unsigned y = 0; y < blocks_y; ++y)
      for (unsigned x = 0; x < blocks_x; ++x) {
        blockIdx.x = x;
        blockIdx.y = y;
        if (!has_barriers) {
          for (unsigned t = 0; t < threads; ++t) {
            threadIdx.x = t;
            kernel(*a);
          }
          continue;
        }
        for (unsigned t = 0; t < threads; ++t) finished[t] = false;
        for (bool left = true; left;) {
          left = false;
          for (unsigned t = 0; t < threads; ++t) {
            if (finished[t]) continue;
            current = t;
            threadIdx.x = t;
            turn();
            left = left || !finished[t];
          }
        }
      }
  }
)cpp";

class EmulatedPlan : public ConvolutionPlan {
 public:
  EmulatedPlan(const ConvolutionProblem& problem, bool joins) : problem_(problem), joins_(joins) {}
  std::size_t workspace() const override { return 256; }
  bool joins_epilogue() const override { return joins_; }
  const ConvolutionProblem& problem() const { return problem_; }

 private:
  ConvolutionProblem problem_;
  bool joins_;
};

class EmulatedCapture : public CapturedCommands {
 public:
  std::vector<Command> commands;
};

class EmulatedDevice : public Device {
 public:
  /// `joins`: whether convolutions compute what comes behind them. `memory`: bytes it claims to have.
  explicit EmulatedDevice(bool joins = true, std::size_t memory = std::size_t{4} << 30)
      : joins_(joins), total_(memory) {}

  std::string name() const override { return "emulated GPU"; }
  std::pair<std::size_t, std::size_t> memory() const override { return {total_ - used_, total_}; }
  void* allocate(std::size_t bytes) override {
    if (used_ + bytes > total_) return nullptr;
    const std::size_t rounded = (bytes + 255) / 256 * 256;
    void* memory = std::aligned_alloc(256, rounded == 0 ? 256 : rounded);
    std::memset(memory, 0xff, rounded);  // NaN everywhere: what was never written shows
    sizes_[memory] = bytes;
    used_ += bytes;
    return memory;
  }
  void release(void* memory) noexcept override {
    used_ -= sizes_[memory];
    sizes_.erase(memory);
    std::free(memory);
  }
  void* allocate_host(std::size_t bytes) override { return std::malloc(bytes); }
  void release_host(void* memory) noexcept override { std::free(memory); }
  void upload(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }

  /// Compiled when the first command with a kernel runs, together with all others that were asked for by
  /// then: a compiler's start takes longer than a kernel.
  const void* kernel(const KernelText& text) override {
    const std::string source = text.source();
    auto [place, fresh] = kernels_.try_emplace(text.name() + source);
    if (fresh) {
      place->second.name = text.name();
      place->second.text = source.substr(kernel_prelude.size());
      waiting_.push_back(&place->second);
    }
    return &place->second;
  }
  const ConvolutionPlan* plan(const ConvolutionProblem& problem) override {
    auto& plan = plans_[problem.key()];
    if (!plan) plan = std::make_unique<EmulatedPlan>(problem, joins_);
    return plan.get();
  }

  void run(std::span<const Command> commands) override {
    for (const Command& command : commands) run_one(command);
  }
  std::unique_ptr<CapturedCommands> capture(std::span<const Command> commands) override {
    auto captured = std::make_unique<EmulatedCapture>();
    captured->commands.assign(commands.begin(), commands.end());
    ++captures;
    return captured;
  }
  void run(const CapturedCommands& commands) override {
    run(static_cast<const EmulatedCapture&>(commands).commands);
    ++replays;
  }

  void feed(int slot, void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
    fed_[slot] = true;
  }
  void await_feed(int slot) override {
    if (!fed_[slot]) throw std::logic_error("waits for a copy that was not made");
    fed_[slot] = false;
  }
  void mark_consumed(int) override {}
  void await_consumed(int) override {}
  void wait() override {}

  int captures = 0, replays = 0;

 private:
  using Entry = void (*)(const KernelArguments*, unsigned, unsigned, unsigned);
  struct Kernel {
    std::string name, text;  // without what all kernels begin with
    Entry entry = nullptr;

    std::string symbol() const {
      const std::string all = emulation_prelude + std::string(kernel_prelude) + emulation_scheduler + text;
      return name + "_" + std::to_string(std::hash<std::string>{}(all));
    }
    std::string base() const { return MMDL_EMULATED_KERNELS "/" + symbol(); }
    bool is_compiled() const {
      struct stat status {};
      return ::stat((base() + ".so").c_str(), &status) == 0;
    }
    /// In a namespace of its own, and its macros gone behind it: what a kernel forgets to define it does not
    /// find in the one before.
    std::string in_namespace() const {
      const auto has = [this](const char* word) { return text.find(word) != std::string::npos; };
      const bool barriers = has("block_sum<") || has("block_maximum<") || has("__syncthreads");
      // Functions of C's linkage would be the same in all namespaces.
      constexpr std::string_view linkage = "extern \"C\" ", define = "#define ";
      std::string all = "namespace text_of_" + symbol() + " {\n" + text + "\n";
      for (std::size_t at = 0; (at = all.find(linkage, at)) != std::string::npos;)
        all.replace(at, linkage.size(), "static ");
      for (std::size_t at = 0; (at = text.find(define, at)) != std::string::npos;) {
        at += define.size();
        all += "#undef " + text.substr(at, text.find_first_of(" (\n", at) - at) + "\n";
      }
      return all + "extern \"C\" void " + symbol() +
             "(const Arguments* a, unsigned blocks_x, unsigned blocks_y, unsigned threads) {\n  run<" + name +
             (barriers ? ", true" : ", false") + ">(a, blocks_x, blocks_y, threads);\n}\n}\n";
    }
  };

  /// Each kernel's name in the folder is one more name of the library that holds it.
  void compile_waiting() {
    std::vector<Kernel*> missing;
    for (Kernel* kernel : waiting_)
      if (!kernel->is_compiled()) missing.push_back(kernel);
    if (!missing.empty()) {
      ::mkdir(MMDL_EMULATED_KERNELS, 0777);
      const std::string mine = missing.front()->base() + "." + std::to_string(::getpid());
      std::string whole = emulation_prelude + std::string(kernel_prelude) + emulation_scheduler;
      for (const Kernel* kernel : missing) whole += kernel->in_namespace();
      std::FILE* file = std::fopen((mine + ".cpp").c_str(), "wb");
      std::fwrite(whole.data(), 1, whole.size(), file);
      std::fclose(file);
      // A GPU refuses an address that is no multiple of what is read there; so do these. C's headers alone:
      // C++'s <math.h> takes longer than a kernel.
      const std::string command = std::string(MMDL_HOST_COMPILER) +
                                  " -std=c++20 -O1 -w -shared -fPIC -nostdinc++ -fsanitize=alignment"
                                  " -fno-sanitize-recover=alignment '" +
                                  mine + ".cpp' -o '" + mine + ".so'";
      if (std::system(command.c_str()) != 0)
        throw std::runtime_error("kernels do not compile: " + mine + ".cpp");
      for (const std::string ending : {".cpp", ".so"}) {
        for (const Kernel* kernel : missing)
          if (::link((mine + ending).c_str(), (kernel->base() + ending).c_str()) != 0 && errno != EEXIST)
            throw std::runtime_error("cannot name " + kernel->base() + ending);
        std::remove((mine + ending).c_str());
      }
    }
    for (Kernel* kernel : waiting_) {
      void* library = ::dlopen((kernel->base() + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) throw std::runtime_error(::dlerror());
      kernel->entry = reinterpret_cast<Entry>(::dlsym(library, kernel->symbol().c_str()));
      if (kernel->entry == nullptr) throw std::runtime_error(::dlerror());
    }
    waiting_.clear();
  }

  void run_one(const Command& c) {
    switch (c.kind) {
      case Command::Kind::launch:
        if (!waiting_.empty()) compile_waiting();
        static_cast<const Kernel*>(c.kernel)->entry(&c.arguments, c.grid.blocks_x, c.grid.blocks_y,
                                                    c.grid.threads);
        return;
      case Command::Kind::copy:
        std::memmove(c.to, c.from, c.bytes);
        return;
      case Command::Kind::clear:
        std::memset(c.to, 0, c.bytes);
        return;
      case Command::Kind::convolve: {
        const auto& plan = static_cast<const EmulatedPlan&>(*c.plan);
        if (plan.problem().number == NumberType::float32)
          convolve<float>(plan, c.operands);
        else
          convolve<mmdl::BFloat16>(plan, c.operands);
        return;
      }
    }
  }

  static float activated(mmdl::Activation activation, float x) {
    if (activation == mmdl::Activation::none) return x;
    const float positive = 0.0f > x ? 0.0f : x;
    return activation == mmdl::Activation::relu6 && positive > 6.0f ? 6.0f : positive;
  }

  template <class T>
  static void convolve(const EmulatedPlan& plan, const ConvolutionOperands& o) {
    const ConvolutionProblem& p = plan.problem();
    const Window& w = p.window;
    // cuDNN is told that all tensors begin at multiples of 16 bytes, and checks it.
    for (const void* place : {static_cast<const void*>(o.x), static_cast<const void*>(o.w),
                              static_cast<const void*>(o.y), o.bias, o.residual})
      if (reinterpret_cast<std::uintptr_t>(place) % 16 != 0)
        throw std::logic_error("a tensor of a convolution is not aligned: " + p.key());
    const long in = p.input.channels / w.groups, out = p.output.channels / w.groups;
    T *x = static_cast<T*>(o.x), *weight = static_cast<T*>(o.w), *y = static_cast<T*>(o.y);
    const long x_size = p.samples * p.input.size(), y_size = p.samples * p.output.size();
    const long w_size = p.output.channels * w.kernel_height * w.kernel_width * in;
    const long written = p.pass == ConvolutionPass::forward          ? y_size
                         : p.pass == ConvolutionPass::input_gradient ? x_size
                                                                     : w_size;
    std::vector<double> sums(static_cast<std::size_t>(written), 0.0);
    const auto at = [&sums](long i) -> double& { return sums[static_cast<std::size_t>(i)]; };
    for (long n = 0; n < p.samples; ++n)
      for (long oh = 0; oh < p.output.height; ++oh)
        for (long ow = 0; ow < p.output.width; ++ow)
          for (long i = 0; i < w.kernel_height; ++i)
            for (long j = 0; j < w.kernel_width; ++j) {
              const long h = oh * w.stride - w.pad_top + i * w.dilation,
                         v = ow * w.stride - w.pad_left + j * w.dilation;
              if (h < 0 || v < 0 || h >= p.input.height || v >= p.input.width) continue;
              for (long k = 0; k < p.output.channels; ++k) {
                const long yi = ((n * p.output.height + oh) * p.output.width + ow) * p.output.channels + k;
                const long xi =
                    ((n * p.input.height + h) * p.input.width + v) * p.input.channels + k / out * in;
                const long wi = ((k * w.kernel_height + i) * w.kernel_width + j) * in;
                for (long c = 0; c < in; ++c) {
                  if (p.pass == ConvolutionPass::forward)
                    at(yi) += static_cast<double>(x[xi + c]) * static_cast<double>(weight[wi + c]);
                  else if (p.pass == ConvolutionPass::input_gradient)
                    at(xi + c) += static_cast<double>(y[yi]) * static_cast<double>(weight[wi + c]);
                  else
                    at(wi + c) += static_cast<double>(y[yi]) * static_cast<double>(x[xi + c]);
                }
              }
            }
    T* to = p.pass == ConvolutionPass::forward ? y : p.pass == ConvolutionPass::input_gradient ? x : weight;
    const bool joins = plan.joins_epilogue() && p.pass == ConvolutionPass::forward;
    for (long i = 0; i < written; ++i) {
      float value = static_cast<float>(at(i));
      if (joins && p.has_bias) value += static_cast<const float*>(o.bias)[i % p.output.channels];
      if (joins && p.has_residual) value += static_cast<float>(static_cast<const T*>(o.residual)[i]);
      to[i] = joins ? activated(p.activation, value) : value;
    }
  }

  bool joins_;
  std::size_t total_, used_ = 0;
  std::map<void*, std::size_t> sizes_;
  std::map<std::string, Kernel> kernels_;
  std::vector<Kernel*> waiting_;
  std::map<std::string, std::unique_ptr<EmulatedPlan>> plans_;
  bool fed_[2] = {};
};

}  // namespace mmdl_test
