// SPDX-License-Identifier: Apache-2.0
// What is remembered on the disk: found again, and never taken for something else when it is damaged.
#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mmdl/backend/gpu/gpu_cache.hpp>

namespace cache_test {

using mmdl::detail::GpuCache;

TEST_CASE("what was kept is found; a file cut short, changed or of another key is as none") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("mmdl_cache_test_" + std::to_string(::getpid()));
  const GpuCache cache((folder / "below").string());
  std::string value;
  CHECK(!cache.find("key", value));
  const std::string code("machine\0code\n", 13);
  cache.keep("key", code);
  cache.keep("other key", "other");
  REQUIRE(cache.find("key", value));
  CHECK(value == code);
  CHECK(!cache.find("key\n", value));

  std::filesystem::path path;
  for (const auto& file : std::filesystem::directory_iterator(folder / "below")) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), {});
    if (all.find("machine") != std::string::npos) path = file.path();
  }
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const auto write = [&](const std::string& text) { std::ofstream(path, std::ios::binary) << text; };
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write(whole.substr(0, length));
    CHECK(!cache.find("key", value));
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    write(changed);
    CHECK(!cache.find("key", value));
  }
  write(whole);
  CHECK(cache.find("key", value));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a folder that cannot be made is no error") {
  const GpuCache cache("/proc/nowhere/mmdl");
  std::string value;
  cache.keep("key", "value");
  CHECK(!cache.find("key", value));
  CHECK(!GpuCache("").find("key", value));
}

}  // namespace cache_test
