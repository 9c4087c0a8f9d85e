// SPDX-License-Identifier: Apache-2.0
// What becomes of an image that lacks something.
#pragma once

namespace mmdl {

/// What a reader of a data set does with an image that has no label, no tag, or no file.
enum class Incomplete {
  keep,       ///< keep it as it is
  leave_out,  ///< leave it out, and count it
  refuse,     ///< throw `Error` with its place
};

}  // namespace mmdl
