// SPDX-License-Identifier: Apache-2.0
// The methods that are a linear layer over features.
#include "mmdl/annotation/linear_methods.hpp"

#include <doctest/doctest.h>

#include "method_rows.hpp"

namespace linear_methods_test {

TEST_CASE_TEMPLATE("linear methods: learn, repeat themselves, and survive a file", M,
                   mmdl::LogisticMethod<method_rows::Sizes>, mmdl::SoftmaxMethod<method_rows::Sizes>,
                   mmdl::WarpMethod<method_rows::Sizes>) {
  method_rows::check_method<M>(/*least_image_f1=*/0.6);
}

}  // namespace linear_methods_test
