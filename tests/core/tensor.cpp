// SPDX-License-Identifier: Apache-2.0
// Shapes, lists, tensors.
#include "mmdl/core/tensor.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <type_traits>

namespace tensor_test {

using namespace mmdl;

static_assert(Shape<4, 5, 3>::size == 60);
static_assert(Shape<100'000, 100'000>::size == 10'000'000'000);
static_assert(std::is_same_v<detail::At<1, List<int, float, char>>, float>);
static_assert(std::is_same_v<detail::AsList<Shape<3>>, List<Shape<3>>>);
static_assert(std::is_same_v<detail::Unwrap<List<Shape<3>>>, Shape<3>>);
static_assert(std::is_same_v<detail::Unwrap<List<Shape<3>, Shape<4>>>, List<Shape<3>, Shape<4>>>);

TEST_CASE("a tensor is zero at first, aligned, and NHWC") {
  Tensor<Shape<2, 3, 4>> t(5);
  CHECK(t.samples() == 5);
  CHECK(t.size() == 120);
  CHECK(reinterpret_cast<std::uintptr_t>(t.data()) % 64 == 0);
  for (std::size_t i = 0; i < t.size(); ++i) CHECK(t.data()[i] == 0.0f);
  t(3, 1, 2, 3) = 7.0f;
  CHECK(t.data()[3 * 24 + 1 * 12 + 2 * 4 + 3] == 7.0f);
  CHECK(t[3][23] == 7.0f);
  CHECK(Shape<2, 3, 4>::str() == "2x3x4");
}

TEST_CASE("copies are their own, moves leave nothing behind") {
  Tensor<Shape<3>> a(2);
  fill_normal(a, 4);
  Tensor<Shape<3>> b = a;
  CHECK(a == b);
  b(1, 2) += 1.0f;
  CHECK_FALSE(a == b);
  const Tensor<Shape<3>> c = std::move(b);
  CHECK(c.samples() == 2);
  a = c;
  CHECK(a == c);
  a = Tensor<Shape<3>>(1);
  CHECK(a.samples() == 1);
  CHECK_FALSE(a == c);
  a(0, 0) = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(a == a);
}

TEST_CASE("resizing zeroes, and a negative size is refused") {
  Tensor<Shape<2>> t(3);
  fill_uniform(t, 1, 2.0f, 3.0f);
  for (std::size_t i = 0; i < t.size(); ++i) CHECK((t.data()[i] >= 2.0f && t.data()[i] <= 3.0f));
  t.resize(2);
  CHECK(t(1, 1) == 0.0f);
  CHECK_THROWS_WITH_AS(t.resize(-1), "Tensor: samples: found -1, expected 0 or more", Error);
  t.resize_unfilled(5);
  CHECK(t.samples() == 5);
  CHECK(t.size() == 10);
  CHECK_THROWS_WITH_AS(t.resize_unfilled(-1), "Tensor: samples: found -1, expected 0 or more", Error);
}

}  // namespace tensor_test
