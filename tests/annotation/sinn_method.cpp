// SPDX-License-Identifier: Apache-2.0
// The method of concept layers.
#include "mmdl/annotation/sinn_method.hpp"

#include <doctest/doctest.h>

#include "method_rows.hpp"

namespace sinn_method_test {

TEST_CASE("SINN: learns, repeats itself, and survives a file") {
  method_rows::check_method<mmdl::SinnMethod<method_rows::Sizes>>(/*least_image_f1=*/0.7);
}

TEST_CASE("SINN: gives at least one label, and without tags in the data it still learns") {
  using Sizes = mmdl::MethodSizes<method_rows::features, 1, method_rows::labels>;
  mmdl::MethodRows train = method_rows::make_rows(240, 1), test = method_rows::make_rows(60, 3);
  mmdl::MethodRows held_out = method_rows::make_rows(40, 2);
  for (mmdl::MethodRows* rows : {&train, &held_out, &test}) {
    rows->tag_count = 0;
    for (auto& list : rows->tags) list.clear();
  }
  mmdl::SinnMethod<Sizes> method(0, method_rows::labels);
  method.train(train, held_out, {.epochs = 40, .batch = 16, .learning_rate = 0.02f});
  const mmdl::Annotations found = method.annotate(test);
  for (const auto& labels : found.labels) CHECK(!labels.empty());
  CHECK(method_rows::image_f1(test, found) > 0.7);
}

}  // namespace sinn_method_test
