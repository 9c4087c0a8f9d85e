// SPDX-License-Identifier: Apache-2.0
// The progress bar.
#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace annotate {

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) != 0) {}
Progress::~Progress() { clear(); }

void Progress::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void Progress::update(const std::string& text, long done, long total, long begun) {
  const Clock::time_point now = Clock::now();
  // A line in a log is worth ten seconds; a bar is redrawn ten times a second.
  const double interval = terminal_ ? 0.1 : 10.0;
  if (last_ == Clock::time_point{} && !terminal_) last_ = start_;
  if (std::chrono::duration<double>(now - last_).count() < interval) return;
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double left =
      elapsed / static_cast<double>(std::max(1L, done - begun)) * static_cast<double>(total - done);
  const int seconds = static_cast<int>(std::clamp(left, 0.0, 3.6e6));
  const int percent = static_cast<int>(100 * done / std::max(1L, total));
  char time[32];
  std::snprintf(time, sizeof time, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (terminal_) {
    const int filled = percent / 5;
    const std::string bar = std::string(static_cast<std::size_t>(filled), '=') + (filled < 20 ? ">" : "") +
                            std::string(static_cast<std::size_t>(std::max(0, 19 - filled)), ' ');
    std::fprintf(stderr, "\r\x1b[K[%s] %3d %%  %s  %s left", bar.c_str(), percent, text.c_str(), time);
    std::fflush(stderr);
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%3d %%  %s  %s left\n", percent, text.c_str(), time);
  }
}

void Progress::line(const std::string& text) {
  clear();
  std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace annotate
