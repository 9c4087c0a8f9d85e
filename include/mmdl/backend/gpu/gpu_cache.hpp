// SPDX-License-Identifier: Apache-2.0
// What the GPU backend remembers on the disk from one run of a program to the next.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "../../core/file.hpp"

namespace mmdl::detail {

/// The folder of what the GPU backend remembers: `MMDL_CACHE` of the environment, else `mmdl` in
/// `XDG_CACHE_HOME` or in `.cache` of the home folder; empty: nothing is remembered. `MMDL_CACHE=` switches
/// it off.
inline std::string gpu_cache_folder() {
  const auto from = [](const char* name) -> const char* { return std::getenv(name); };
  if (const char* given = from("MMDL_CACHE")) return given;
  if (const char* given = from("XDG_CACHE_HOME"); given != nullptr && *given != '\0')
    return std::string(given) + "/mmdl";
  if (const char* home = from("HOME"); home != nullptr && *home != '\0')
    return std::string(home) + "/.cache/mmdl";
  return "";
}

/// Makes the folder and those above it; false where that cannot be.
inline bool make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    (void)::mkdir(path.substr(0, slash).c_str(), 0777);
  (void)::mkdir(path.c_str(), 0777);
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// What is remembered under a key, which may be any text: a file whose name is a hash of the key, and which
/// holds the key too, so that another one's is never taken for it. A damaged or foreign file is as none.
class GpuCache {
 public:
  explicit GpuCache(std::string folder) : folder_(std::move(folder)) {}

  bool find(const std::string& key, std::string& value) const {
    if (folder_.empty()) return false;
    std::FILE* file = std::fopen(path(key).c_str(), "rb");
    if (file == nullptr) return false;
    const std::unique_ptr<std::FILE, CloseFile> owner(file);
    std::string all;
    char piece[65536];
    for (std::size_t got; (got = std::fread(piece, 1, sizeof piece, file)) > 0;) all.append(piece, got);
    const std::string head = header(key);
    if (all.size() < head.size() + 8 || all.compare(0, head.size(), head) != 0) return false;
    const std::string content = all.substr(head.size() + 8);
    if (all.compare(head.size(), 8, checksum(content)) != 0) return false;
    value = content;
    return true;
  }

  /// Remembers a value; a folder that cannot be written is no error, only slower the next time.
  void keep(const std::string& key, const std::string& value) const {
    if (folder_.empty() || !make_folders(folder_)) return;
    try {
      AtomicFile file(path(key));
      file.write(header(key));
      file.write(checksum(value));
      file.write(value);
      file.commit();
    } catch (const Error&) {
    }
  }

 private:
  static std::uint64_t hash(const std::string& text, std::uint64_t state) {
    for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3U;  // FNV-1a
    return state;
  }
  static std::string header(const std::string& key) {
    return "mmdl 1 " + std::to_string(key.size()) + "\n" + key + "\n";
  }
  static std::string checksum(const std::string& content) {
    const std::uint64_t h = hash(content, 0xcbf29ce484222325U);
    std::string text;
    for (int i = 0; i < 8; ++i) text += static_cast<char>(h >> (8 * i));
    return text;
  }
  std::string path(const std::string& key) const {
    constexpr char digits[] = "0123456789abcdef";
    std::string name;
    for (const std::uint64_t h : {hash(key, 0xcbf29ce484222325U), hash(key, 0x84222325cbf29ce4U)})
      for (int i = 0; i < 16; ++i) name += digits[h >> (4 * i) & 15];
    return folder_ + "/" + name;
  }
  std::string folder_;
};

}  // namespace mmdl::detail
