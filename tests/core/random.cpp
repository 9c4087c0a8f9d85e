// SPDX-License-Identifier: Apache-2.0
// The generator against its authors' published vectors, and the numbers made from it against their
// distributions.
#include "mmdl/core/random.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "mmdl/core/tensor.hpp"

namespace random_test {

using namespace mmdl;

TEST_CASE("Philox 4x32-10: the known answers of Random123") {
  using Words = std::array<std::uint32_t, 4>;
  CHECK(random_bits(0, 0, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint64_t ones = 0xffffffffffffffffU;
  CHECK(random_bits(ones, ones, ones) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  // counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0: the digits of pi
  CHECK(random_bits(0x299f31d0a4093822U, 0x0370734413198a2eU, 0x85a308d3243f6a88U) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform and normal numbers have the moments they should") {
  constexpr int count = 200'000;
  double sum = 0.0, squares = 0.0, fourth = 0.0, uniform_sum = 0.0, uniform_squares = 0.0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double z = static_cast<double>(random_normal(11, 3, i));
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
    const double u = static_cast<double>(random_uniform(11, 4, i));
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    uniform_sum += u;
    uniform_squares += u * u;
  }
  CHECK(std::fabs(sum / count) < 0.01);
  CHECK(squares / count == doctest::Approx(1.0).epsilon(0.02));
  CHECK(fourth / count == doctest::Approx(3.0).epsilon(0.05));
  CHECK(uniform_sum / count == doctest::Approx(0.5).epsilon(0.01));
  CHECK(uniform_squares / count == doctest::Approx(1.0 / 3.0).epsilon(0.01));
}

TEST_CASE("a filled range is the sequence of single numbers, wherever it begins") {
  float numbers[23] = {};
  detail::fill_normals(numbers, 0, 23, 5, 6, 2.0f);
  for (std::uint64_t i = 0; i < 23; ++i) CHECK(numbers[i] == 2.0f * random_normal(5, 6, i));
  float part[23] = {};
  detail::fill_normals(part, 8, 23, 5, 6, 2.0f);
  for (int i = 8; i < 23; ++i) CHECK(part[i] == numbers[i]);
}

TEST_CASE("below stays below") {
  Random random(1, 2);
  int seen[7] = {};
  for (int i = 0; i < 7000; ++i) ++seen[random.below(7)];
  for (int count : seen) CHECK(std::abs(count - 1000) < 150);
  const std::uint64_t place = random.index();
  const float next = random.uniform();
  random.seek(place);
  CHECK(random.uniform() == next);
}

}  // namespace random_test
