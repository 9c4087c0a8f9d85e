// SPDX-License-Identifier: Apache-2.0
// One run's folder: what is done and where the rest stands, so that a run that was killed goes on.
#pragma once

#include <cmath>
#include <map>
#include <mmdl/core/error.hpp>
#include <string>
#include <vector>

#include "../annotate/progress.hpp"
#include "recipe.hpp"
#include "results.hpp"

namespace reproduce {

/// Set by SIGINT and SIGTERM: a stage ends at its next step; what was saved stays.
bool interrupted();

/// Counts the work of all stages in one unit (multiply-adds of the training), so that progress is that of the
/// whole run.
class Workspace {
 public:
  /// Makes the folder where there is none. Throws `mmdl::Error` when it cannot.
  explicit Workspace(std::string folder);

  std::string file(const std::string& name) const { return folder_ + "/" + name; }

  /// Announces a stage's work before the run, and says how much of it is done during it.
  void plan(const std::string& stage, double work);
  void report(const std::string& stage, double share, const std::string& text);
  /// `found`: it was done before this run.
  void finish(const std::string& stage, bool found = false);
  /// A line that stays, on stderr.
  void line(const std::string& text) { progress_.line(text); }

  /// The curves of the stages that were trained or found done, in order.
  std::vector<Curve> curves;
  /// What the stages took in runs before this one, which it took up.
  double earlier_seconds = 0;

 private:
  std::string folder_;
  std::map<std::string, double> planned_, done_;
  double found_ = 0;
  annotate::Progress progress_;
};

}  // namespace reproduce
