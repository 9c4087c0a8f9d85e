// SPDX-License-Identifier: Apache-2.0
// Kernels of narrow values against those of float, on numbers that both hold exactly.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <mmdl/backend/cpu/gemm.hpp>
#include <mmdl/mmdl.hpp>
#include <vector>

#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace narrow_test {

using namespace mmdl;
using kernel_test::normal_values;

namespace {

template <class T>
std::vector<T> representable(long count, std::uint64_t seed) {
  std::vector<T> values;
  for (const float x : normal_values<float>(count, seed)) values.push_back(static_cast<T>(BFloat16(x)));
  return values;
}

struct Outcome {
  std::vector<std::vector<float>> values;      ///< rounded where narrow: output, gradients of inputs
  std::vector<std::vector<float>> parameters;  ///< float in both: gradients of parameters, statistics
};

template <class T>
std::vector<float> floats(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

/// Forward and backward of the last node of `Net`, whose kernel's operator is `Op`.
template <class Op, class Net, class Input, class T>
Outcome run(int samples, bool accumulate, bool packed) {
  using W = detail::Wide<T>;
  using Kernel = kernel_test::OperatorKernels<Op, T>;
  static constexpr auto graph = detail::graph_of<Net, Input>;
  const detail::Node& node = graph.nodes[graph.node_count - 1];
  detail::ForwardArguments<T> f;
  detail::BackwardArguments<T> b;
  f.node = b.node = &node;
  f.samples = b.samples = samples;
  f.training = !packed;
  f.random = b.random = {3, 4};
  std::vector<std::vector<T>> inputs, input_gradients;
  std::vector<std::vector<W>> parameters, parameter_gradients, states;
  for (int i = 0; i < node.input_count; ++i) {
    const auto& extent = graph.nodes[node.inputs[i]].output;
    inputs.push_back(representable<T>(samples * extent.size(), static_cast<std::uint64_t>(1 + i)));
    input_gradients.push_back(representable<T>(samples * extent.size(), static_cast<std::uint64_t>(11 + i)));
  }
  for (int i = 0; i < detail::max_entries && node.entries[i] >= 0; ++i) {
    const long count = graph.entries[node.entries[i]].spec.count();
    parameters.push_back(representable<W>(count, static_cast<std::uint64_t>(21 + i)));
    parameter_gradients.push_back(representable<W>(count, static_cast<std::uint64_t>(31 + i)));
  }
  for (int i = 0; i < detail::max_states && node.states[i] >= 0; ++i)
    states.emplace_back(static_cast<std::size_t>(graph.entries[node.states[i]].spec.count()), W{1});
  std::vector<T> output(static_cast<std::size_t>(samples * node.output.size()));
  const std::vector<T> output_gradient = representable<T>(static_cast<long>(output.size()), 41);
  std::vector<W> saved(static_cast<std::size_t>(node.saved) + 1);
  detail::Buffer<W> workspace(static_cast<std::size_t>(Kernel::workspace(node, samples, true)) + 16);
  detail::Buffer<detail::Packed<T>> packed_weight;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    f.inputs[i] = b.inputs[i] = inputs[i].data();
    f.extents[i] = b.extents[i] = graph.nodes[node.inputs[i]].output;
    b.input_gradients[i] = input_gradients[i].data();
    b.accumulate[i] = accumulate;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    f.parameters[i] = b.parameters[i] = parameters[i].data();
    b.parameter_gradients[i] = parameter_gradients[i].data();
    b.parameter_sizes[i] = static_cast<long>(parameters[i].size());
  }
  for (std::size_t i = 0; i < states.size(); ++i)
    f.states[i] = states[i].data(), b.states[i] = states[i].data();
  f.output = output.data();
  b.output = output.data();
  b.output_gradient = output_gradient.data();
  f.saved = saved.data();
  b.saved = saved.data();
  f.workspace = b.workspace = workspace.data();
  b.accumulate_parameters = accumulate;
  if (packed && Kernel::packed_size(node, samples) > 0) {
    packed_weight.reserve(static_cast<std::size_t>(Kernel::packed_size(node, samples)));
    Kernel::pack(node, samples, parameters[0].data(), packed_weight.data());
    f.packed = packed_weight.data();
  }
  Kernel::forward(f);
  Kernel::backward(b);
  Outcome outcome;
  outcome.values.push_back(floats(output));
  for (const auto& gradient : input_gradients) outcome.values.push_back(floats(gradient));
  for (const auto& gradient : parameter_gradients) outcome.parameters.push_back(floats(gradient));
  for (const auto& state : states) outcome.parameters.push_back(floats(state));
  return outcome;
}

/// The largest |a - b| over the largest |b|.
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0.0, worst = 0.0;
  for (const float x : b) largest = std::fmax(largest, std::fabs(static_cast<double>(x)));
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    worst = std::fmax(worst, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return worst / largest;
}

/// `rounding`: how often a value is rounded on its way, in units of half a step at the largest number.
/// `of_weights`: the difference allowed of the first gradient of a parameter, which is wide as the others
/// are.
template <class Op, class Net, class Input>
void compare(int samples, double rounding = 1.0, double of_weights = 1e-4) {
  for (const bool accumulate : {false, true}) {
    const Outcome narrow = run<Op, Net, Input, BFloat16>(samples, accumulate, false);
    const Outcome wide = run<Op, Net, Input, float>(samples, accumulate, false);
    for (std::size_t i = 0; i < wide.values.size(); ++i)
      CHECK(difference(narrow.values[i], wide.values[i]) < rounding * 0x1p-8);
    for (std::size_t i = 0; i < wide.parameters.size(); ++i)
      CHECK(difference(narrow.parameters[i], wide.parameters[i]) < (i == 0 ? of_weights : 1e-4));
  }
}

/// One method of convolutions for a scope.
struct MethodScope {
  explicit MethodScope(ConvolutionMethod method) { set_convolution_method(method); }
  ~MethodScope() { set_convolution_method(ConvolutionMethod::automatic); }
};

template <class Net, class Input>
void compare_product(int samples, double rounding = 1.0, double of_weights = 1e-4) {
  using Op =
      std::conditional_t<detail::extent_of<Input>().height == 1, operators::Linear, operators::Convolution>;
  compare<Op, Net, Input>(samples, rounding, of_weights);
  CHECK(run<Op, Net, Input, BFloat16>(samples, false, true).values[0] ==
        run<Op, Net, Input, BFloat16>(samples, false, false).values[0]);
  CHECK(difference(run<Op, Net, Input, float>(samples, false, true).values[0],
                   run<Op, Net, Input, float>(samples, false, false).values[0]) < 1e-6);
}

}  // namespace

TEST_CASE("BFloat16: rounding to the nearest, ties to even, and what is no number") {
  CHECK(static_cast<float>(BFloat16(1.0f)) == 1.0f);
  CHECK(static_cast<float>(BFloat16(1.0f + 0x1p-8f)) == 1.0f);                // a tie, to even
  CHECK(static_cast<float>(BFloat16(1.0f + 3 * 0x1p-8f)) == 1.0f + 0x1p-6f);  // a tie, to even
  CHECK(static_cast<float>(BFloat16(1.0f + 0x1.1p-8f)) == 1.0f + 0x1p-7f);
  CHECK(static_cast<float>(BFloat16(-0x1p-140f)) == 0.0f);
  CHECK(std::signbit(static_cast<float>(BFloat16(-0x1p-140f))));
  CHECK(static_cast<float>(BFloat16(std::numeric_limits<float>::max())) ==
        std::numeric_limits<float>::infinity());
  CHECK(std::isnan(static_cast<float>(BFloat16(std::nanf("")))));
  float quiet = 0.0f;
  const std::uint32_t bits = 0x7f800001;  // a NaN whose upper half is that of infinity
  std::memcpy(&quiet, &bits, sizeof bits);
  CHECK(std::isnan(static_cast<float>(BFloat16(quiet))));
  CHECK(static_cast<float>(std::numeric_limits<BFloat16>::max()) > 3e38f);
  BFloat16 sum = 1.0f;
  sum += 2.0f;
  sum *= 3.0f;
  sum -= 1.0f;
  CHECK(static_cast<float>(sum) == 8.0f);
}

TEST_CASE("narrow vectors: loads and stores round as single numbers do") {
  using V = detail::Simd<float>;
  constexpr long width = detail::simd_width<float>;
  const auto values = normal_values<float>(width, 5, 0.0, 1e3);
  BFloat16 stored[width];
  detail::store_vector(stored, detail::load_vector<V>(values.data()));
  const V loaded = detail::load_vector<V>(stored);
  for (long i = 0; i < width; ++i) {
    CHECK(stored[i].bits == BFloat16(values[static_cast<std::size_t>(i)]).bits);
    CHECK(loaded[i] == static_cast<float>(stored[i]));
  }
}

TEST_CASE("narrow products: convolutions") {
  const MethodScope scope(ConvolutionMethod::direct);
  compare_product<Conv<7, Kernel<3>>, Shape<13, 11, 5>>(3);               // odd channels: pairs across taps
  compare_product<Conv<64, Kernel<3>>, Shape<9, 10, 64>>(2);              // whole vectors
  compare_product<Conv<33, Kernel<1>>, Shape<7, 7, 300>>(1);              // no window
  compare_product<Conv<34, Kernel<3>, Stride<2>>, Shape<15, 14, 36>>(2);  // pieces shorter than a square
  compare_product<Conv<20, Kernel<5>, Stride<3>, Dilation<2>>, Shape<17, 17, 3>>(2);
  compare_product<Conv<48, Kernel<3>, Groups<2>>, Shape<8, 8, 32>>(2);
  compare_product<Conv<40, Kernel<3>>, Shape<31, 30, 64>>(2);   // several strips and blocks of depth
  compare_product<Conv<530, Kernel<1>>, Shape<4, 4, 1030>>(1);  // two blocks of columns
}

TEST_CASE("narrow products: convolutions whose lines a tile unit copies once for all taps") {
  const MethodScope scope(ConvolutionMethod::direct);
  compare_product<Conv<64, Kernel<3>>, Shape<9, 10, 256>>(3);             // a row of taps is one block
  compare_product<Conv<64, Kernel<3>, Stride<2>>, Shape<15, 14, 64>>(3);  // four phases
  compare_product<Conv<96, Kernel<1>, Stride<2>>, Shape<25, 23, 64>>(2);  // one of them is read
  compare_product<Conv<32, Kernel<3>, Dilation<2>>, Shape<22, 13, 64>>(2);
  compare_product<Conv<32, Kernel<5>, Stride<3>, Dilation<2>>, Shape<41, 37, 32>>(2);
  compare_product<Conv<64, Kernel<3>, Groups<2>>, Shape<18, 18, 128>>(2);  // pixels further apart
  compare_product<Conv<40, Kernel<3>, Padding<0>>, Shape<12, 70, 96>>(1);
  compare_product<Conv<320, Kernel<3>>, Shape<7, 7, 288>>(9);  // several samples at a time
}

TEST_CASE("narrow products: depths that a tile unit takes in one") {
  const MethodScope scope(ConvolutionMethod::direct);
  compare_product<Conv<64, Kernel<1>>, Shape<18, 17, 512>>(1);   // two blocks; tiles of rows, and some left
  compare_product<Conv<96, Kernel<1>>, Shape<13, 11, 1024>>(2);  // rows 2 KB apart, read where they lie
  compare_product<Conv<40, Kernel<1>>, Shape<17, 17, 1100>>(1);  // no whole tiles of steps: all rows copied
  compare_product<Conv<64, Kernel<1>>, Shape<9, 9, 1472>>(1);    // as deep as may be
  compare_product<Conv<64, Kernel<1>>, Shape<9, 9, 1504>>(1);    // too deep
  compare_product<Conv<420, Kernel<1>>, Shape<6, 7, 960>>(1);    // too many columns
}

/// Every epilogue after a product of so many steps.
void check_epilogues(long depth) {
  constexpr long rows = 77, columns = 70;  // whole tiles and edges of either kind
  const auto a = representable<BFloat16>(rows * depth, 1),
             residual = representable<BFloat16>(rows * columns, 2);
  const auto b = representable<float>(depth * columns, 3), scale = representable<float>(columns, 4),
             shift = representable<float>(columns, 5);
  detail::Buffer<float> workspace(static_cast<std::size_t>(detail::gemm_workspace<BFloat16>(0, 0, false)));
  for (const Activation activation :
       {Activation::none, Activation::relu, Activation::relu6, Activation::tanh})
    for (const bool adds : {false, true})
      for (const bool first : {false, true})
        for (const bool accumulate : {false, true}) {
          std::vector<BFloat16> output(residual.rbegin(), residual.rend());
          detail::Gemm<BFloat16> g;
          g.a = detail::plain_matrix(a.data(), rows, depth, depth);
          g.b.data = b.data();
          g.b.stride = g.columns = columns;
          g.output = output.data();
          g.layout = {1, rows, 0, 0, columns};
          g.epilogue.scale = scale.data();
          g.epilogue.shift = shift.data();
          g.epilogue.residual = adds ? residual.data() : nullptr;
          g.epilogue.activation = activation;
          g.epilogue.activation_first = first;
          g.epilogue.accumulate = accumulate;
          detail::gemm(g, workspace.data());
          double worst = 0.0;
          for (long row = 0; row < rows; ++row)
            for (long column = 0; column < columns; ++column) {
              const auto place = static_cast<std::size_t>(row * columns + column);
              const auto at = static_cast<std::size_t>(column);
              double sum = accumulate ? static_cast<double>(residual[residual.size() - 1 - place]) : 0.0;
              for (long k = 0; k < depth; ++k)
                sum += static_cast<double>(a[static_cast<std::size_t>(row * depth + k)]) *
                       static_cast<double>(b[static_cast<std::size_t>(k * columns + column)]);
              sum = sum * static_cast<double>(scale[at]) + static_cast<double>(shift[at]);
              const double more = adds ? static_cast<double>(residual[place]) : 0.0;
              const auto activate = [&](double x) {
                if (activation == Activation::tanh) return std::tanh(x);
                if (activation != Activation::none) x = std::fmax(x, 0.0);
                return activation == Activation::relu6 ? std::fmin(x, 6.0) : x;
              };
              const double expected = first ? activate(sum) + more : activate(sum + more);
              worst = std::fmax(worst, std::fabs(static_cast<double>(output[place]) - expected) /
                                           std::fmax(1.0, std::fabs(expected)));
            }
          CHECK(worst < 0x1p-8);
        }
}

TEST_CASE("narrow products: what follows them") {
  check_epilogues(96);
  check_epilogues(1101);  // several blocks, whose sums wait; an odd number of pairs
}

/// Winograd's transforms round both factors, those of the weights' gradient too.
template <class Net, class Input>
void compare_winograd(int samples) {
  const MethodScope scope(ConvolutionMethod::winograd);
  compare_product<Net, Input>(samples, 3.0, detail::narrow_products ? 0x1p-7 : 1e-4);
}

TEST_CASE("narrow products: Winograd's filter") {
  compare_winograd<Conv<16, Kernel<3>>, Shape<4, 4, 16>>(1);
  compare_winograd<Conv<48, Kernel<3>>, Shape<9, 7, 16>>(3);  // odd sizes, one panel and a half
  compare_winograd<Conv<64, Kernel<3>, Padding<0>>, Shape<11, 12, 64>>(2);
  compare_winograd<Conv<32, Kernel<3>, Bias<false>>, Shape<33, 30, 96>>(2);  // several blocks of tiles
  compare_winograd<Conv<80, Kernel<3>>, Shape<3, 3, 560>>(5);
  compare_winograd<Conv<32, Kernel<3>>, Shape<5, 5, 32>>(1);  // an odd number of tiles
  compare_winograd<Conv<144, Kernel<3>>, Shape<5, 6, 128>>(3);
  compare_winograd<Conv<320, Kernel<3>>, Shape<61, 62, 160>>(1);  // more tiles than are transformed at once
}

TEST_CASE("narrow products: Winograd's filter with a stride of 2") {
  compare_winograd<Conv<16, Kernel<3>, Stride<2>>, Shape<8, 8, 16>>(1);
  compare_winograd<Conv<48, Kernel<3>, Stride<2>>, Shape<9, 7, 16>>(3);
  compare_winograd<Conv<64, Kernel<3>, Stride<2>, Padding<0>>, Shape<11, 14, 64>>(2);
  compare_winograd<Conv<32, Kernel<3>, Stride<2>, SamePadding, Bias<false>>, Shape<34, 30, 96>>(2);
  compare_winograd<Conv<80, Kernel<3>, Stride<2>>, Shape<5, 3, 560>>(5);
  compare_winograd<Conv<144, Kernel<3>, Stride<2>>, Shape<12, 10, 128>>(3);
  compare_winograd<Conv<320, Kernel<3>, Stride<2>>, Shape<61, 62, 160>>(2);
}

TEST_CASE("narrow products: linear layers") {
  compare_product<Linear<70>, Shape<1030>>(1);
  compare_product<Linear<70>, Shape<1030>>(2);
  compare_product<Linear<3>, Shape<5>>(37);
  compare_product<Linear<256>, Shape<2048>>(19);
}

/// The values of a convolution on `threads` threads, packed in advance or not.
template <class Net, class Input>
void compare_threads(int samples) {
  const MethodScope scope(ConvolutionMethod::direct);
  const auto at = [=](int threads) {
    const kernel_test::Threads threads_scope(threads);
    return run<operators::Convolution, Net, Input, BFloat16>(samples, false, true).values;
  };
  const auto alone = at(1);
  for (const int threads : {2, 3, 5, 8}) CHECK(at(threads) == alone);
}

TEST_CASE("narrow products: each row has one owner, however the threads divide them") {
  compare_threads<Conv<64, Kernel<3>>, Shape<14, 14, 64>>(1);
  compare_threads<Conv<64, Kernel<3>>, Shape<7, 7, 64>>(3);
  compare_threads<Conv<32, Kernel<3>>, Shape<5, 5, 32>>(7);
  compare_threads<Conv<96, Kernel<3>, Stride<2>>, Shape<23, 19, 32>>(2);
  compare_threads<Conv<32, Kernel<1>, Stride<2>>, Shape<57, 9, 32>>(2);
  compare_threads<Conv<320, Kernel<3>>, Shape<7, 7, 288>>(5);
}

TEST_CASE("narrow products do not depend on the number of threads") {
  using Net = Conv<40, Kernel<3>>;
  using Input = Shape<31, 30, 64>;
  const auto at = [](int threads) {
    const kernel_test::Threads scope(threads);
    return run<operators::Convolution, Net, Input, BFloat16>(2, false, false).values;
  };
  CHECK(at(1) == at(3));
  const MethodScope method(ConvolutionMethod::winograd);
  using Filter = Conv<48, Kernel<3>>;
  const auto filtered = [](int threads) {
    const kernel_test::Threads scope(threads);
    return run<operators::Convolution, Filter, Input, BFloat16>(2, false, false).values;
  };
  CHECK(filtered(1) == filtered(3));
}

TEST_CASE("narrow values: the other operators") {
  compare<operators::DepthwiseConvolution, DepthwiseConv<Kernel<3>>, Shape<9, 8, 43>>(2, 2.0);
  compare<operators::DepthwiseConvolution, DepthwiseConv<Kernel<3>, Stride<2>>, Shape<9, 8, 43>>(2, 2.0);
  compare<operators::BatchNorm, BatchNorm, Shape<9, 8, 43>>(5, 2.0);
  compare<operators::Activation, Relu, Shape<9, 8, 43>>(2, 2.0);
  compare<operators::Activation, Relu6, Shape<9, 8, 43>>(2, 2.0);
  compare<operators::Activation, Sigmoid, Shape<9, 8, 43>>(2, 2.0);
  compare<operators::Activation, Tanh, Shape<9, 8, 43>>(2, 2.0);
  compare<operators::MaxPool, MaxPool<3, Stride<2>>, Shape<9, 8, 43>>(2, 4.0);
  compare<operators::MaxPool, MaxPool<2>, Shape<9, 8, 43>>(2, 4.0);
  compare<operators::AveragePool, AveragePool<3, Stride<2>>, Shape<9, 8, 300>>(2, 2.0);
  compare<operators::GlobalAveragePool, GlobalAveragePool, Shape<9, 8, 300>>(2, 2.0);
  compare<operators::Dropout, Dropout<50>, Shape<9, 8, 43>>(2, 2.0);
  compare<operators::Add, Residual<Identity>, Shape<9, 8, 43>>(2, 2.0);
}

}  // namespace narrow_test
