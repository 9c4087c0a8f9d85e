// SPDX-License-Identifier: Apache-2.0
// The built-in scenes: the same every time, labelled within bounds, and written whole or not at all.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <mmdl/data/image.hpp>
#include <mmdl/data/scenes.hpp>
#include <set>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace scenes_test {

namespace {

mmdl::SceneOptions small_options(int train, int test) {
  mmdl::SceneOptions options;
  options.train = train;
  options.test = test;
  options.size = 32;
  options.seed = 5;
  return options;
}

/// Every file below a folder, with its bytes.
std::vector<std::pair<std::string, std::string>> contents_of(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files.emplace_back(std::filesystem::relative(entry.path(), folder).string(),
                         mmdl::read_file(entry.path().string(), 1 << 24));
  std::sort(files.begin(), files.end());
  return files;
}

int entries_in(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

}  // namespace

TEST_CASE("scenes: the labels are forty distinct names in a fixed order") {
  const auto labels = mmdl::scene_labels();
  REQUIRE(labels.size() == 40);
  CHECK(labels.front() == "sky");
  CHECK(labels[11] == "mountain");
  CHECK(labels[28] == "night");
  CHECK(labels.back() == "forest");
  CHECK(std::set<std::string>(labels.begin(), labels.end()).size() == 40);
}

TEST_CASE("scenes: the words of tags are a few hundred, distinct, sorted, and name every label") {
  const auto& words = mmdl::scene_tag_words();
  CHECK(words.size() >= 350);
  CHECK(words.size() <= 500);
  CHECK(std::is_sorted(words.begin(), words.end()));
  CHECK(std::adjacent_find(words.begin(), words.end()) == words.end());
  for (const auto& word : words)
    CHECK(std::all_of(word.begin(), word.end(),
                      [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }));
  for (const auto& label : mmdl::scene_labels()) CHECK(std::binary_search(words.begin(), words.end(), label));
}

TEST_CASE("scenes: a scene depends on its seed and index alone") {
  const auto options = small_options(1, 0);
  const auto first = mmdl::draw_scene(3, 17, options);
  (void)mmdl::draw_scene(3, 18, options);
  const auto again = mmdl::draw_scene(3, 17, options);
  CHECK(first.image == again.image);
  CHECK(first.labels == again.labels);
  CHECK(first.tags == again.tags);
  CHECK_FALSE(first.image == mmdl::draw_scene(3, 18, options).image);
  CHECK_FALSE(first.image == mmdl::draw_scene(4, 17, options).image);
}

TEST_CASE("scenes: a habit of tagging changes tags, not pictures") {
  auto options = small_options(1, 0);
  const auto plain = mmdl::draw_scene(3, 17, options);
  options.tag_untagged = 1;
  const auto untagged = mmdl::draw_scene(3, 17, options);
  CHECK(plain.image == untagged.image);
  CHECK(plain.labels == untagged.labels);
  CHECK(untagged.tags.empty());
}

TEST_CASE("scenes: with keep 1 and no noise every label is tagged by one of its words, and nothing else is") {
  auto options = small_options(1, 0);
  options.tag_keep = 1;
  options.tag_confuse = options.tag_unrelated = options.tag_untagged = 0;
  const auto& words = mmdl::detail::scenes::Words::instance();
  for (std::uint64_t index = 0; index < 40; ++index) {
    const auto scene = mmdl::draw_scene(1, index, options);
    std::set<std::string> allowed;
    for (const int label : scene.labels) {
      const auto& of_label = words.of_label[static_cast<std::size_t>(label)];
      allowed.insert(of_label.begin(), of_label.end());
      CHECK(std::any_of(of_label.begin(), of_label.end(), [&](const std::string& word) {
        return std::find(scene.tags.begin(), scene.tags.end(), word) != scene.tags.end();
      }));
    }
    for (const auto& tag : scene.tags) CHECK(allowed.count(tag) == 1);
  }
}

TEST_CASE("scenes: one to eight labels, few in most, many in some; common labels and rare ones") {
  constexpr int count = 1200;
  const auto options = small_options(1, 0);
  const auto& words = mmdl::scene_tag_words();
  std::array<int, 9> quantity{};
  std::array<int, 40> frequency{};
  int untagged = 0, tagged_true = 0, labels = 0, tags = 0;
  for (int i = 0; i < count; ++i) {
    const auto scene = mmdl::draw_scene(1, static_cast<std::uint64_t>(i), options);
    REQUIRE(scene.labels.size() >= 1);
    REQUIRE(scene.labels.size() <= 8);
    ++quantity[scene.labels.size()];
    CHECK(std::is_sorted(scene.labels.begin(), scene.labels.end()));
    CHECK(std::adjacent_find(scene.labels.begin(), scene.labels.end()) == scene.labels.end());
    const std::set<std::string> distinct(scene.tags.begin(), scene.tags.end());
    CHECK(distinct.size() == scene.tags.size());
    for (const auto& tag : scene.tags) CHECK(std::binary_search(words.begin(), words.end(), tag));
    for (const int label : scene.labels) {
      ++frequency.at(static_cast<std::size_t>(label));
      ++labels;
      const auto& of_label =
          mmdl::detail::scenes::Words::instance().of_label[static_cast<std::size_t>(label)];
      tagged_true += std::any_of(of_label.begin(), of_label.end(),
                                 [&](const std::string& word) { return distinct.count(word) == 1; });
    }
    untagged += scene.tags.empty();
    tags += static_cast<int>(scene.tags.size());
  }
  const auto most = std::max_element(quantity.begin(), quantity.end()) - quantity.begin();
  CHECK((most == 2 || most == 3));
  CHECK(quantity[1] > count / 50);
  CHECK(quantity[7] > count / 100);
  CHECK(quantity[8] > count / 200);
  CHECK(quantity[8] < quantity[static_cast<std::size_t>(most)] / 3);
  const double commonest = *std::max_element(frequency.begin(), frequency.end());
  CHECK(commonest > 0.35 * count);
  CHECK(*std::min_element(frequency.begin(), frequency.end()) > 0);
  CHECK(std::count_if(frequency.begin(), frequency.end(), [](int n) { return n < 0.02 * count; }) >= 3);
  CHECK(std::count_if(frequency.begin(), frequency.end(), [](int n) { return n > 0.15 * count; }) >= 3);
  CHECK(untagged > 0.02 * count);
  CHECK(untagged < 0.12 * count);
  CHECK(tagged_true > 0.40 * labels);  // 0.5 x (1 - 0.06), and shared words and confusions beside
  CHECK(tagged_true < 0.70 * labels);
  CHECK(tags > 3.5 * count);
  CHECK(tags < 7.5 * count);
}

TEST_CASE("scenes: labels of the whole picture agree with its parts") {
  const auto names = mmdl::scene_labels();
  const auto options = small_options(1, 0);
  const auto number = [&](const char* name) {
    return static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  int seen = 0;
  for (std::uint64_t i = 0; i < 600; ++i) {
    const auto labels = mmdl::draw_scene(2, i, options).labels;
    const auto has = [&](const char* name) {
      return std::binary_search(labels.begin(), labels.end(), number(name));
    };
    const auto implies = [&](const char* whole, const char* part) {
      if (!has(whole)) return;
      ++seen;
      CHECK(has(part));
    };
    implies("beach", "sand");
    implies("beach", "water");
    implies("reflection", "water");
    implies("crowd", "person");
    implies("forest", "tree");
    implies("night", "sky");
    implies("sunset", "sky");
    implies("winter", "snow");
    implies("garden", "flowers");
    if (has("indoor")) CHECK_FALSE(has("rain"));
    if (has("night")) CHECK_FALSE(has("sunset"));
    if (has("moon")) CHECK_FALSE(has("sun"));
  }
  CHECK(seen > 100);
}

TEST_CASE("scenes: a label is given for what is seen, not for what was painted") {
  using namespace mmdl::detail::scenes;
  const auto labels_of = [](float cover) {
    Painter painter(128, 128, mmdl::Random(1));
    painter.lay(painter.canvas.everywhere(), make_surface(painter.random, Label::grass), -9);
    draw_person(painter, Pose{{0.5f, 0.8f}, 0.5f}, 0.1f);
    painter.fill(Pose{}, Rectangle{0, 0, 1, cover}, painter.begin(Label::none, 0), [](Point, Point) {
      return Tint({0, 0, 0});
    });
    return seen_labels(painter);
  };
  CHECK(labels_of(0.0f) == std::vector<Label>{Label::grass, Label::person});
  CHECK(labels_of(0.4f) == std::vector<Label>{Label::grass, Label::person});
  CHECK(labels_of(0.76f) == std::vector<Label>{Label::grass});
  CHECK(labels_of(0.97f).empty());
}

TEST_CASE("scenes: a thing in the colours of what is behind it is not seen") {
  using namespace mmdl::detail::scenes;
  const auto labels_of = [](Color color) {
    Painter painter(128, 128, mmdl::Random(1));
    painter.fill(Pose{}, painter.canvas.everywhere(), Brush{}, [](Point, Point) {
      return Tint({0.5f, 0.5f, 0.5f});
    });
    painter.fill(Pose{}, Rectangle{0.2f, 0.2f, 0.6f, 0.6f}, painter.begin(Label::car, 0),
                 [&](Point, Point) { return Tint(color); });
    return seen_labels(painter);
  };
  CHECK(labels_of({0.5f, 0.5f, 0.7f}) == std::vector<Label>{Label::car});
  CHECK(labels_of({0.54f, 0.46f, 0.54f}).empty());
}

TEST_CASE("scenes: pictures may be wider than high") {
  auto options = small_options(1, 0);
  options.stretch = 0.5f;
  std::set<int> widths;
  for (std::uint64_t i = 0; i < 12; ++i) {
    const auto scene = mmdl::draw_scene(1, i, options);
    CHECK(scene.image.height == 32);
    CHECK(scene.image.width >= 32);
    CHECK(scene.image.width <= 48);
    CHECK(scene.image.pixels.size() == static_cast<std::size_t>(3 * 32 * scene.image.width));
    widths.insert(scene.image.width);
  }
  CHECK(widths.size() > 3);
}

TEST_CASE("scenes: the written data set can be read, and is the same on any number of threads") {
  const TemporaryFolder temporary;
  const auto options = small_options(11, 4);
  const int threads = mmdl::thread_count();
  mmdl::set_thread_count(1);
  mmdl::write_scenes(temporary / "one", options);
  mmdl::set_thread_count(3);
  mmdl::write_scenes(temporary / "three/", options);
  mmdl::set_thread_count(threads);
  CHECK(entries_in(temporary.path) == 2);  // nothing left beside them
  const auto files = contents_of(temporary / "one");
  CHECK(files.size() == 17);
  CHECK(files == contents_of(temporary / "three"));

  const auto train = mmdl::read_manifest(temporary / "one/train.json");
  const auto test = mmdl::read_manifest(temporary / "one/test.json");
  CHECK(train.labels == mmdl::scene_labels());
  CHECK(test.labels == mmdl::scene_labels());
  REQUIRE(train.samples.size() == 11);
  REQUIRE(test.samples.size() == 4);
  CHECK(train.samples[0].image == "images/000001.jpg");
  CHECK(test.samples[3].image == "images/000015.jpg");
  const auto compare = [&](const mmdl::Sample& sample, const mmdl::Scene& scene) {
    CHECK(sample.labels == scene.labels);
    CHECK(sample.tags == scene.tags);
    const auto image = mmdl::read_image(temporary / ("one/" + sample.image));
    REQUIRE(image.width == 32);
    REQUIRE(image.height == 32);
    double difference = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      difference += std::abs(int{image.pixels[i]} - int{scene.image.pixels[i]});
    CHECK(difference / static_cast<double>(image.pixels.size()) < 20);  // JPEG halves the colours
  };
  for (std::size_t i = 0; i < 11; ++i) compare(train.samples[i], mmdl::draw_scene(5, i, options));
  for (std::size_t i = 0; i < 4; ++i)
    compare(test.samples[i], mmdl::draw_scene(5, mmdl::first_test_scene + i, options));
}

TEST_CASE("scenes: the test split does not depend on the number of training pictures") {
  const TemporaryFolder temporary;
  mmdl::write_scenes(temporary / "a", small_options(2, 3));
  mmdl::write_scenes(temporary / "b", small_options(0, 3));
  CHECK_FALSE(std::filesystem::exists(temporary / "b/train.json"));
  const auto a = mmdl::read_manifest(temporary / "a/test.json"),
             b = mmdl::read_manifest(temporary / "b/test.json");
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(a.samples[i].labels == b.samples[i].labels);
    CHECK(mmdl::read_image(temporary / ("a/" + a.samples[i].image)) ==
          mmdl::read_image(temporary / ("b/" + b.samples[i].image)));
  }
}

TEST_CASE("scenes: an empty folder is filled, one with something in it is left alone") {
  const TemporaryFolder temporary;
  std::filesystem::create_directory(temporary / "empty");
  mmdl::write_scenes(temporary / "empty", small_options(1, 1));
  CHECK(std::filesystem::exists(temporary / "empty/test.json"));
  const auto before = contents_of(temporary / "empty");
  CHECK(contains(error_of([&] { mmdl::write_scenes(temporary / "empty", small_options(1, 1)); }),
                 "a new or an empty folder"));
  CHECK(contents_of(temporary / "empty") == before);
  mmdl::write_file(temporary / "file", "text");
  CHECK(contains(error_of([&] { mmdl::write_scenes(temporary / "file", small_options(1, 1)); }),
                 "a new or an empty folder"));
  CHECK(mmdl::read_file(temporary / "file", 100) == "text");
  CHECK(entries_in(temporary.path) == 2);
}

TEST_CASE("scenes: nothing is left where the folder cannot be written") {
  const TemporaryFolder temporary;
  CHECK(contains(error_of([&] { mmdl::write_scenes(temporary / "no/such", small_options(1, 1)); }),
                 "No such file"));
  CHECK(entries_in(temporary.path) == 0);
  std::filesystem::create_directory(temporary / "closed");
  REQUIRE(::chmod((temporary / "closed").c_str(), 0500) == 0);
  if (::access((temporary / "closed").c_str(), W_OK) != 0)  // a superuser may write everywhere
    CHECK(contains(error_of([&] { mmdl::write_scenes(temporary / "closed/scenes", small_options(1, 1)); }),
                   "cannot create"));
  CHECK(entries_in(temporary / "closed") == 0);
  REQUIRE(::chmod((temporary / "closed").c_str(), 0700) == 0);
}

TEST_CASE("scenes: a failure on the way removes what was written") {
  const TemporaryFolder temporary;
  {
    mmdl::detail::AtomicFolder folder(temporary / "new");
    folder.write("part", std::vector<std::byte>(10));
    CHECK(entries_in(temporary.path) == 1);
    CHECK(contains(error_of([&] { folder.write("no/such", {}); }), "cannot create"));
    CHECK(contains(error_of([&] { folder.write("part", {}); }), "cannot create"));  // never over another
    std::filesystem::create_directories(temporary / "new/taken");  // while it was being filled
    CHECK(contains(error_of([&] { folder.commit(); }), "cannot put the new folder there"));
  }
  CHECK(entries_in(temporary.path) == 1);
  CHECK(std::filesystem::is_empty(temporary / "new/taken"));
}

TEST_CASE("scenes: options out of range are named") {
  const auto message = [](auto change) {
    mmdl::SceneOptions options;
    change(options);
    return error_of([&] { (void)mmdl::draw_scene(1, 1, options); });
  };
  CHECK(message([](auto& o) { o.size = 31; }) == "scenes: size: found 31, expected 32 to 512");
  CHECK(message([](auto& o) { o.size = 513; }) == "scenes: size: found 513, expected 32 to 512");
  CHECK(contains(message([](auto& o) { o.train = -1; }), "scenes: train: found -1"));
  CHECK(contains(message([](auto& o) { o.test = -1; }), "scenes: test: found -1"));
  CHECK(contains(message([](auto& o) { o.quality = 0; }), "scenes: quality: found 0"));
  CHECK(contains(message([](auto& o) { o.stretch = 1.5f; }), "scenes: stretch: found 1.5"));
  CHECK(contains(message([](auto& o) { o.tag_keep = -0.1f; }), "scenes: tag_keep: found -0.1"));
  CHECK(contains(message([](auto& o) { o.tag_confuse = std::numeric_limits<float>::quiet_NaN(); }),
                 "scenes: tag_confuse: found nan"));
  CHECK(contains(message([](auto& o) { o.tag_unrelated = 101; }), "scenes: tag_unrelated"));
  CHECK(contains(message([](auto& o) { o.tag_untagged = 2; }), "scenes: tag_untagged"));
  const TemporaryFolder temporary;
  CHECK(contains(error_of([&] { mmdl::write_scenes(temporary / "none", small_options(0, 0)); }),
                 "0 pictures, expected 1 or more"));
  CHECK(entries_in(temporary.path) == 0);
}

}  // namespace scenes_test
