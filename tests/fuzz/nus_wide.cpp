// SPDX-License-Identifier: Apache-2.0
// Fuzz target of data/nus_wide_lists.hpp: any text as a list of images, of names, a column of labels and a
// matrix of tags gives an Error of one line, or what lies within bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mmdl/data/nus_wide_lists.hpp>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

template <class Use>
void attempt(const std::uint8_t* data, std::size_t size, const Use& use) {
  mmdl::detail::LineReader reader("list", std::string(reinterpret_cast<const char*>(data), size));
  try {
    use(reader);
  } catch (const mmdl::Error& error) {
    if (std::strncmp(error.what(), "list: ", 6) != 0 || std::strchr(error.what(), '\n') != nullptr)
      std::abort();
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mmdl::detail;
  attempt(data, size, [](LineReader& reader) {
    std::string_view line;
    while (reader.next(line)) {
      const std::string image = listed_image(reader.place(), line);
      if (image.empty() || image.front() == '/' || image.find('\\') != std::string::npos) std::abort();
    }
  });
  attempt(data, size, [](LineReader& reader) { read_names(reader, "name"); });
  attempt(data, size, [](LineReader& reader) {
    std::vector<std::string> repaired;
    read_label_column(reader, 3, "rows", &repaired, [](std::size_t row) {
      if (row >= 3) std::abort();
    });
  });
  attempt(data, size, [](LineReader& reader) {
    read_tag_matrix(reader, 2, "rows", 6, "words", [](std::size_t row, std::size_t column) {
      if (row >= 2 || column >= 6) std::abort();
    });
  });
  return 0;
}
