// SPDX-License-Identifier: Apache-2.0
// The folder of a run, and the progress of the whole.
#include "workspace.hpp"

#include <algorithm>
#include <filesystem>

namespace reproduce {

Workspace::Workspace(std::string folder) : folder_(std::move(folder)) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error)
    mmdl::detail::fail(mmdl::detail::printable(folder_, 4096) +
                       ": cannot create the folder: " + error.message());
}

void Workspace::plan(const std::string& stage, double work) { planned_[stage] = work; }

void Workspace::report(const std::string& stage, double share, const std::string& text) {
  if (planned_.count(stage) == 0) return;
  done_[stage] = planned_[stage] * std::clamp(share, 0.0, 1.0);
  double all = 0, done = 0;
  for (const auto& [name, work] : planned_) all += work;
  for (const auto& [name, work] : done_) done += work;
  // In thousandths of the run; what was found done took no time in this one.
  progress_.update(text, std::lround(1000 * done / all), 1000, std::lround(1000 * found_ / all));
}

void Workspace::finish(const std::string& stage, bool found) {
  const auto planned = planned_.find(stage);
  if (planned == planned_.end()) return;
  done_[stage] = planned->second;
  if (found) found_ += planned->second;
}

}  // namespace reproduce
