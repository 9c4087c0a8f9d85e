// SPDX-License-Identifier: Apache-2.0
// Tests of data/transform.hpp, resize.hpp and augmentation.hpp.
#include <doctest/doctest.h>

#include <array>
#include <mmdl/data/augmentation.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "golden_image.hpp"
#include "temporary_folder.hpp"

namespace transform_test {

using namespace mmdl;

TEST_CASE("resize equals Pillow's BILINEAR to within a level") {
  const RgbImage source = read_ppm("resize_source");
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{16, 16}, {64, 48}, {10, 40}, {37, 5}, {1, 1}, {74, 29}}) {
    const std::string name = "resize_" + std::to_string(width) + "x" + std::to_string(height);
    CAPTURE(name);
    CHECK(worst_difference(resize(source, width, height), read_ppm(name)) <= 1);
  }
  CHECK(worst_difference(resize(source, 12, 9, Box{4, 3, 27, 19}), read_ppm("resize_box")) <= 1);
}

TEST_CASE("resize to the same size changes nothing, and of one colour gives that colour") {
  const RgbImage source = test_picture(19, 23);
  CHECK(resize(source, 19, 23) == source);
  RgbImage plain(31, 17);
  for (auto& value : plain.pixels) value = 255;
  for (const int size : {1, 2, 3, 7, 100})
    for (const auto value : resize(plain, size, size).pixels) CHECK(value == 255);
}

TEST_CASE("resize of a part equals resize of the part cut out, and parts outside are refused") {
  const RgbImage source = test_picture(40, 30);
  const Box box{7, 5, 21, 18};
  CHECK(resize(source, 9, 8, box) == resize(crop(source, box), 9, 8));
  for (const Box bad :
       {Box{0, 0, 41, 1}, Box{0, 0, 1, 31}, Box{-1, 0, 2, 2}, Box{0, -1, 2, 2}, Box{39, 0, 2, 2},
        Box{0, 29, 2, 2}, Box{0, 0, 0, 1}, Box{2000000000, 0, 2000000000, 1}}) {
    CHECK_THROWS_AS(crop(source, bad), Error);
    CHECK_THROWS_AS(resize(source, 4, 4, bad), Error);
  }
  CHECK(error_of([&] { resize(source, 0, 4); }) == "resize: found 0x4, expected a size of 1x1 or more");
  CHECK_THROWS_AS(resize(RgbImage(), 4, 4), Error);
}

TEST_CASE("crops and mirror images take the right pixels") {
  const RgbImage source = test_picture(10, 7);
  const RgbImage middle = centre_crop(source, 4, 3);
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 4; ++x)
      for (int c = 0; c < 3; ++c) CHECK(middle.at(x, y)[c] == source.at(x + 3, y + 2)[c]);
  CHECK_THROWS_AS(centre_crop(source, 11, 3), Error);

  const RgbImage mirrored = flip_horizontal(source);
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 10; ++x)
      for (int c = 0; c < 3; ++c) CHECK(mirrored.at(x, y)[c] == source.at(9 - x, y)[c]);
  CHECK(flip_horizontal(mirrored) == source);

  std::set<std::pair<int, int>> corners;
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const RgbImage part = random_crop(source, 8, 6, random);
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 3; ++x)
        if (crop(source, {x, y, 8, 6}) == part) corners.insert({x, y});
  }
  CHECK(corners.size() == 6);  // every place comes up
  CHECK_THROWS_AS(random_crop(source, 11, 7, random), Error);
}

TEST_CASE("centre_box keeps the proportions asked for") {
  CHECK(centre_box(RgbImage(192, 128), 64, 64) == Box{32, 0, 128, 128});
  CHECK(centre_box(RgbImage(128, 192), 64, 64) == Box{0, 32, 128, 128});
  CHECK(centre_box(RgbImage(100, 100), 200, 100) == Box{0, 25, 100, 50});
  CHECK(centre_box(RgbImage(30, 20), 3, 2) == Box{0, 0, 30, 20});
  CHECK(centre_box(RgbImage(1000, 1), 1, 1000) == Box{499, 0, 1, 1});
  CHECK_THROWS_AS(centre_box(RgbImage(3, 3), 0, 1), Error);
}

TEST_CASE("normalise: (pixel / 255 - mean) / deviation") {
  RgbImage image(2, 1);
  image.pixels = {0, 128, 255, 51, 102, 204};
  std::array<float, 6> out{};
  normalise(image, Normalisation::minus_one_to_one(), out);
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(out[i] == doctest::Approx(static_cast<float>(image.pixels[i]) / 127.5f - 1.0f).epsilon(1e-6));
  normalise(image, Normalisation::imagenet(), out);
  CHECK(out[0] == doctest::Approx((0.0 - 0.485) / 0.229).epsilon(1e-6));
  CHECK(out[1] == doctest::Approx((128 / 255.0 - 0.456) / 0.224).epsilon(1e-6));
  CHECK(out[5] == doctest::Approx((0.8 - 0.406) / 0.225).epsilon(1e-6));
  CHECK(error_of([&] { normalise(image, {}, std::span(out).first(5)); }) ==
        "normalise: found room for 5 numbers, expected 6");
  CHECK_THROWS_AS(normalise(image, Normalisation{{0, 0, 0}, {1, 0, 1}}, out), Error);
}

TEST_CASE("augmentation: random boxes lie within the picture, keep their area and proportions") {
  const RgbImage image(300, 200);
  const Augmentation options{.flip = false, .random_crop = true, .min_area = 0.3f, .max_aspect = 1.25f};
  Random random(11);
  double smallest = 1, largest = 0;
  for (int i = 0; i < 500; ++i) {
    const Box box = random_box(image, options, random);
    REQUIRE(box.x >= 0);
    REQUIRE(box.y >= 0);
    REQUIRE(box.x + box.width <= 300);
    REQUIRE(box.y + box.height <= 200);
    const double part = box.width * box.height / 60000.0, aspect = box.width / 1.5 / box.height;
    smallest = std::min(smallest, part);
    largest = std::max(largest, part);
    CHECK(part > 0.29);
    CHECK(aspect > 0.78);
    CHECK(aspect < 1.28);
  }
  CHECK(smallest < 0.35);
  CHECK(largest > 0.9);

  const Augmentation exact{.flip = false, .random_crop = true, .min_area = 0.5f, .max_aspect = 1.0f};
  for (int i = 0; i < 50; ++i) {
    const Box box = random_box(image, exact, random, 1.0);
    CHECK(std::abs(box.width - box.height) <= 1);
  }
  // No square of the whole area fits: the middle.
  const Augmentation whole{.flip = false, .random_crop = true, .min_area = 1.0f, .max_aspect = 1.0f};
  CHECK(random_box(image, whole, random, 1.0) == Box{50, 0, 200, 200});
  CHECK(random_box(image, whole, random) == Box{0, 0, 300, 200});
}

TEST_CASE("augmentation depends on seed, epoch and sample, and on nothing else") {
  const RgbImage image = test_picture(50, 40);
  const Augmentation options{.flip = true, .random_crop = true};
  const auto result = [&](std::uint64_t seed, int epoch, int sample) {
    Random random = augmentation_random(seed, epoch, sample);
    return augment(image, options, Fit::stretch, 16, 16, random);
  };
  CHECK(result(1, 2, 3) == result(1, 2, 3));
  CHECK(result(1, 2, 3) != result(2, 2, 3));
  CHECK(result(1, 2, 3) != result(1, 3, 3));
  CHECK(result(1, 2, 3) != result(1, 2, 4));
  CHECK(result(1, 2, 3) != result(1, 3, 2));
}

TEST_CASE("augmentation that is off is a plain resize; flips come every second time") {
  const RgbImage image = test_picture(60, 40);
  Random random(3);
  CHECK(augment(image, {}, Fit::stretch, 20, 20, random) == resize(image, 20, 20));
  CHECK(augment(image, {}, Fit::centre_crop, 20, 20, random) == resize(image, 20, 20, Box{10, 0, 40, 40}));
  CHECK(random.index() == 0);
  const RgbImage mirrored = flip_horizontal(resize(image, 20, 20));
  int flips = 0;
  for (int i = 0; i < 400; ++i)
    flips += augment(image, {.flip = true}, Fit::stretch, 20, 20, random) == mirrored ? 1 : 0;
  CHECK(flips > 150);
  CHECK(flips < 250);
  CHECK_THROWS_AS(augment(image, {.min_area = 0.0f}, Fit::stretch, 2, 2, random), Error);
  CHECK_THROWS_AS(augment(image, {.min_area = 1.5f}, Fit::stretch, 2, 2, random), Error);
  CHECK_THROWS_AS(augment(image, {.max_aspect = 0.5f}, Fit::stretch, 2, 2, random), Error);
  CHECK_THROWS_AS(augment(image, {}, Fit::centre_crop, 0, 2, random), Error);
}

}  // namespace transform_test
