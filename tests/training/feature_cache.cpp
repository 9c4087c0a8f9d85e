// SPDX-License-Identifier: Apache-2.0
// Features kept in a file: filled in any order, resumed, refused when they are another's.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <mmdl/training/feature_cache.hpp>
#include <string>
#include <vector>

namespace feature_cache_test {

namespace {

struct Folder {
  std::string path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mmdl-cache-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/features.rows"; }
};

std::vector<float> row_of(long row, long width) {
  std::vector<float> values(static_cast<std::size_t>(width));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(row) + 0.001f * static_cast<float>(i);
  return values;
}

bool holds(const mmdl::FeatureCache& cache, long row) {
  const auto found = cache.row(row);
  return std::vector<float>(found.begin(), found.end()) == row_of(row, cache.width());
}

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const mmdl::Error& error) {
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "";
}

bool mentions(const std::string& message, const std::string& words) {
  return message.find(words) != std::string::npos;
}

const mmdl::FeatureCacheIdentity identity{"net 1", "data 1", 5, 3};

}  // namespace

TEST_CASE("features are there after a second run, in whatever order they were written") {
  const Folder folder;
  {
    mmdl::FeatureCache cache(folder.file(), identity);
    CHECK(cache.done() == 0);
    for (const long row : {4L, 0L, 2L}) cache.put(row, row_of(row, 3));
    CHECK(cache.done() == 3);
    CHECK(holds(cache, 4));
    CHECK_FALSE(cache.has(1));
  }
  mmdl::FeatureCache cache(folder.file(), identity);
  CHECK(cache.done() == 3);
  CHECK_FALSE(cache.complete());
  for (const long row : {1L, 3L}) cache.put(row, row_of(row, 3));
  cache.flush();
  CHECK(cache.complete());
  for (long row = 0; row < 5; ++row) CHECK(holds(cache, row));
}

TEST_CASE("what was not flushed does not count after a crash") {
  const Folder folder;
  {
    mmdl::FeatureCache cache(folder.file(), identity);
    cache.put(0, row_of(0, 3));
    cache.flush();
  }
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    mmdl::FeatureCache cache(folder.file(), identity);
    cache.put(1, row_of(1, 3));
    ::_exit(0);  // no destructor runs
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const mmdl::FeatureCache cache(folder.file(), identity);
  CHECK(cache.done() == 1);
  CHECK_FALSE(cache.has(1));
}

TEST_CASE("a cache of another network, data set or size is refused and left as it is") {
  const Folder folder;
  {
    mmdl::FeatureCache cache(folder.file(), identity);
    cache.put(2, row_of(2, 3));
  }
  const auto open = [&](const mmdl::FeatureCacheIdentity& other) {
    return message_of([&] { const mmdl::FeatureCache cache(folder.file(), other); });
  };
  CHECK(mentions(open({"net 2", "data 1", 5, 3}),
                 folder.file() + ": cache of another network: found net 1, expected net 2"));
  CHECK(
      mentions(open({"net 1", "data 2", 5, 3}), "cache of another data set: found data 1, expected data 2"));
  CHECK(mentions(open({"net 1", "data 1", 6, 3}), "cache of another number of rows: found 5, expected 6"));
  CHECK(mentions(open({"net 1", "data 1", 5, 4}), "cache of another width: found 3, expected 4"));
  const mmdl::FeatureCache cache(folder.file(), identity);
  CHECK(cache.done() == 1);
  CHECK(holds(cache, 2));
}

TEST_CASE("what is no cache, cut short or damaged is refused") {
  const Folder folder;
  const auto open = [&] {
    return message_of([&] { const mmdl::FeatureCache cache(folder.file(), identity); });
  };
  mmdl::write_file(folder.file(), "something else entirely");
  CHECK(mentions(open(), "found something else, expected a cache of features"));
  CHECK(mmdl::read_file(folder.file(), 100) == "something else entirely");
  std::filesystem::remove(folder.file());
  { mmdl::FeatureCache cache(folder.file(), identity); }
  const auto size = std::filesystem::file_size(folder.file());
  std::filesystem::resize_file(folder.file(), size - 1);
  CHECK(mentions(open(), std::to_string(size - 1) + " bytes, expected " + std::to_string(size)));
  std::filesystem::resize_file(folder.file(), size);
  {
    std::FILE* file = std::fopen(folder.file().c_str(), "r+b");
    REQUIRE(file != nullptr);
    std::fseek(file, 4096 + 3, SEEK_SET);  // the mark of row 3
    std::fputc(7, file);
    std::fclose(file);
  }
  CHECK(mentions(open(), "row 3: found a damaged mark"));
}

TEST_CASE("rows that cannot be are refused, and leave the cache as it was") {
  const Folder folder;
  mmdl::FeatureCache cache(folder.file(), identity);
  cache.put(1, row_of(1, 3));
  const std::vector<float> short_row(2), bad{0.0f, std::numeric_limits<float>::quiet_NaN(), 0.0f};
  CHECK(mentions(message_of([&] { cache.put(0, short_row); }), "row 0: found 2 numbers, expected 3"));
  CHECK(mentions(message_of([&] { cache.put(0, bad); }), "row 0: found nan"));
  CHECK(mentions(message_of([&] { cache.put(1, row_of(1, 3)); }), "row 1: found a second set of features"));
  CHECK(
      mentions(message_of([&] { cache.put(5, row_of(5, 3)); }), "row 5: found no such row, expected 0 to 4"));
  CHECK(mentions(message_of([&] { (void)cache.row(0); }), "row 0: found nothing"));
  CHECK(cache.done() == 1);
  const auto make = [&](const mmdl::FeatureCacheIdentity& other) {
    return message_of([&] { const mmdl::FeatureCache none(folder.path + "/none.rows", other); });
  };
  CHECK(mentions(make({"n", "d", 0, 3}), "rows: found 0"));
  CHECK(mentions(make({"n", "d", 5, 0}), "width: found 0"));
  CHECK(mentions(make({std::string(1001, 'n'), "d", 5, 3}), "identity: found 1001 bytes"));
  CHECK_FALSE(std::filesystem::exists(folder.path + "/none.rows"));
  CHECK(mentions(message_of([&] { const mmdl::FeatureCache none(folder.path + "/no/such.rows", identity); }),
                 "cannot"));
}

}  // namespace feature_cache_test
