// SPDX-License-Identifier: Apache-2.0
// Tests of data/loader.hpp and data/prefetch.hpp: order, contents, broken images, threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mmdl/data/loader.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "temporary_folder.hpp"

namespace loader_test {

using namespace mmdl;

namespace {

using Small = Shape<8, 12, 3>;
using Tagged = Loader<Small, 3, 4>;
using Untagged = Loader<Small, 0, 4>;

/// `count` images of different sizes; sample i has the labels of the bits of i, and the tags "red" and
/// "t<i>".
Manifest make_data(const TemporaryFolder& folder, int count) {
  Manifest manifest{{"a", "b", "c", "d"}, {}, folder.path};
  for (int i = 0; i < count; ++i) {
    Sample sample;
    sample.image = std::to_string(i) + (i % 2 == 0 ? ".png" : ".jpg");
    const RgbImage picture = test_picture(20 + i % 7, 14 + i % 5, i);
    if (i % 2 == 0)
      write_png(folder / sample.image, picture);
    else
      write_jpeg(folder / sample.image, picture);
    for (int label = 0; label < 4; ++label)
      if ((i >> label & 1) != 0) sample.labels.push_back(label);
    sample.tags = {"red", "t" + std::to_string(i)};
    manifest.samples.push_back(sample);
  }
  return manifest;
}

TagVocabulary vocabulary() { return TagVocabulary(std::vector<std::string>{"t2", "red", "t0"}); }

/// Everything that an epoch gives, batch by batch.
struct Epoch {
  std::vector<int> sizes, samples;
  std::vector<float> numbers;
  friend bool operator==(const Epoch&, const Epoch&) = default;
};

template <class L>
Epoch run_epoch(L& loader, int epoch) {
  Epoch result;
  typename L::Batch batch;
  const auto append = [&](const auto& tensor) {
    REQUIRE(tensor.samples() == batch.size());
    result.numbers.insert(result.numbers.end(), tensor.data(), tensor.data() + tensor.size());
  };
  for (loader.start_epoch(epoch); loader.next(batch);) {
    result.sizes.push_back(batch.size());
    result.samples.insert(result.samples.end(), batch.samples.begin(), batch.samples.end());
    append(batch.images);
    append(batch.labels);
    append(batch.quantities);
    if constexpr (requires { batch.tags; }) append(batch.tags);
  }
  CHECK(batch.images.samples() == 0);
  CHECK(batch.labels.samples() == 0);
  CHECK_FALSE(loader.next(batch));  // the end stays the end
  return result;
}

}  // namespace

TEST_CASE("a batch holds each sample's image, tags, labels and quantity") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 11);
  Tagged loader(manifest, vocabulary(), {.batch = 4, .shuffle = false});
  CHECK(loader.batches() == 3);
  CHECK(loader.unknown_tags() == 9);
  Tagged::Batch batch;
  int sample = 0;
  for (loader.start_epoch(0); loader.next(batch);)
    for (int row = 0; row < batch.size(); ++row, ++sample) {
      CAPTURE(sample);
      REQUIRE(batch.samples[static_cast<std::size_t>(row)] == sample);
      const std::string path = folder / manifest.samples[static_cast<std::size_t>(sample)].image;
      std::vector<float> expected(static_cast<std::size_t>(Small::size));
      normalise(resize(read_image(path), 12, 8), Normalisation::imagenet(), expected);
      CHECK(std::equal(expected.begin(), expected.end(), batch.images[row].begin()));
      float quantity = 0;
      for (int label = 0; label < 4; ++label) {
        CHECK(batch.labels(row, label) == static_cast<float>(sample >> label & 1));
        quantity += batch.labels(row, label);
      }
      CHECK(batch.quantities(row, 0) == quantity);
      CHECK(batch.tags(row, 0) == (sample == 2 ? 1.0f : 0.0f));
      CHECK(batch.tags(row, 1) == 1.0f);
      CHECK(batch.tags(row, 2) == (sample == 0 ? 1.0f : 0.0f));
    }
  CHECK(sample == 11);
  CHECK(loader.skipped().empty());
}

TEST_CASE("order and contents do not depend on workers, prefetch or cache, but on seed and epoch") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 37);
  LoaderOptions options{.batch = 5, .workers = 0, .seed = 9};
  options.images.augmentation = {.flip = true, .random_crop = true};
  Tagged reference_loader(manifest, vocabulary(), options);
  const Epoch reference = run_epoch(reference_loader, 3);
  CHECK(reference.sizes == std::vector<int>{5, 5, 5, 5, 5, 5, 5, 2});
  CHECK(std::set<int>(reference.samples.begin(), reference.samples.end()).size() == 37);
  CHECK_FALSE(std::is_sorted(reference.samples.begin(), reference.samples.end()));

  for (const int workers : {1, 2, 5})
    for (const int prefetch : {1, 3})
      for (const std::size_t cache : {std::size_t{0}, std::size_t{3000}, std::size_t{1} << 20}) {
        options.workers = workers;
        options.prefetch = prefetch;
        options.images.cache_bytes = cache;
        Tagged loader(manifest, vocabulary(), options);
        run_epoch(loader, 0);  // fills the cache
        CHECK(run_epoch(loader, 3) == reference);
        CHECK(run_epoch(loader, 3) == reference);
        CHECK(loader.cached_bytes() <= cache);
        if (cache > 5000) CHECK(loader.cached_bytes() > 5000);
      }
  CHECK(run_epoch(reference_loader, 4).samples != reference.samples);
  options.seed = 10;
  Tagged other(manifest, vocabulary(), options);
  CHECK(run_epoch(other, 3).samples != reference.samples);
}

TEST_CASE("cached images are not read again") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 6);
  LoaderOptions options{.batch = 4};
  options.images.cache_bytes = 1 << 20;
  Untagged loader(manifest, options);
  const Epoch first = run_epoch(loader, 1);
  CHECK(loader.cached_bytes() == 6 * 8 * 12 * 3);
  for (const auto& sample : manifest.samples) std::filesystem::remove(folder / sample.image);
  CHECK(run_epoch(loader, 1) == first);
}

TEST_CASE("an order without shuffle is the manifest's, in every epoch") {
  const TemporaryFolder folder;
  Untagged loader(make_data(folder, 9), {.batch = 4, .workers = 3, .shuffle = false});
  for (int epoch = 0; epoch < 3; ++epoch)
    CHECK(run_epoch(loader, epoch).samples == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("the short last batch is kept or dropped") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 10);
  Untagged dropping(manifest, {.batch = 4, .drop_last = true});
  CHECK(dropping.batches() == 2);
  CHECK(run_epoch(dropping, 0).sizes == std::vector<int>{4, 4});
  Untagged even(manifest, {.batch = 5, .drop_last = true});
  CHECK(run_epoch(even, 0).sizes == std::vector<int>{5, 5});
  CHECK(contains(error_of([&] { Untagged(manifest, {.batch = 11, .drop_last = true}); }),
                 "found 10, expected 11 to"));
}

TEST_CASE("a broken photograph among good ones is skipped, counted and named") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 12);
  const std::string whole = read_file(folder / "3.jpg", 1 << 20);
  write_file(folder / "3.jpg", whole.substr(0, whole.size() / 2));
  write_file(folder / "7.jpg", "not an image");
  std::filesystem::remove(folder / "8.png");
  for (const int workers : {0, 1, 3}) {
    CAPTURE(workers);
    Untagged loader(manifest, {.batch = 4, .workers = workers, .shuffle = false});
    for (int epoch = 0; epoch < 2; ++epoch) {
      const Epoch result = run_epoch(loader, epoch);
      CHECK(result.samples == std::vector<int>{0, 1, 2, 4, 5, 6, 9, 10, 11});
      CHECK(result.sizes == std::vector<int>{4, 4, 1});
    }
    REQUIRE(loader.skipped().size() == 3);
    CHECK(loader.skipped()[0].starts_with(folder / "3.jpg: found a JPEG that libjpeg reports as"));
    CHECK(contains(loader.skipped()[1], "7.jpg: found 12 bytes"));
    CHECK(contains(loader.skipped()[2], "8.png: cannot open"));
  }
}

TEST_CASE("a broken photograph at the end leaves no row behind") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 8);
  write_file(folder / "7.jpg", "");
  Untagged loader(manifest, {.batch = 4, .shuffle = false});
  CHECK(run_epoch(loader, 0).sizes == std::vector<int>{4, 3});
  write_file(folder / "4.png", "");
  write_file(folder / "5.jpg", "");
  write_file(folder / "6.png", "");
  CHECK(run_epoch(loader, 0).sizes == std::vector<int>{4});
  CHECK(loader.skipped().size() == 4);
}

TEST_CASE("strict: a broken photograph is an error, and the loader goes on after it") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 8);
  write_file(folder / "1.jpg", "");
  for (const int workers : {0, 2}) {
    CAPTURE(workers);
    Untagged loader(manifest, {.batch = 4, .workers = workers, .shuffle = false, .strict = true});
    Untagged::Batch batch;
    loader.start_epoch(0);
    CHECK(contains(error_of([&] { loader.next(batch); }), "1.jpg: found an empty file"));
    CHECK(loader.next(batch));
    CHECK(batch.samples == std::vector<int>{2, 3, 4, 5});
    loader.start_epoch(1);
    CHECK_THROWS_AS(loader.next(batch), Error);
  }
}

TEST_CASE("an epoch of broken photographs alone is an error, not an empty epoch") {
  const TemporaryFolder folder;
  Manifest manifest = make_data(folder, 5);
  manifest.root = folder / "wrong";
  Untagged loader(manifest, {.batch = 4});
  Untagged::Batch batch;
  for (int epoch = 0; epoch < 2; ++epoch) {
    loader.start_epoch(epoch);
    CHECK(contains(error_of([&] { loader.next(batch); }), "found 5 images that cannot be used"));
  }
}

TEST_CASE("what contradicts the static numbers is refused") {
  const TemporaryFolder folder;
  const Manifest good = make_data(folder, 3);
  Manifest manifest = good;
  manifest.labels.pop_back();
  CHECK(error_of([&] { Untagged loader(manifest); }) == "Loader: manifest: found 3 labels, expected 4");
  manifest.labels = {"a", "b", "c", "d", "e"};
  CHECK(error_of([&] { Untagged loader(manifest); }) == "Loader: manifest: found 5 labels, expected 4");
  CHECK(error_of([&] {
          Tagged(good, TagVocabulary(std::vector<std::string>{"x", "y"}));
        }) == "Loader: vocabulary: found 2 tags, expected 3");
  manifest = good;
  manifest.samples[1].labels = {4};
  CHECK(error_of([&] { Untagged loader(manifest); }) ==
        "Loader: sample '1.jpg': found label 4, expected 0 to 3");
  manifest.samples.clear();
  CHECK_THROWS_AS(Untagged{manifest}, Error);
  CHECK_THROWS_AS(Untagged(good, {.batch = 0}), Error);
  CHECK_THROWS_AS(Untagged(good, {.workers = -1}), Error);
  CHECK_THROWS_AS(Untagged(good, {.prefetch = 0}), Error);
  LoaderOptions options;
  options.images.normalisation.deviation[1] = 0;
  CHECK_THROWS_AS(Untagged(good, options), Error);
  options = {};
  options.images.augmentation.min_area = 2;
  CHECK_THROWS_AS(Untagged(good, options), Error);
  Untagged loader(good);
  Untagged::Batch batch;
  CHECK(contains(error_of([&] { loader.next(batch); }), "start_epoch"));
  CHECK(error_of([&] { loader.start_epoch(-1); }) == "Loader::start_epoch: found -1, expected 0 or more");
}

TEST_CASE("an epoch may be given up for another, and a loader at any time") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 24);
  LoaderOptions options{.batch = 3, .workers = 3, .seed = 2};
  Untagged reference(manifest, options);
  const Epoch whole = run_epoch(reference, 5);
  for (int taken = 0; taken < 4; ++taken) {
    Untagged loader(manifest, options);
    Untagged::Batch batch;
    loader.start_epoch(taken);
    for (int i = 0; i < taken; ++i) loader.next(batch);
    CHECK(run_epoch(loader, 5) == whole);
    loader.start_epoch(6);  // and destroyed with work under way
    if (taken > 1) loader.next(batch);
  }
  for (int i = 0; i < 20; ++i) Untagged unused(manifest, options);
}

TEST_CASE("prefetch: in order, bounded, and an exception comes at its place") {
  for (const int workers : {0, 1, 4}) {
    CAPTURE(workers);
    std::vector<int> slots(6);
    std::atomic<int> claimed{0};
    detail::Prefetch prefetch(workers, 6, [&](int position, int slot) {
      ++claimed;
      if (position % 7 == 5) throw std::runtime_error("position " + std::to_string(position));
      slots[static_cast<std::size_t>(slot)] = position;
    });
    for (int pass = 0; pass < 2; ++pass) {
      prefetch.start(40, [&] { claimed = 0; });
      for (int position = 0; position < 40; ++position) {
        CHECK(prefetch.remaining() == 40 - position);
        if (position % 7 == 5) {
          CHECK_THROWS_WITH(prefetch.next(), ("position " + std::to_string(position)).c_str());
          continue;
        }
        const int slot = prefetch.next();
        CHECK(slots[static_cast<std::size_t>(slot)] == position);
        CHECK(claimed <= position + 6);
        prefetch.release();
      }
      CHECK(prefetch.remaining() == 0);
    }
  }
}

TEST_CASE("prefetch: a slow worker does not let others run further than the slots") {
  std::atomic<int> started{0};
  std::atomic<bool> open{false};
  detail::Prefetch prefetch(3, 4, [&](int position, int) {
    ++started;
    while (position == 0 && !open) std::this_thread::yield();
  });
  prefetch.start(100, [] {});
  while (started < 4) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(started == 4);
  open = true;
  prefetch.next();
  prefetch.release();
  while (started < 5) std::this_thread::yield();
  prefetch.start(1, [&] { CHECK(started >= 5); });
  prefetch.next();
}

TEST_CASE("with spare room a data set may have fewer labels and tags than the type") {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 3);
  using Roomy = Loader<Small, 5, 6>;
  CHECK_THROWS_WITH_AS(Roomy(manifest, vocabulary()), "Loader: manifest: found 4 labels, expected 6", Error);
  using Narrow = Loader<Small, 3, 2>;
  CHECK_THROWS_WITH_AS(Narrow(manifest, vocabulary(), {.spare_room = true}),
                       "Loader: manifest: found 4 labels, expected at most 2", Error);
  Roomy loader(manifest, vocabulary(), {.batch = 3, .shuffle = false, .spare_room = true});
  Roomy::Batch batch;
  loader.start_epoch(0);
  REQUIRE(loader.next(batch));
  CHECK(batch.labels(1, 0) == 1.0f);
  CHECK(batch.labels(2, 1) == 1.0f);
  CHECK(batch.tags(0, 1) == 1.0f);  // "red"
  for (int row = 0; row < 3; ++row) {
    CHECK(batch.labels(row, 4) == 0.0f);
    CHECK(batch.labels(row, 5) == 0.0f);
    CHECK(batch.tags(row, 3) == 0.0f);
    CHECK(batch.tags(row, 4) == 0.0f);
  }
}

}  // namespace loader_test
