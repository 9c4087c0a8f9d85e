// SPDX-License-Identifier: Apache-2.0
// Choosing the method of convolutions while a model lives.
#include <doctest/doctest.h>

#include <cmath>
#include <mmdl/mmdl.hpp>

namespace convolution_method_test {

using namespace mmdl;

TEST_CASE("a model's scratch memory follows the method of convolutions, for one batch size") {
  using Net = Conv<128, Kernel<3>, Bias<false>>;
  using Image = Shape<48, 44, 128>;
  Tensor<Image> images(2);
  fill_normal(images, 1);
  const auto run = [&](Model<Net, Image>& model, ConvolutionMethod method) {
    set_convolution_method(method);
    auto result = model.predict(images);
    set_convolution_method(ConvolutionMethod::automatic);
    return result;
  };
  Model<Net, Image> fresh;
  const auto expected = run(fresh, ConvolutionMethod::winograd);
  Model<Net, Image> model;
  const auto direct = run(model, ConvolutionMethod::direct);
  const std::size_t direct_bytes = model.engine().workspace_bytes();
  CHECK(direct_bytes < fresh.engine().workspace_bytes());
  const auto changed = run(model, ConvolutionMethod::winograd);
  CHECK(model.engine().workspace_bytes() == fresh.engine().workspace_bytes());
  CHECK(changed == expected);
  CHECK(changed != direct);
  for (std::size_t i = 0; i < direct.size(); ++i)
    REQUIRE(std::fabs(changed.data()[i] - direct.data()[i]) < 1e-3f);
  CHECK(run(model, ConvolutionMethod::direct) == direct);
}

}  // namespace convolution_method_test
