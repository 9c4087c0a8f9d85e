// SPDX-License-Identifier: Apache-2.0
// Fuzz target of data/word_vectors.hpp: any text gives an Error of one line, or finite vectors.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mmdl/data/word_vectors.hpp>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::string> words{"the", "dog", "a"};
  mmdl::detail::LineReader reader("vectors", std::string(reinterpret_cast<const char*>(data), size));
  try {
    const mmdl::WordVectors vectors = mmdl::detail::read_word_vectors(reader, words);
    if (vectors.dimension < 1 ||
        vectors.matrix.size() != words.size() * static_cast<std::size_t>(vectors.dimension))
      std::abort();
    for (const float value : vectors.matrix)
      if (!std::isfinite(value)) std::abort();
  } catch (const mmdl::Error& error) {
    if (std::strncmp(error.what(), "vectors: ", 9) != 0 || std::strchr(error.what(), '\n') != nullptr)
      std::abort();
  }
  return 0;
}
