// SPDX-License-Identifier: Apache-2.0
// Inference in slices of a batch.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <mmdl/mmdl.hpp>

namespace predict_test {

using namespace mmdl;

TEST_CASE("predict: slices are equal, of 4 samples or more, and as few as the budget allows") {
  CHECK(detail::inference_slices(0, 100) == 0);
  CHECK(detail::inference_slices(1, 1L << 40) == 1);
  CHECK(detail::inference_slices(4, 1L << 40) == 1);
  CHECK(detail::inference_slices(5, 1L << 40) == 2);
  CHECK(detail::inference_slices(8, 1L << 40) == 2);
  CHECK(detail::inference_slices(1000, 0) == 1);
  CHECK(detail::inference_slices(32, 1L << 20) == 1);
  CHECK(detail::inference_slices(33, 1L << 20) == 2);
  CHECK(detail::slice_begin(19, 0, 3) == 0);
  CHECK(detail::slice_begin(19, 3, 3) == 19);
  for (int slice = 0; slice < 3; ++slice) {
    const int count = detail::slice_begin(19, slice + 1, 3) - detail::slice_begin(19, slice, 3);
    CHECK(count >= 6);
    CHECK(count <= 7);
  }
}

TEST_CASE("predict: a batch in slices gives what its samples give alone, and its memory does not grow") {
  // 8 MiB of activations a sample, two outputs, two inputs.
  using Wide = Sequential<Conv<128, Kernel<1>>, Relu, AveragePool<4>, GlobalAveragePool>;
  using Net = Sequential<Parallel<Wide, Linear<5>>>;
  using Input = List<Shape<128, 128, 2>, Shape<3>>;
  Model<Net, Input> model;
  const int samples = 19;
  Tensor<Shape<128, 128, 2>> images(samples);
  Tensor<Shape<3>> vectors(samples);
  fill_normal(images, 1);
  fill_normal(vectors, 2);
  const auto [pooled, linear] = model.predict(images, vectors);
  REQUIRE(pooled.samples() == samples);
  const std::size_t bytes = model.engine().arena_bytes();
  CHECK(bytes <= 4U * static_cast<std::size_t>(inference_bytes<Net, Input>));
  CHECK(bytes < static_cast<std::size_t>(samples) * static_cast<std::size_t>(inference_bytes<Net, Input>));
  for (int i = 0; i < samples; ++i) {
    Tensor<Shape<128, 128, 2>> image(1);
    Tensor<Shape<3>> vector(1);
    std::copy_n(images.data() + static_cast<long>(i) * Shape<128, 128, 2>::size, Shape<128, 128, 2>::size,
                image.data());
    std::copy_n(vectors.data() + 3L * i, 3, vector.data());
    const auto alone = model.predict(image, vector);
    for (int c = 0; c < 128; ++c) CHECK(std::fabs(std::get<0>(alone)(0, c) - pooled(i, c)) < 1e-5f);
    for (int c = 0; c < 5; ++c) CHECK(std::fabs(std::get<1>(alone)(0, c) - linear(i, c)) < 1e-5f);
  }
}

}  // namespace predict_test
