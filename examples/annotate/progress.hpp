// SPDX-License-Identifier: Apache-2.0
// Progress on stderr: a bar that is redrawn where it is a terminal, a line now and then elsewhere.
#pragma once

#include <chrono>
#include <string>

namespace annotate {

class Progress {
 public:
  Progress();
  /// Ends the bar's line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Of `total` steps of the whole run `done` are done, `begun` of them before this run; `text` says what of.
  void update(const std::string& text, long done, long total, long begun = 0);
  /// A line that stays.
  void line(const std::string& text);

 private:
  void clear();

  using Clock = std::chrono::steady_clock;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now(), last_{};
};

}  // namespace annotate
