// SPDX-License-Identifier: Apache-2.0
// The log of a training: a file of comma-separated values, which a resumed run continues.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <mmdl/core/error.hpp>
#include <mmdl/core/file.hpp>
#include <string>

namespace annotate {

/// A row for each step and one for each epoch, replaced as a whole after each epoch.
class TrainingLog {
 public:
  static constexpr const char* header =
      "epoch,step,learning_rate,label_loss,quantity_loss,images_per_second,validation_label_loss,"
      "validation_map,validation_c_f1,validation_i_f1,validation_h_f1,validation_quantity_accuracy,"
      "validation_quantity_mse\n";

  /// With `steps` above 0 the rows up to there of an earlier run are kept.
  TrainingLog(std::string path, long steps) : path_(std::move(path)), text_(header) {
    if (path_.empty() || steps == 0 || !std::filesystem::exists(path_)) return;
    const std::string old = mmdl::read_file(path_, std::size_t{1} << 31);
    if (!old.starts_with(header))
      mmdl::detail::fail(path_, "a file that is not this program's log", "one, to be continued");
    for (std::size_t begin = std::string(header).size(); begin < old.size();) {
      const std::size_t end = std::min(old.find('\n', begin), old.size());
      const std::string row = old.substr(begin, end - begin);
      const std::size_t comma = row.find(',');
      if (comma == std::string::npos || std::strtol(row.c_str() + comma + 1, nullptr, 10) > steps) break;
      text_ += row + "\n";
      begin = end + 1;
    }
  }
  void add(const std::string& row) { text_ += row + "\n"; }
  void write() const {
    if (!path_.empty()) mmdl::write_file(path_, text_);
  }

 private:
  std::string path_, text_;
};

}  // namespace annotate
