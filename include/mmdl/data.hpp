// SPDX-License-Identifier: Apache-2.0
// Images and data sets in one header. Needs libjpeg, libpng and nlohmann-json: the CMake target mmdl::data.
#pragma once

#include "data/coco.hpp"
#include "data/image.hpp"
#include "data/loader.hpp"
#include "data/manifest.hpp"
#include "data/nus_wide.hpp"
#include "data/scenes.hpp"
#include "data/sheet.hpp"
#include "data/transform.hpp"
#include "data/vocabulary.hpp"
#include "data/word_vectors.hpp"
