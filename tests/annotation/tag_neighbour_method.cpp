// SPDX-License-Identifier: Apache-2.0
// The method of images with similar tags.
#include "mmdl/annotation/tag_neighbour_method.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "method_rows.hpp"

namespace tag_neighbour_method_test {

TEST_CASE("TagNeighbour: learns, repeats itself, and survives a file") {
  method_rows::check_method<mmdl::TagNeighbourMethod<method_rows::Sizes>>(/*least_image_f1=*/0.6, 15, 0.003f);
}

TEST_CASE("TagNeighbour: what an image does not show, its neighbours do") {
  // Features of half the images say nothing. Their tags lead to images whose features do.
  mmdl::MethodRows train = method_rows::make_rows(300, 1), test = method_rows::make_rows(100, 3);
  for (mmdl::MethodRows* rows : {&train, &test})
    for (std::size_t i = 0; i < rows->tags.size(); ++i) rows->tags[i] = rows->labels[i];
  const auto blank = std::make_shared<std::vector<float>>(method_rows::features, 0.0f);
  test.features = [blank](long, int) { return std::span<const float>(*blank); };
  const auto clear = train.features;
  train.features = [blank, clear](long sample, int view) {
    return sample % 2 == 0 ? std::span<const float>(*blank) : clear(sample, view);
  };
  mmdl::MethodRows held_out = method_rows::make_rows(40, 2);
  mmdl::TagNeighbourMethod<method_rows::Sizes> method(method_rows::tags, method_rows::labels);
  method.train(train, held_out, {.epochs = 15, .batch = 16, .patience = 0, .learning_rate = 0.003f});
  CHECK(method_rows::image_f1(test, method.annotate(test)) > 0.55);
  for (auto& list : test.tags) list.clear();
  CHECK(method_rows::image_f1(test, method.annotate(test)) < 0.5);
}

}  // namespace tag_neighbour_method_test
