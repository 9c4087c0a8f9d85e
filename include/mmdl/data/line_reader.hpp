// SPDX-License-Identifier: Apache-2.0
// The lines of a file of any length, in bounded memory.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "../core/error.hpp"
#include "../core/file.hpp"
#include "../core/text.hpp"

namespace mmdl::detail {

/// Reads a file line by line through one buffer. Nothing is made for a line: its place is put into words only
/// when it is asked for, which is when something is wrong.
class LineReader {
 public:
  static constexpr std::size_t longest_line = std::size_t{1} << 24;

  /// Opens a file. Throws `Error` when that fails.
  explicit LineReader(const std::string& path) : name_(printable(path, 4096)), path_(path) {
    file_.reset(std::fopen(path.c_str(), "rbe"));
    if (!file_) fail_file(path, "open", errno);
    std::setvbuf(file_.get(), nullptr, _IONBF, 0);
    buffer_.resize(std::size_t{1} << 20);
  }
  /// Reads a text in memory; `name` stands for it in messages.
  LineReader(std::string name, std::string text)
      : name_(std::move(name)), buffer_(std::move(text)), end_(buffer_.size()) {}

  /// The next line without its end (LF or CRLF), valid until the next call; false after the last.
  bool next(std::string_view& line) {
    std::size_t searched = begin_;
    for (;;) {
      const void* const found =
          searched < end_ ? std::memchr(buffer_.data() + searched, '\n', end_ - searched) : nullptr;
      if (found != nullptr) {
        const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
        line = std::string_view(buffer_).substr(begin_, at - begin_);
        begin_ = at + 1;
        break;
      }
      const std::size_t kept = end_ - begin_;
      if (!fill()) {
        if (kept == 0) return false;
        line = std::string_view(buffer_).substr(begin_, kept);
        begin_ = end_;
        break;
      }
      searched = begin_ + kept;
    }
    ++number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
  }

  long number() const { return number_; }  ///< of the last line, from 1
  const std::string& name() const { return name_; }
  std::string place() const { return name_ + ": line " + std::to_string(number_); }

 private:
  /// Moves the rest to the buffer's front and reads on; false at the end of the file.
  bool fill() {
    if (!file_) return false;
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == buffer_.size()) {
      if (end_ >= longest_line)
        fail(name_ + ": line " + std::to_string(number_ + 1),
             "more than " + std::to_string(longest_line) + " bytes", "a shorter line");
      buffer_.resize(2 * buffer_.size());
    }
    const std::size_t count = std::fread(buffer_.data() + end_, 1, buffer_.size() - end_, file_.get());
    if (count == 0 && std::ferror(file_.get()) != 0) fail_file(path_, "read", errno);
    end_ += count;
    return count > 0;
  }

  std::string name_, path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  long number_ = 0;
};

}  // namespace mmdl::detail
