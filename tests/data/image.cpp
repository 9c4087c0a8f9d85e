// SPDX-License-Identifier: Apache-2.0
// Tests of data/image.hpp: every kind of JPEG and PNG against Pillow's pixels, and every kind of damage.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <mmdl/data/image.hpp>
#include <string>
#include <vector>

#include "golden_image.hpp"
#include "temporary_folder.hpp"

namespace image_test {

using namespace mmdl;

namespace {

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string golden_bytes(const std::string& name) { return read_file(golden_image_path(name), 1 << 20); }

double mean_squared_difference(const RgbImage& a, const RgbImage& b) {
  REQUIRE(a.pixels.size() == b.pixels.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const double difference = static_cast<double>(a.pixels[i]) - static_cast<double>(b.pixels[i]);
    sum += difference * difference;
  }
  return sum / static_cast<double>(a.pixels.size());
}

}  // namespace

TEST_CASE("JPEG of every colour model decodes as Pillow decodes it") {
  for (const char* name : {"ycbcr", "progressive", "gray", "cmyk_adobe", "ycck_adobe", "cmyk_plain"}) {
    CAPTURE(name);
    const RgbImage image = read_image(golden_image_path(std::string(name) + ".jpg"));
    CHECK(worst_difference(image, read_ppm(name)) <= 2);
  }
}

TEST_CASE("the inks of an Adobe file are stored inverted, those of a plain file are not") {
  const RgbImage adobe = read_image(golden_image_path("cmyk_adobe.jpg"));
  const RgbImage plain = read_image(golden_image_path("cmyk_plain.jpg"));
  CHECK(worst_difference(adobe, plain) > 100);
}

TEST_CASE("Exif's eight orientations") {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    const std::string name = "exif_" + std::to_string(orientation);
    const RgbImage image = read_image(golden_image_path(name + ".jpg"));
    CHECK(image.width == (orientation < 5 ? 24 : 16));
    CHECK(worst_difference(image, read_ppm(name)) <= 2);
  }
  CHECK(worst_difference(read_image(golden_image_path("exif_6.png")), read_ppm("exif_6_png")) == 0);
}

TEST_CASE("Exif data that make no sense leave the picture as it is") {
  const std::string good = golden_bytes("exif_6.jpg");
  const std::size_t exif = good.find(std::string("Exif\0\0", 6)) + 6;
  const RgbImage upright = decode_image(as_bytes(golden_bytes("exif_1.jpg")), "upright");
  for (std::size_t i = 0; i < 8; ++i) {  // the TIFF header: order, 42, and where the directory is
    std::string bad = good;
    bad[exif + i] = static_cast<char>(0xF7);
    CHECK(decode_image(as_bytes(bad), "bad") == upright);
  }
}

TEST_CASE("PNG of every colour type decodes to the pixels written") {
  for (const char* name : {"rgb", "rgba", "gray8", "gray_alpha", "gray1", "palette", "palette_transparent",
                           "gray16", "gray_alpha16", "rgb16", "rgba16", "interlaced", "rgb_transparent"}) {
    CAPTURE(name);
    const RgbImage image = read_image(golden_image_path(std::string(name) + ".png"));
    CHECK(worst_difference(image, read_ppm(name)) <= 1);
  }
}

TEST_CASE("PNG loses nothing, JPEG little, through files too") {
  const TemporaryFolder folder;
  const RgbImage image = test_picture(33, 21);
  write_png(folder / "a.png", image);
  CHECK(read_image(folder / "a.png") == image);
  RgbImage smooth(64, 48);
  for (int y = 0; y < 48; ++y)
    for (int x = 0; x < 64; ++x)
      for (int c = 0; c < 3; ++c) smooth.at(x, y)[c] = static_cast<std::uint8_t>(2 * x + y + 20 * c);
  write_jpeg(folder / "a.jpg", smooth, 95);
  const RgbImage back = read_image(folder / "a.jpg");
  CHECK(mean_squared_difference(back, smooth) < 3);
  CHECK(encode_jpeg(smooth, 30).size() < encode_jpeg(smooth, 95).size());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) ==
        2);  // nothing left beside them
}

TEST_CASE("a target size decodes a much larger JPEG at a part of its size") {
  const std::vector<std::byte> bytes = encode_jpeg(test_picture(640, 480));
  const auto decoded = [&](int width, int height) {
    DecodeOptions options;
    options.target_width = width;
    options.target_height = height;
    const RgbImage image = decode_image(bytes, "photograph", options);
    return std::pair(image.width, image.height);
  };
  CHECK(decoded(0, 0) == std::pair(640, 480));
  CHECK(decoded(224, 224) == std::pair(640, 480));
  CHECK(decoded(120, 120) == std::pair(320, 240));
  CHECK(decoded(121, 121) == std::pair(640, 480));
  CHECK(decoded(64, 60) == std::pair(160, 120));
  CHECK(decoded(30, 30) == std::pair(80, 60));
  CHECK(decoded(1, 1) == std::pair(80, 60));
}

TEST_CASE("the target of a turned picture is turned, too") {
  const std::string bytes = golden_bytes("exif_6.jpg");  // stored 24x16, seen 16x24
  DecodeOptions options;
  options.target_width = 4;
  options.target_height = 6;
  const RgbImage image = decode_image(as_bytes(bytes), "turned", options);
  CHECK(image.width == 8);
  CHECK(image.height == 12);
}

TEST_CASE("an image cut short at any byte is an error of one line with its name") {
  for (const char* name : {"ycbcr.jpg", "progressive.jpg", "cmyk_adobe.jpg", "exif_5.jpg", "rgba.png",
                           "palette.png", "interlaced.png", "rgb16.png"}) {
    const std::string whole = golden_bytes(name);
    const bool jpeg = contains(name, ".jpg");
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::string part = whole.substr(0, size);
      const std::string message = error_of([&] { decode_image(as_bytes(part), "dir/some.jpg"); });
      CAPTURE(name);
      CAPTURE(size);
      CHECK(message.starts_with("dir/some.jpg: found "));
      CHECK(contains(message, ", expected "));
      if (size >= 4) CHECK(contains(message, jpeg ? "JPEG" : "PNG"));
    }
  }
}

TEST_CASE("a changed byte gives a picture or an Error, never anything else") {
  int refused = 0, decoded = 0;
  for (const char* name :
       {"ycbcr.jpg", "progressive.jpg", "gray.jpg", "palette_transparent.png", "rgba16.png"}) {
    const std::string whole = golden_bytes(name);
    DecodeOptions options;
    options.max_pixels = 1 << 20;
    for (std::size_t place = 0; place < whole.size(); ++place)
      for (const int change : {0xFF, 0x01}) {
        std::string bad = whole;
        bad[place] = static_cast<char>(bad[place] ^ change);
        if (error_of([&] { decode_image(as_bytes(bad), "bad", options); }).empty())
          ++decoded;
        else
          ++refused;
      }
  }
  CHECK(refused > 100);
  CHECK(decoded > 100);
}

TEST_CASE("not an image, not a file, absurd sizes") {
  const TemporaryFolder folder;
  write_file(folder / "text.jpg", "<html>not found</html>");
  CHECK(error_of([&] { read_image(folder / "text.jpg"); }) ==
        folder / "text.jpg" + ": found 22 bytes that begin with 3c 68 74 6d, expected a JPEG or PNG image");
  write_file(folder / "empty.png", "");
  CHECK(error_of([&] { read_image(folder / "empty.png"); }) ==
        folder / "empty.png" + ": found an empty file, expected a JPEG or PNG image");
  CHECK(contains(error_of([&] { read_image(folder / "absent.png"); }), folder / "absent.png: cannot"));
  CHECK(error_of([&] { read_image(folder.path); }) ==
        folder.path + ": found something that is not a plain file, expected a JPEG or PNG image");
  REQUIRE(::mkfifo((folder / "pipe.png").c_str(), 0600) == 0);
  CHECK(contains(error_of([&] { read_image(folder / "pipe.png"); }), "not a plain file"));
  CHECK(contains(error_of([&] { decode_image({}, "two\nlines"); }), "two\\x0alines: found an empty file"));

  std::string png = golden_bytes("rgb.png");
  std::string jpeg = golden_bytes("ycbcr.jpg");
  DecodeOptions small;
  small.max_pixels = 142;
  CHECK(contains(error_of([&] { decode_image(as_bytes(png), "a.png", small); }),
                 "a.png: found an image of 13x11 pixels, expected 1 to 142 pixels"));
  small.max_pixels = 143;
  CHECK(decode_image(as_bytes(png), "a.png", small).width == 13);
  small.max_pixels = 959;
  CHECK(contains(error_of([&] { decode_image(as_bytes(jpeg), "a.jpg", small); }),
                 "a.jpg: found an image of 40x24 pixels, expected 1 to 959 pixels"));

  // A JPEG that claims 65,535 x 65,535 pixels, above the default limit.
  const std::size_t frame = jpeg.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  for (std::size_t i = 5; i < 9; ++i) jpeg[frame + i] = static_cast<char>(0xFF);
  CHECK(contains(error_of([&] { decode_image(as_bytes(jpeg), "huge.jpg"); }), "huge.jpg: found "));
}

TEST_CASE("a PNG of a few bytes that promises millions of pixels is refused before memory is taken") {
  std::string png = golden_bytes("rgb.png");
  // Width and height of IHDR, and its checksum.
  const std::string header("IHDR\0\0\x20\0\0\0\x20\0\x08\x02\0\0\0", 17);
  png.replace(12, 17, header);
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : header) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  crc = ~crc;
  for (std::size_t i = 0; i < 4; ++i) png[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  CHECK(contains(error_of([&] { decode_image(as_bytes(png), "bomb.png"); }), "bytes for 8192x8192"));
}

TEST_CASE("only whole pictures are encoded") {
  RgbImage image = test_picture(4, 3);
  CHECK(contains(error_of([&] { encode_jpeg(image, 0); }), "quality: found 0, expected 1 to 100"));
  CHECK(contains(error_of([&] { encode_jpeg(image, 101); }), "quality: found 101, expected 1 to 100"));
  image.pixels.pop_back();
  CHECK(contains(error_of([&] { encode_png(image); }), "35 numbers for an image of 4x3"));
  CHECK(contains(error_of([&] { encode_jpeg(image); }), "35 numbers for an image of 4x3"));
  CHECK(contains(error_of([] { encode_png(RgbImage()); }), "0x0"));
  CHECK(contains(error_of([] { encode_jpeg(RgbImage(65501, 1)); }), "65501x1"));
  CHECK_THROWS_AS(RgbImage(0, 4), Error);
  CHECK_THROWS_AS(write_png("/nonexistent/folder/a.png", test_picture(2, 2)), Error);
}

}  // namespace image_test
