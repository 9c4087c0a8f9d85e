// SPDX-License-Identifier: Apache-2.0
// The methods that give one label after the other.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

#include "method_rows.hpp"
#include "mmdl/annotation/cnn_rnn_method.hpp"
#include "mmdl/annotation/ria_method.hpp"
#include "mmdl/annotation/sr_cnn_rnn_method.hpp"

using namespace mmdl;

TEST_CASE_TEMPLATE("sequence methods: learn, repeat themselves, and survive a file", M,
                   RiaMethod<method_rows::Sizes, 24>, RiaFrequentFirstMethod<method_rows::Sizes, 24>,
                   SrCnnRnnMethod<method_rows::Sizes, 24>) {
  method_rows::check_method<M>(/*least_image_f1=*/0.7, 30, 0.01f);
}
TEST_CASE("CNN-RNN: learns, repeats itself, and survives a file") {
  method_rows::check_method<CnnRnnMethod<method_rows::Sizes, 24, 12>>(/*least_image_f1=*/0.6, 30, 0.01f);
}
