# SPDX-License-Identifier: Apache-2.0
# What the library's targets link: Eigen (needed), OpenMP (wanted), and the data component's libraries.
if(MMDL_DOWNLOAD_DEPENDENCIES)
  include(FetchContent)
  # SOURCE_SUBDIR names a folder without a CMakeLists.txt: only Eigen's headers are wanted, not its build.
  FetchContent_Declare(
    mmdl_eigen
    URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz
    URL_HASH SHA256=8586084f71f9bde545ee7fa6d00288b264a2b7ac3607b974e54d13e7162c1c72
    SOURCE_SUBDIR headers_only)
  FetchContent_MakeAvailable(mmdl_eigen)
  if(NOT TARGET Eigen3::Eigen)
    add_library(Eigen3::Eigen INTERFACE IMPORTED GLOBAL)
    target_include_directories(Eigen3::Eigen INTERFACE "${mmdl_eigen_SOURCE_DIR}")
  endif()
elseif(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 3.4 NO_MODULE QUIET)
  if(NOT TARGET Eigen3::Eigen)
    message(FATAL_ERROR "mmdl: Eigen 3.4 was not found. Install it (Debian: libeigen3-dev), name its place with "
                        "Eigen3_DIR, or configure with -DMMDL_DOWNLOAD_DEPENDENCIES=ON.")
  endif()
endif()

if(MMDL_OPENMP)
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(NOT OpenMP_CXX_FOUND)
    message(STATUS "mmdl: OpenMP was not found for ${CMAKE_CXX_COMPILER}: programs run on one thread")
  endif()
endif()

find_package(JPEG QUIET)
find_package(PNG QUIET)
find_package(nlohmann_json 3.9 QUIET)
find_package(Threads QUIET)
set(MMDL_HAS_DATA ON)
foreach(library IN ITEMS JPEG::JPEG PNG::PNG nlohmann_json::nlohmann_json Threads::Threads)
  if(NOT TARGET ${library})
    message(STATUS "mmdl: ${library} was not found: mmdl::data and whatever needs it are left out")
    set(MMDL_HAS_DATA OFF)
  endif()
endforeach()
