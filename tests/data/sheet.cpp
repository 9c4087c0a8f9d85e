// SPDX-License-Identifier: Apache-2.0
// The sheet of annotated pictures: what it shows and how, escaping, and files whole or not at all.
#include <doctest/doctest.h>

#include <filesystem>
#include <limits>
#include <mmdl/data/sheet.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "temporary_folder.hpp"

namespace sheet_test {

namespace {

std::string page_of(const std::vector<mmdl::SheetEntry>& entries, const std::string& title = "Sheet",
                    const mmdl::SheetOptions& options = {}) {
  const TemporaryFolder temporary;
  mmdl::write_sheet_html(temporary / "sheet.html", title, entries, options);
  return mmdl::read_file(temporary / "sheet.html", 1 << 24);
}

mmdl::SheetEntry entry_with_picture() {
  mmdl::SheetEntry entry;
  entry.image = test_picture(24, 16);
  return entry;
}

/// The bytes of base64 text, by another way than the encoder's: bit by bit.
std::vector<std::byte> decode_base64(std::string_view text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<bool> bits;
  for (const char c : text) {
    if (c == '=') break;
    const auto value = digits.find(c);
    REQUIRE(value != std::string::npos);
    for (int bit = 5; bit >= 0; --bit) bits.push_back((value >> bit & 1U) != 0);
  }
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 8 <= bits.size(); i += 8) {
    unsigned value = 0;
    for (std::size_t k = 0; k < 8; ++k) value = value * 2 + (bits[i + k] ? 1U : 0U);
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

/// The picture that a page embeds first.
mmdl::RgbImage embedded(const std::string& page) {
  const std::string before = "src=\"data:image/jpeg;base64,";
  const std::size_t begin = page.find(before);
  REQUIRE(begin != std::string::npos);
  const std::size_t end = page.find('"', begin + before.size());
  REQUIRE(end != std::string::npos);
  return mmdl::decode_image(decode_base64(page.substr(begin + before.size(), end - begin - before.size())),
                            "embedded");
}

std::string base64_of(std::string_view text) {
  return mmdl::detail::base64(std::as_bytes(std::span(text.data(), text.size())));
}

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("sheet: base64 of RFC 4648, section 10") {
  CHECK(base64_of("") == "");
  CHECK(base64_of("f") == "Zg==");
  CHECK(base64_of("fo") == "Zm8=");
  CHECK(base64_of("foo") == "Zm9v");
  CHECK(base64_of("foob") == "Zm9vYg==");
  CHECK(base64_of("fooba") == "Zm9vYmE=");
  CHECK(base64_of("foobar") == "Zm9vYmFy");
  CHECK(base64_of("\xFB\xFF\xFE") == "+//+");
}

TEST_CASE("sheet: text is escaped") {
  using mmdl::detail::html_text;
  CHECK(html_text("<script>\"a\" & 'b'</script>") ==
        "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
  CHECK(html_text("blåbær \xE2\x98\x83") == "blåbær \xE2\x98\x83");
  CHECK(html_text("a\nb\xFFz") == "a\\x0ab\\xffz");
  CHECK(html_text(std::string(5000, '\x01')).size() == 20000);  // nothing is cut off
}

TEST_CASE("sheet: no name, tag, title or path becomes markup") {
  const TemporaryFolder temporary;
  const std::string evil = "</style><img src=x onerror='alert(1)'>\"&amp;";
  const std::string picture = temporary / "\"><b>.png";
  mmdl::write_png(picture, test_picture(20, 20));
  mmdl::SheetEntry entry;
  entry.image_path = picture;
  entry.labels = {{evil, 0.5f, true, true}, {evil, 0.5f, false, true}, {evil, 0.5f, false, false}};
  entry.missed = {evil};
  entry.tags = {evil};
  const std::string page = page_of({entry}, evil);
  CHECK_FALSE(contains(page, evil));
  CHECK_FALSE(contains(page, "<b>"));
  CHECK_FALSE(contains(page, "<img src=x"));
  CHECK(times(page, "<img ") == 1);
  CHECK(times(page, "</style>") == 1);
  CHECK(times(page, "&lt;/style&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot;&amp;amp;") ==
        7);  // the title twice
}

TEST_CASE("sheet: right, extra, unjudged and missed labels are told apart") {
  mmdl::SheetEntry entry = entry_with_picture();
  entry.labels = {{"sky", 0.876f, true, true}, {"boat", 0.5f, false, true}, {"sea", 1.0f, true, false}};
  entry.missed = {"sand"};
  entry.tags = {"holiday", "sun"};
  entry.predicted_quantity = 2.649f;
  const std::string page = page_of({entry, entry_with_picture()}, "Two & more");
  CHECK(contains(page, "<title>Two &amp; more</title>"));
  CHECK(contains(page, "<h1>Two &amp; more</h1>"));
  CHECK(contains(page, "2 pictures"));
  CHECK(contains(page, "<li class=\"right\">sky<small>88%</small></li>"));
  CHECK(contains(page, "<li class=\"extra\">boat<small>50%</small></li>"));
  CHECK(contains(page, "<li>sea<small>100%</small></li>"));
  CHECK(contains(page, "<li class=\"missed\">sand</li>"));
  CHECK(contains(page, "labels expected: 2.6<"));
  CHECK(contains(page, "<span>holiday</span> <span>sun</span>"));
  CHECK(contains(page, "<span class=\"right\">1 in the truth</span>"));
  CHECK(contains(page, "<span class=\"extra\">1 not in the truth</span>"));
  CHECK(contains(page, "<span class=\"missed\">1 missed</span>"));
  CHECK(contains(page, "1 of unknown truth"));
  CHECK(times(page, "<figure>") == 2);
  CHECK(times(page, "<p class=\"tags\">") == 1);  // the second has none
  CHECK(times(page, "labels expected") == 1);
  CHECK_FALSE(contains(page, "http://"));  // nothing is loaded from anywhere
  CHECK_FALSE(contains(page, "https://"));
  CHECK_FALSE(contains(page, "<script"));
}

TEST_CASE("sheet: a quantity has one decimal and a sign") {
  CHECK(mmdl::detail::one_decimal(0.0f) == "0.0");
  CHECK(mmdl::detail::one_decimal(-0.04f) == "0.0");
  CHECK(mmdl::detail::one_decimal(-1.26f) == "-1.3");
  CHECK(mmdl::detail::one_decimal(11.96f) == "12.0");
}

TEST_CASE("sheet: pictures are embedded, large ones shrunk in proportion, small ones as they are") {
  mmdl::SheetEntry entry = entry_with_picture();
  const auto small = embedded(page_of({entry}));
  CHECK(small.width == 24);
  CHECK(small.height == 16);
  const TemporaryFolder temporary;
  mmdl::write_png(temporary / "tall.png", test_picture(40, 120));
  entry.image_path = temporary / "tall.png";  // goes before `image`
  mmdl::SheetOptions options;
  options.thumbnail = 60;
  const auto tall = embedded(page_of({entry}, "Sheet", options));
  CHECK(tall.width == 20);
  CHECK(tall.height == 60);
  mmdl::write_png(temporary / "strip.png", test_picture(400, 1));
  entry.image_path = temporary / "strip.png";
  const auto strip = embedded(page_of({entry}, "Sheet", options));
  CHECK(strip.width == 60);
  CHECK(strip.height == 1);
}

TEST_CASE("sheet: a page without entries is a page") {
  const std::string page = page_of({});
  CHECK(contains(page, "0 pictures"));
  CHECK(page.ends_with("</html>\n"));
}

TEST_CASE("sheet: what cannot be shown is refused, and an older page stays") {
  const TemporaryFolder temporary;
  const std::string path = temporary / "sheet.html";
  mmdl::write_file(path, "old");
  const auto message = [&](auto change, mmdl::SheetOptions options = {}) {
    std::vector<mmdl::SheetEntry> entries{entry_with_picture(), entry_with_picture()};
    entries[1].labels = {{"sky", 0.5f, true, true}};
    change(entries[1]);
    const std::string text = error_of([&] { mmdl::write_sheet_html(path, "Sheet", entries, options); });
    CHECK(mmdl::read_file(path, 100) == "old");
    CHECK(std::distance(std::filesystem::directory_iterator(temporary.path), {}) == 1);
    return text;
  };
  const auto keep = [](auto&) {};
  CHECK(contains(message([](auto& e) { e.labels[0].probability = 1.5f; }),
                 "entry 1: label 'sky': found probability 1.5"));
  CHECK(contains(message([](auto& e) { e.labels[0].probability = std::numeric_limits<float>::quiet_NaN(); }),
                 "found probability nan"));
  CHECK(contains(message([](auto& e) { e.predicted_quantity = std::numeric_limits<float>::infinity(); }),
                 "entry 1: predicted_quantity: found inf"));
  CHECK(contains(message([](auto& e) { e.image = {}; }), "entry 1: found no picture"));
  CHECK(contains(message([&](auto& e) { e.image_path = temporary / "none.jpg"; }), "none.jpg"));
  CHECK(contains(message(keep, {15, 85}), "thumbnail: found 15, expected 16 to 2048"));
  CHECK(contains(message(keep, {2049, 85}), "thumbnail: found 2049"));
  CHECK(contains(message(keep, {256, 0}), "quality: found 0, expected 1 to 100"));
  CHECK(contains(error_of([&] {
                   mmdl::write_sheet_html(temporary / "no/sheet.html", "Sheet",
                                          std::vector<mmdl::SheetEntry>{});
                 }),
                 "No such file"));
}

}  // namespace sheet_test
