// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without libFuzzer: every file of a corpus, each cut short at many lengths, and seeded
// random changes of it. The run fails when the target crashes, throws or trips a sanitizer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A copy, so that a sanitizer sees a read past the end of exactly this input.
void run(const Bytes& bytes) {
  const Bytes copy(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

// One to four changes: a byte set to an edge value or to anything, a piece removed, doubled or overwritten.
Bytes changed(Bytes bytes, std::mt19937& random) {
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random()) % bound; };
  for (std::size_t changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const std::size_t place = below(bytes.size());
    const std::size_t length = 1 + below(std::min<std::size_t>(16, bytes.size() - place));
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(place);
    const auto end = at + static_cast<std::ptrdiff_t>(length);
    static constexpr std::uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '{', '}'};
    switch (below(5)) {
      case 0:
        bytes[place] = edges[below(sizeof edges)];
        break;
      case 1:
        bytes[place] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        bytes.erase(at, end);
        break;
      case 3: {
        const Bytes piece(at, end);
        bytes.insert(at, piece.begin(), piece.end());
        break;
      }
      default:
        std::fill(at, end, edges[below(sizeof edges)]);
        break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s <corpus folder> [changes for each file]\n", argv[0]);
    return 2;
  }
  std::set<std::filesystem::path> files;  // sorted, so that a run is reproducible
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1]))
    if (entry.is_regular_file()) files.insert(entry.path());
  if (files.empty()) {
    std::fprintf(stderr, "%s: found no files, expected a corpus\n", argv[1]);
    return 1;
  }
  const long changes = argc == 3 ? std::atol(argv[2]) : 500;
  std::size_t runs = 0;
  for (const auto& path : files) {
    try {
      const Bytes bytes = read(path);
      run(bytes);
      const std::size_t step = 1 + bytes.size() / 256;
      for (std::size_t size = 0; size < bytes.size(); size += step, ++runs)
        run(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
      std::mt19937 random(1);
      for (long i = changes; i > 0; --i, ++runs) run(changed(bytes, random));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s, run %zu: an exception left the target: %s\n", path.c_str(), runs,
                   error.what());
      return 1;
    }
  }
  std::printf("%zu files, %zu runs\n", files.size(), runs + files.size());
  return 0;
}
