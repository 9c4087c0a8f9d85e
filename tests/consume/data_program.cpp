// SPDX-License-Identifier: Apache-2.0
// A consumer of the data component: its libraries are linked, its headers are found.
// clang-format off
#include <cstdio>    // jpeglib.h needs FILE before it
#include <jpeglib.h>
// clang-format on
#include <png.h>

#include <mmdl/mmdl.hpp>
#include <nlohmann/json.hpp>

int main() {
  jpeg_error_mgr errors;
  return jpeg_std_error(&errors) != nullptr && png_access_version_number() != 0 &&
                 nlohmann::json::parse("[1]").size() == 1
             ? 0
             : 1;
}
