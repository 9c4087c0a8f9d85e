// SPDX-License-Identifier: Apache-2.0
// Where a training step of MS-CNN over ResNet-101 spends its time on the GPU: one line for each kernel and
// each different convolution, the dearest first, with TFLOP/s and GB/s of convolutions.
//   bench_gpu_profile [batch] [bf16|tf32|float32]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mmdl/gpu.hpp>
#include <string>
#include <vector>

using namespace mmdl;

namespace {

using Net = Sequential<MultiScale<ResNet101, ConvFusion>, Linear<81>>;
using Image = Shape<224, 224, 3>;

struct Line {
  int count = 0;
  double seconds = 0.0, multiply_adds = 0.0, bytes = 0.0;
};

template <class Backend>
int profile(int batch) {
  using Program = detail::Program<Net, Image, detail::Mode::training>;
  static constexpr detail::ProgramView program = detail::program_view<Program, detail::Mode::training>();
  Model<Net, Image, Backend> model;
  auto& engine = model.engine();
  engine.upload_values();
  (void)engine.device_gradients();
  const std::vector<detail::Command> commands = engine.record(program, batch, [&](detail::GpuCommands& c) {
    engine.record_packing(c, program);
    engine.record_forward(c, program, batch);
    engine.record_backward(c, program, batch);
  });
  std::map<std::string, Line> lines;
  double total = 0.0;
  for (const auto& timing : dynamic_cast<detail::CudaDevice&>(*engine.device()).profile(commands, 5)) {
    Line& line = lines[timing.what];
    ++line.count;
    line.seconds += timing.seconds;
    line.multiply_adds += timing.multiply_adds;
    line.bytes += timing.bytes;
    total += timing.seconds;
  }
  std::vector<std::pair<std::string, Line>> sorted(lines.begin(), lines.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::printf("%zu commands, %.3f ms one by one\n", commands.size(), 1e3 * total);
  std::printf("%9s %6s %5s %9s %8s  %s\n", "ms", "share", "times", "TFLOP/s", "GB/s", "what");
  for (const auto& [what, line] : sorted)
    std::printf("%9.3f %5.1f%% %5d %9.1f %8.0f  %s\n", 1e3 * line.seconds, 100.0 * line.seconds / total,
                line.count, 2e-12 * line.multiply_adds / line.seconds, 1e-9 * line.bytes / line.seconds,
                what.c_str());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const int batch = count > 1 ? std::atoi(words[1]) : 128;
  const std::string number = count > 2 ? words[2] : "bf16";
  if (batch < 1 || (number != "bf16" && number != "tf32" && number != "float32")) {
    std::fprintf(stderr, "usage: bench_gpu_profile [batch] [bf16|tf32|float32]\n");
    return 1;
  }
  try {
    allow_tf32(number == "tf32");
    return number == "bf16" ? profile<GpuBFloat16>(batch) : profile<Gpu>(batch);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_gpu_profile: %s\n", error.what());
    return 1;
  }
}
