// SPDX-License-Identifier: Apache-2.0
// Rows in a file, there and back.
#include "mmdl/annotation/rows_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "method_rows.hpp"

namespace rows_file_test {

using namespace mmdl;

namespace {

struct File {
  std::string path = "/tmp/mmdl_rows_" + std::to_string(::getpid()) + ".safetensors";
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::remove(path.c_str()); }
};

}  // namespace

TEST_CASE("rows in a file: features of view 0 and tags come back, no rows too") {
  const File file;
  for (const int samples : {17, 0}) {
    const MethodRows rows = method_rows::make_rows(samples, 3, 2);
    RowsToWrite kept;
    SafetensorsWriter writer;
    kept.add(writer, "here.", rows);
    writer.write(file.path);
    const MethodRows read = read_rows(SafetensorsFile(file.path), "here.", method_rows::features,
                                      method_rows::tags, method_rows::labels);
    CHECK(read.samples() == samples);
    CHECK(read.tags == rows.tags);
    CHECK(read.views == 1);
    for (long sample = 0; sample < samples; ++sample) {
      const auto found = read.features(sample, 0), wanted = rows.features(sample, 0);
      CHECK(std::equal(found.begin(), found.end(), wanted.begin(), wanted.end()));
    }
  }
}

TEST_CASE("rows in a file: numbers that belong to no rows are refused by name") {
  const File file;
  const std::vector<float> features(6, 0.5f);
  const auto message = [&](const std::vector<std::int64_t>& samples, const std::vector<std::int64_t>& tags,
                           int feature_count = 3) {
    SafetensorsWriter writer;
    writer.add("features", {6}, features.data());
    writer.add("tagged_samples", {static_cast<std::int64_t>(samples.size())}, samples.data());
    writer.add("tags", {static_cast<std::int64_t>(tags.size())}, tags.data());
    writer.write(file.path);
    return method_rows::message_of([&] { read_rows(SafetensorsFile(file.path), "", feature_count, 5, 2); });
  };
  CHECK(message({0, 1}, {4, 0}) == "nothing thrown");
  CHECK(message({0, 1}, {4}).find("tags: found 1 tags, expected 2 of rows of 3 features") !=
        std::string::npos);
  CHECK(message({0}, {1}, 4).find("rows of 4 features") != std::string::npos);
  CHECK(message({2}, {1}).find("tagged_samples: found 2, expected 0 to 1") != std::string::npos);
  CHECK(message({0}, {5}).find("tags: found 5, expected 0 to 4") != std::string::npos);
  CHECK(message({0}, {-1}).find("tags: found -1") != std::string::npos);
  CHECK(message({0, 0}, {3, 3}).find("tags of sample 0") != std::string::npos);
}

}  // namespace rows_file_test
