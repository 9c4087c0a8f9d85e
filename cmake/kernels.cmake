# SPDX-License-Identifier: Apache-2.0
# mmdl_add_kernels(<target> [<type>...])
# A static library of the CPU's kernels for the number types (float, double, BFloat16; float alone where none is
# given), compiled once for all programs that link it: they only call them. It may have options of its own, for
# instance -O3 in a debug build, but -march must be the programs'.
function(mmdl_add_kernels target)
  set(types ${ARGN})
  if(NOT types)
    set(types float)
  endif()
  set(sources "")
  foreach(type IN LISTS types)
    if(NOT type MATCHES "^(float|double|BFloat16)$")
      message(FATAL_ERROR "mmdl_add_kernels(${target}): found the type '${type}', expected float, double or BFloat16")
    endif()
    set(source "${CMAKE_CURRENT_BINARY_DIR}/${target}_${type}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include <mmdl/kernels.hpp>\nMMDL_DEFINE_KERNELS(${type});\n")
    list(APPEND sources "${source}")
  endforeach()
  add_library(${target} STATIC EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(${target} PUBLIC mmdl::mmdl)
  target_compile_definitions(${target} INTERFACE MMDL_SEPARATE_KERNELS)
endfunction()
