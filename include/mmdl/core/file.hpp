// SPDX-License-Identifier: Apache-2.0
// Files, whole or not at all: reading with a limit, and writing beside and renaming.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "error.hpp"
#include "text.hpp"

namespace mmdl {

namespace detail {

/// Throws `Error`: "path: cannot <what>: <the system's reason>".
[[noreturn]] inline void fail_file(const std::string& path, const char* what, int error) {
  fail(printable(path, 4096) + ": cannot " + what + ": " + std::strerror(error));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace detail

/// Writes a file so that a reader sees the old contents or the new, never a part: the bytes go to a new file
/// beside it (`path` + ".<process>.tmp") that `commit` brings to the disk and renames. Without `commit` the
/// destructor removes it and `path` stays as it was. A symbolic link is followed (its target is replaced),
/// and an existing file's permissions are kept. Every failure, a full disk included, is an `Error` with the
/// path and the system's reason.
class AtomicFile {
 public:
  /// Opens the new file. Throws `Error` when the folder cannot be written, or when `path` is there and is not
  /// a regular file (a device or a folder is never replaced).
  explicit AtomicFile(const std::string& path) : path_(path), target_(path) {
    if (std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free); real)
      target_ = real.get();
    struct stat status {};
    const bool exists = ::stat(target_.c_str(), &status) == 0;
    if (exists && !S_ISREG(status.st_mode))
      detail::fail(detail::printable(path, 4096), "something that is not a regular file",
                   "a regular file, or none yet, to write to");
    int descriptor = -1;
    for (int attempt = 0; descriptor < 0 && attempt < 1000; ++attempt) {
      temporary_ = target_ + "." + std::to_string(::getpid()) +
                   (attempt == 0 ? "" : "." + std::to_string(attempt)) + ".tmp";
      descriptor = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor < 0 && errno != EEXIST) break;
    }
    if (descriptor < 0) detail::fail_file(path, "create a file beside it", errno);
    if (exists) (void)::fchmod(descriptor, status.st_mode & 07777U);
    file_ = ::fdopen(descriptor, "wb");
    if (file_ == nullptr) {
      const int error = errno;
      ::close(descriptor);
      discard();
      detail::fail_file(path_, "write", error);
    }
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { discard(); }

  /// Appends `size` bytes. Throws `Error` after `commit`, and when the system refuses them.
  void write(const void* data, std::size_t size) {
    require_open();
    if (size > 0 && std::fwrite(data, 1, size, file_) != size) fail_and_discard("write");
  }
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Makes the file `size` bytes long: what was not written is zeros, which take no room where the file
  /// system can.
  void extend(std::size_t size) {
    require_open();
    if (std::fflush(file_) != 0 || ::ftruncate(::fileno(file_), static_cast<off_t>(size)) != 0)
      fail_and_discard("make room");
  }

  /// Brings the bytes to the disk and puts the new file in the place of the old one.
  void commit() {
    require_open();
    if (std::fflush(file_) != 0) fail_and_discard("write");
    // EINVAL: the file system has no such operation, so nothing was lost.
    if (::fsync(::fileno(file_)) != 0 && errno != EINVAL) fail_and_discard("write");
    std::FILE* file = file_;
    file_ = nullptr;
    if (std::fclose(file) != 0) fail_and_discard("write");
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0)
      fail_and_discard("put the new file in its place");
    temporary_.clear();
  }

  /// The path as it was given.
  const std::string& path() const { return path_; }

 private:
  void require_open() const {
    if (file_ == nullptr)
      detail::fail(detail::printable(path_, 4096) + ": written after it was committed or had failed");
  }
  [[noreturn]] void fail_and_discard(const char* what) {
    const int error = errno;
    discard();
    detail::fail_file(path_, what, error);
  }
  void discard() noexcept {
    if (file_ != nullptr) std::fclose(file_);
    file_ = nullptr;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  std::string path_, target_, temporary_;
  std::FILE* file_ = nullptr;
};

/// The bytes of a file. Throws `Error` when it cannot be read, and when it has more than `limit` bytes.
inline std::string read_file(const std::string& path, std::size_t limit) {
  const std::unique_ptr<std::FILE, detail::CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) detail::fail_file(path, "open", errno);
  std::string contents;
  char block[16384];
  for (;;) {
    const std::size_t count = std::fread(block, 1, sizeof block, file.get());
    if (count == 0 && std::ferror(file.get()) != 0) detail::fail_file(path, "read", errno);
    if (count > limit - contents.size())
      detail::fail(detail::printable(path, 4096), "more than " + std::to_string(limit) + " bytes",
                   "at most that many");
    contents.append(block, count);
    if (count == 0) return contents;
  }
}

/// Writes a whole file by `AtomicFile`.
inline void write_file(const std::string& path, std::string_view contents) {
  AtomicFile file(path);
  file.write(contents);
  file.commit();
}

}  // namespace mmdl
