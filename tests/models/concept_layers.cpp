// SPDX-License-Identifier: Apache-2.0
// Concept layers against their equations, and their gradients.
#include "mmdl/models/concept_layers.hpp"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "mmdl/core/random.hpp"
#include "mmdl/training/check_gradients.hpp"
#include "mmdl/training/model.hpp"

namespace concept_layers_test {

namespace {

using mmdl::List, mmdl::Shape;
using Inputs = List<Shape<5>, Shape<3>, Shape<4>>;
static_assert(std::is_same_v<mmdl::output_shape<mmdl::ConceptLayers, Inputs>, Inputs>);
static_assert(mmdl::parameter_count<mmdl::ConceptLayers, Inputs> ==
              4 * (25 + 9 + 16 + 5 + 3 + 4) + 2 * (15 + 12) + (3 + 4) + (3 + 5));

using Vector = std::vector<double>;
using Net = mmdl::Model<mmdl::ConceptLayers, Inputs>;

/// x * weight + bias, by their names.
Vector linear(Net& net, const std::string& name, const Vector& x) {
  const auto weight = net.parameter(name + ".linear1.weight"), bias = net.parameter(name + ".linear1.bias");
  Vector y(bias.begin(), bias.end());
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < y.size(); ++j) y[j] += x[i] * static_cast<double>(weight[i * y.size() + j]);
  return y;
}

Vector operator+(Vector a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

}  // namespace

TEST_CASE("concept layers: the equations, layer by layer") {
  Net net(7);
  std::vector<Vector> x{Vector(5), Vector(3), Vector(4)};
  mmdl::Tensor<Shape<5>> first(1);
  mmdl::Tensor<Shape<3>> second(1);
  mmdl::Tensor<Shape<4>> third(1);
  const auto fill = [&](auto& tensor, std::size_t layer) {
    for (std::size_t i = 0; i < x[layer].size(); ++i) {
      tensor.data()[i] = mmdl::random_normal(1, layer, i);
      x[layer][i] = static_cast<double>(tensor.data()[i]);
    }
  };
  fill(first, 0), fill(second, 1), fill(third, 2);
  const auto [y1, y2, y3] = net.predict(first, second, third);

  const Vector down1 = linear(net, "down.layer1.within", x[0]);
  const Vector down2 = linear(net, "down.layer2.between", down1) + linear(net, "down.layer2.within", x[1]);
  const Vector down3 = linear(net, "down.layer3.between", down2) + linear(net, "down.layer3.within", x[2]);
  const Vector up3 = linear(net, "up.layer1.within", x[2]);
  const Vector up2 = linear(net, "up.layer2.between", up3) + linear(net, "up.layer2.within", x[1]);
  const Vector up1 = linear(net, "up.layer3.between", up2) + linear(net, "up.layer3.within", x[0]);
  const auto check = [&](const auto& y, const std::string& layer, const Vector& down, const Vector& up) {
    const Vector expected = linear(net, layer + ".down", down) + linear(net, layer + ".up", up);
    REQUIRE(y.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(static_cast<double>(y.data()[i]) == doctest::Approx(expected[i]).epsilon(1e-5));
  };
  check(y1, "merge.layer1", down1, up1);
  check(y2, "merge.layer2", down2, up2);
  check(y3, "merge.layer3", down3, up3);
}

TEST_CASE_TEMPLATE("concept layers: gradients", In, Shape<6>, List<Shape<5>, Shape<4>>, Inputs) {
  const mmdl::GradientReport result = mmdl::check_gradients<mmdl::ConceptLayers, In>();
  INFO(result.report);
  CHECK(result.ok);
}

}  // namespace concept_layers_test
