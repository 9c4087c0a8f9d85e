// SPDX-License-Identifier: Apache-2.0
// A program with the GPU backend: it starts on a machine without a GPU, says so in one line, and computes on the CPU.
#include <mmdl/gpu.hpp>

#include <cstdio>

using namespace mmdl;
using Net = Sequential<Conv<4, Kernel<3>>, Relu, GlobalAveragePool, Linear<2>>;

template <class Backend>
int predict() {
  Model<Net, Shape<6, 6, 3>, Backend> model;
  const Tensor<Shape<6, 6, 3>> images(2);
  return static_cast<int>(model.predict(images).size());
}

int main() {
  try {
    return predict<Gpu>() == 4 ? 0 : 1;
  } catch (const Error& error) {
    std::printf("no GPU: %s\n", error.what());
    return predict<Cpu<float>>() == 4 ? 0 : 1;
  }
}
