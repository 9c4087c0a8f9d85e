// SPDX-License-Identifier: Apache-2.0
// Each layer by itself, at the shapes where ResNet-101, MobileNet and the annotator use it.
#include "layer_benchmark.hpp"

using namespace mmdl;

// Convolutions of ResNet-101, scale by scale.
MMDL_BENCHMARK_LAYER(Conv<64, Kernel<7>, Stride<2>, Bias<false>>, Shape<224, 224, 3>);
MMDL_BENCHMARK_LAYER(Conv<64, Kernel<1>, Bias<false>>, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(Conv<64, Kernel<3>, Bias<false>>, Shape<56, 56, 64>);
MMDL_BENCHMARK_LAYER(Conv<256, Kernel<1>, Bias<false>>, Shape<56, 56, 64>);
MMDL_BENCHMARK_LAYER(Conv<128, Kernel<3>, Stride<2>, Bias<false>>, Shape<56, 56, 128>);
MMDL_BENCHMARK_LAYER(Conv<128, Kernel<3>, Bias<false>>, Shape<28, 28, 128>);
MMDL_BENCHMARK_LAYER(Conv<512, Kernel<1>, Bias<false>>, Shape<28, 28, 128>);
MMDL_BENCHMARK_LAYER(Conv<256, Kernel<3>, Bias<false>>, Shape<14, 14, 256>);
MMDL_BENCHMARK_LAYER(Conv<1024, Kernel<1>, Bias<false>>, Shape<14, 14, 256>);
MMDL_BENCHMARK_LAYER(Conv<256, Kernel<1>, Bias<false>>, Shape<14, 14, 1024>);
MMDL_BENCHMARK_LAYER(Conv<512, Kernel<3>, Bias<false>>, Shape<7, 7, 512>);
MMDL_BENCHMARK_LAYER(Conv<2048, Kernel<1>, Bias<false>>, Shape<7, 7, 512>);

// The same over narrow values.
using Narrow = Cpu<BFloat16>;
MMDL_BENCHMARK_LAYER(Conv<64, Kernel<7>, Stride<2>, Bias<false>>, Shape<224, 224, 3>, Narrow);
MMDL_BENCHMARK_LAYER(Conv<256, Kernel<1>, Bias<false>>, Shape<56, 56, 64>, Narrow);
MMDL_BENCHMARK_LAYER(Conv<256, Kernel<3>, Bias<false>>, Shape<14, 14, 256>, Narrow);
MMDL_BENCHMARK_LAYER(Conv<1024, Kernel<1>, Bias<false>>, Shape<14, 14, 256>, Narrow);
MMDL_BENCHMARK_LAYER(Conv<256, Kernel<1>, Bias<false>>, Shape<14, 14, 1024>, Narrow);

// The depthwise convolutions of a MobileNet of width 75.
MMDL_BENCHMARK_LAYER(DepthwiseConv<Kernel<3>, SamePadding, Bias<false>>, Shape<112, 112, 24>);
MMDL_BENCHMARK_LAYER(DepthwiseConv<Kernel<3>, SamePadding, Stride<2>, Bias<false>>, Shape<112, 112, 48>);
MMDL_BENCHMARK_LAYER(DepthwiseConv<Kernel<3>, SamePadding, Bias<false>>, Shape<56, 56, 96>);
MMDL_BENCHMARK_LAYER(DepthwiseConv<Kernel<3>, SamePadding, Stride<2>, Bias<false>>, Shape<56, 56, 96>);
MMDL_BENCHMARK_LAYER(DepthwiseConv<Kernel<3>, SamePadding, Bias<false>>, Shape<28, 28, 192>);
MMDL_BENCHMARK_LAYER(DepthwiseConv<Kernel<3>, SamePadding, Bias<false>>, Shape<14, 14, 384>);
MMDL_BENCHMARK_LAYER(DepthwiseConv<Kernel<3>, SamePadding, Bias<false>>, Shape<7, 7, 768>);

// The rest.
MMDL_BENCHMARK_LAYER(BatchNorm, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(Sequential<BatchNorm, Relu>, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(Sequential<BatchNorm, Relu>, Shape<56, 56, 256>, Narrow);
MMDL_BENCHMARK_LAYER(Relu, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(Relu6, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(Sigmoid, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(Tanh, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(MaxPool<3, Stride<2>, Padding<1>>, Shape<112, 112, 64>);
MMDL_BENCHMARK_LAYER(AveragePool<2>, Shape<56, 56, 256>);
MMDL_BENCHMARK_LAYER(GlobalAveragePool, Shape<7, 7, 2048>);
MMDL_BENCHMARK_LAYER(Linear<2048>, Shape<1000>);
MMDL_BENCHMARK_LAYER(Linear<512>, Shape<4096>);
MMDL_BENCHMARK_LAYER(Linear<16>, Shape<16>);  // what a call costs besides its arithmetic
MMDL_BENCHMARK_LAYER(Dropout<50>, Shape<4096>);
MMDL_BENCHMARK_LAYER(Concat<Identity, Relu>, Shape<56, 56, 64>);
MMDL_BENCHMARK_LAYER(Product<Identity, Sigmoid>, Shape<56, 56, 64>);
MMDL_BENCHMARK_LAYER(Residual<Relu>, Shape<56, 56, 256>);

// Sequences, at the sizes of the recurrent annotators: 21 steps, 1024 units, 300 labels.
using Words = Shape<21, 1024>;
MMDL_BENCHMARK_LAYER(Lstm<1024>, Words);
using Indices = Shape<21>;
MMDL_BENCHMARK_LAYER(Embedding<300, 1024>, Indices);
MMDL_BENCHMARK_LAYER(Linear<300>, Words);
MMDL_BENCHMARK_LAYER(Softmax, Shape<21, 300>);
MMDL_BENCHMARK_LAYER(Sequential<Heads<Identity, Relu, Relu6>, Add>, Shape<56, 56, 64>);
MMDL_BENCHMARK_LAYER(Sequential<Heads<Identity, Relu, Relu6>, Maximum>, Shape<56, 56, 64>);
MMDL_BENCHMARK_LAYER(Product<Identity, GlobalAveragePool>, Shape<56, 56, 64>);
MMDL_BENCHMARK_LAYER(OverSteps<21>, Shape<1024>);
MMDL_BENCHMARK_LAYER(Step<20>, Words);
