// SPDX-License-Identifier: Apache-2.0
// What the frozen part of a network says of each sample, computed once and kept in a memory-mapped file.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/file.hpp"
#include "../core/text.hpp"

namespace mmdl {

/// Whose features a cache holds: both identities are part of the file, and a file of another network or other
/// data is refused. `network_fingerprint` makes the first; the second is a text of the caller's that changes
/// whenever the samples, their order or their processing do.
struct FeatureCacheIdentity {
  std::string network;  ///< at most 1,000 bytes
  std::string data;     ///< at most 1,000 bytes
  long rows = 0;        ///< samples, 1 or more
  long width = 0;       ///< numbers of a sample, 1 or more
};

/// `rows` rows of `width` float32 in a memory-mapped file, filled once, row by row, in any order: a run that
/// is cut off goes on with the rows that are missing. A row counts as there only once its numbers are on the
/// disk (`flush`), so a crash leaves no half-written row behind. The system keeps in memory what is used and
/// fits. PyTorch: a `torch.from_file(..., shared=True)` with a mask of one's own.
class FeatureCache {
 public:
  /// Opens the cache, or makes an empty one where there is no file. Throws `Error`, and changes nothing, for
  /// a file that is none of these, is cut short, or is of another network, other data, or another size.
  FeatureCache(std::string path, const FeatureCacheIdentity& identity)
      : path_(std::move(path)), identity_(identity) {
    check_identity();
    if (::access(path_.c_str(), F_OK) != 0) create();
    open();
    present_.assign(flags(), flags() + identity_.rows);
    done_ = std::count(present_.begin(), present_.end(), true);
  }
  FeatureCache(const FeatureCache&) = delete;
  FeatureCache& operator=(const FeatureCache&) = delete;
  FeatureCache(FeatureCache&& other) noexcept
      : path_(std::move(other.path_)),
        identity_(std::move(other.identity_)),
        map_(std::exchange(other.map_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        present_(std::move(other.present_)),
        done_(std::exchange(other.done_, 0)),
        pending_(std::move(other.pending_)) {}
  FeatureCache& operator=(FeatureCache&&) = delete;
  ~FeatureCache() {
    if (map_ == nullptr) return;
    try {
      flush();
    } catch (const Error&) {  // the rows since the last flush do not count: they are computed again
    }
    ::munmap(map_, bytes_);
  }

  long rows() const { return identity_.rows; }
  long width() const { return identity_.width; }
  const std::string& path() const { return path_; }

  /// Rows that are there; `complete` when all are.
  long done() const { return done_; }
  bool complete() const { return done() == rows(); }
  /// Whether a row is there, 0 to `rows` - 1.
  bool has(long row) const {
    check_row(row);
    return present_[static_cast<std::size_t>(row)];
  }

  /// The numbers of a row. Throws `Error` for one that is not there.
  std::span<const float> row(long row) const {
    if (!has(row)) detail::fail(place(row), "nothing", "features that were computed before");
    return {data() + row * width(), static_cast<std::size_t>(width())};
  }

  /// Writes a row. Throws `Error` for another number of numbers, one that is not finite, and a row that is
  /// there already.
  void put(long row, std::span<const float> values) {
    if (has(row)) detail::fail(place(row), "a second set of features", "each row once");
    if (values.size() != static_cast<std::size_t>(width()))
      detail::fail(place(row), std::to_string(values.size()) + " numbers", std::to_string(width()));
    for (const float value : values)
      if (!std::isfinite(value)) detail::fail(place(row), std::to_string(value), "finite numbers");
    std::copy(values.begin(), values.end(), data() + row * width());
    present_[static_cast<std::size_t>(row)] = true;
    ++done_;
    pending_.push_back(row);
  }

  /// Brings the rows written since the last call to the disk, and only then marks them as there.
  void flush() {
    if (pending_.empty()) return;
    synchronise();
    for (const long row : pending_) flags()[row] = 1;
    pending_.clear();
    synchronise();
  }

 private:
  // The file: a header of one page, a byte for each row (0 or 1) up to a page's end, the rows.
  static constexpr std::size_t page = 4096, most_text = 1000;
  static constexpr std::string_view magic = "mmdl features 1\n";
  struct Header {
    char magic[16];
    std::int64_t rows, width;
    std::int64_t network_length, data_length;
    char network[most_text], data[most_text];
  };
  static_assert(sizeof(Header) <= page);

  std::string place() const { return detail::printable(path_, 4096); }
  std::string place(long row) const { return place() + ": row " + std::to_string(row); }

  std::size_t flag_bytes() const {
    return (static_cast<std::size_t>(identity_.rows) + page - 1) / page * page;
  }
  std::size_t file_bytes() const {
    return page + flag_bytes() +
           static_cast<std::size_t>(identity_.rows) * static_cast<std::size_t>(identity_.width) *
               sizeof(float);
  }
  unsigned char* flags() const { return static_cast<unsigned char*>(map_) + page; }
  float* data() const {
    return reinterpret_cast<float*>(static_cast<unsigned char*>(map_) + page + flag_bytes());
  }

  void check_row(long row) const {
    if (row < 0 || row >= rows())
      detail::fail(place(row), "no such row", "0 to " + std::to_string(rows() - 1));
  }

  void check_identity() const {
    const auto number = [&](const char* what, long value, long most) {
      if (value < 1 || value > most)
        detail::fail(place() + ": " + what, std::to_string(value), "1 to " + std::to_string(most));
    };
    number("rows", identity_.rows, 1L << 40);
    number("width", identity_.width, 1L << 20);
    for (const std::string* text : {&identity_.network, &identity_.data})
      if (text->size() > most_text)
        detail::fail(place() + ": identity", std::to_string(text->size()) + " bytes", "at most 1000");
  }

  /// An empty cache appears at its full size or not at all; it is sparse where the file system can.
  void create() const {
    Header header{};
    std::copy(magic.begin(), magic.end(), header.magic);
    header.rows = identity_.rows;
    header.width = identity_.width;
    header.network_length = static_cast<std::int64_t>(identity_.network.size());
    header.data_length = static_cast<std::int64_t>(identity_.data.size());
    std::copy(identity_.network.begin(), identity_.network.end(), header.network);
    std::copy(identity_.data.begin(), identity_.data.end(), header.data);
    AtomicFile file(path_);
    file.write(&header, sizeof header);
    file.extend(file_bytes());
    file.commit();
  }

  void open() {
    const int descriptor = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) detail::fail_file(path_, "open", errno);
    struct Closer {
      int descriptor;
      ~Closer() { ::close(descriptor); }
    } const closer{descriptor};
    Header header{};
    const ssize_t found = ::pread(descriptor, &header, sizeof header, 0);
    if (found != static_cast<ssize_t>(sizeof header) ||
        std::string_view(header.magic, magic.size()) != magic || header.network_length < 0 ||
        header.network_length > static_cast<std::int64_t>(most_text) || header.data_length < 0 ||
        header.data_length > static_cast<std::int64_t>(most_text))
      detail::fail(place(), "something else", "a cache of features");
    const auto text = [](const char* from, std::int64_t length) {
      return std::string(from, static_cast<std::size_t>(length));
    };
    const auto same = [&](const char* what, const std::string& is, const std::string& wanted) {
      if (is != wanted)
        detail::fail(place() + ": cache of another " + what, detail::printable(is, 1000),
                     detail::printable(wanted, 1000) + " (remove the file to compute the features anew)");
    };
    same("network", text(header.network, header.network_length), identity_.network);
    same("data set", text(header.data, header.data_length), identity_.data);
    same("number of rows", std::to_string(header.rows), std::to_string(identity_.rows));
    same("width", std::to_string(header.width), std::to_string(identity_.width));
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) detail::fail_file(path_, "examine", errno);
    if (static_cast<std::size_t>(status.st_size) != file_bytes())
      detail::fail(place(), std::to_string(status.st_size) + " bytes", std::to_string(file_bytes()));
    bytes_ = file_bytes();
    void* map = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (map == MAP_FAILED) detail::fail_file(path_, "map into memory", errno);
    map_ = map;
    for (long row = 0; row < rows(); ++row)
      if (flags()[row] > 1) {
        ::munmap(std::exchange(map_, nullptr), bytes_);
        detail::fail(place(row), "a damaged mark", "0 or 1");
      }
  }

  void synchronise() const {
    if (::msync(map_, bytes_, MS_SYNC) != 0) detail::fail_file(path_, "write", errno);
  }

  std::string path_;
  FeatureCacheIdentity identity_;
  void* map_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<bool> present_;  ///< by row, those not yet flushed included
  long done_ = 0;
  std::vector<long> pending_;  ///< not yet flushed
};

}  // namespace mmdl
