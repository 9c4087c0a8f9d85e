// SPDX-License-Identifier: Apache-2.0
// Convolutions whose lines a depthwise one computes: the same results, from less memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "mmdl/mmdl.hpp"
#include "networks.hpp"
#include "run_program.hpp"

namespace stream_lines_test {

using namespace mmdl;
using detail::Mode;

namespace {

template <class Net, class Input, Mode mode = Mode::inference>
constexpr int streamed() {
  constexpr auto& graph = detail::Program<Net, Input, mode>::graph;
  int total = 0;
  for (const detail::Node& node : graph.nodes) total += node.streamed ? 1 : 0;
  return total;
}

/// Knows no network's type, so that it is compiled once for all of them.
template <class T>
void expect_near(const networks::Run<T>& whole, const networks::Run<T>& streamed, double tolerance) {
  REQUIRE(whole.outputs.size() == streamed.outputs.size());
  double scale = 0.0, difference = 0.0;
  bool finite = true;
  for (std::size_t i = 0; i < whole.outputs.size(); ++i) {
    const auto a = static_cast<double>(whole.outputs[i]), b = static_cast<double>(streamed.outputs[i]);
    finite = finite && std::isfinite(a) && std::isfinite(b);
    scale = std::max(scale, std::fabs(a));
    difference = std::max(difference, std::fabs(a - b));
  }
  REQUIRE(finite);
  CHECK(scale > 0.0);
  CHECK(difference <= tolerance * scale);
}

template <class Net, class Input, class T>
void compare(double tolerance) {
  using Lines = detail::Program<Net, Input, Mode::inference>;
  using Whole = detail::Program<Net, Input, Mode::inference, false>;
  static_assert(streamed<Net, Input>() > 0);
  Model<Net, Input, Cpu<T>> model;
  for (const int samples : {1, 3}) {
    const auto expected = networks::run<Whole, Mode::inference>(model, samples);
    for (const int threads : {1, 2, 3})
      for (const bool packed : {false, true}) {
        CAPTURE(samples);
        CAPTURE(threads);
        CAPTURE(packed);
        const int before = thread_count();
        set_thread_count(threads);
        model.prepare_inference(packed);
        expect_near(expected, networks::run<Lines, Mode::inference>(model, samples), tolerance);
        set_thread_count(before);
        model.prepare_inference(false);
      }
  }
}

template <class Net, class Input>
void compare() {
  compare<Net, Input, float>(1e-5);
  compare<Net, Input, BFloat16>(2e-2);
}

using Photo = Shape<224, 224, 3>;
using Map = Shape<57, 59, 20>;
using Point = Conv<24, Kernel<1>>;
using Deep = DepthwiseConv<Kernel<3>>;

}  // namespace

TEST_CASE("streamed convolutions compute what whole ones do") {
  using First =
      Sequential<Conv<13, Kernel<3>, Stride<2>, Bias<false>>, BatchNorm, Relu6, Deep, BatchNorm, Relu6>;
  compare<First, Shape<115, 117, 3>>();
  compare<First, Shape<115, 117, 3>, double>(1e-12);
  compare<Sequential<Point, Relu, DepthwiseConv<Kernel<3>, Stride<2>, SamePadding>, Sigmoid>, Map>();
  compare<Sequential<Point, Tanh, DepthwiseConv<Kernel<5>, Stride<3>, Padding<0>>>, Map>();
  compare<Sequential<Point, DepthwiseConv<Kernel<3>, Dilation<2>, Bias<false>>, Point, Deep>, Map>();
}

TEST_CASE("what is streamed, and what is not") {
  static_assert(streamed<MultiScale<MobileNet<>, NoFusion>, Photo>() == 4);
  static_assert(streamed<MultiScale<MobileNet<>, NoFusion>, Photo, Mode::training>() == 0);
  static_assert(streamed<MobileNet<>, Photo>() == 2);  // two of them are scales, which are outputs
  static_assert(streamed<Sequential<Point, Deep>, Map>() == 1);
  static_assert(streamed<Sequential<Point, Deep>, Shape<28, 28, 20>>() == 0);     // it stays in the caches
  static_assert(streamed<Sequential<Point, Conv<24, Kernel<3>>>, Map>() == 0);    // no depthwise reader
  static_assert(streamed<Sequential<Conv<24, Kernel<3>>, Deep>, Map>() == 0);     // Winograd wants tiles
  static_assert(streamed<Sequential<Point, Residual<Deep>>, Map>() == 0);         // another reader
  static_assert(streamed<Sequential<Point, Heads<Deep, Identity>>, Map>() == 0);  // an output
  static_assert(
      streamed<Sequential<Conv<20, Kernel<1>>, Residual<Conv<20, Kernel<1>>>, DepthwiseConv<Kernel<3>>>,
               Map>() == 0);  // with a residual
  static_assert(streamed<Sequential<Relu, Deep>, Map>() == 0);
}

TEST_CASE("a streamed value takes no memory") {
  constexpr long map = 57 * 59 * 4;
  static_assert(
      inference_bytes<Sequential<Relu, Conv<64, Kernel<1>>, DepthwiseConv<Kernel<3>>, GlobalAveragePool>,
                      Map> < map * (20 + 64) + 4096);
}

}  // namespace stream_lines_test
