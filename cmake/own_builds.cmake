# SPDX-License-Identifier: Apache-2.0
# How our own programs (tests, examples, benchmarks) are compiled. Nothing here reaches a user's targets.
set(MMDL_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns wrongly of `"literal" + std::string` when it optimises (its bug 105651).
  list(APPEND MMDL_WARNINGS -Wno-restrict)
endif()
if(MMDL_WERROR)
  list(APPEND MMDL_WARNINGS -Werror)
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(MMDL_CCACHE ccache)
  if(MMDL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${MMDL_CCACHE}")
  endif()
endif()

add_library(mmdl_own_flags INTERFACE)
# A target's MMDL_ARCHITECTURE property takes the place of this machine's.
target_compile_options(
  mmdl_own_flags
  INTERFACE ${MMDL_WARNINGS}
            "$<IF:$<STREQUAL:$<TARGET_PROPERTY:MMDL_ARCHITECTURE>,>,$<$<BOOL:${MMDL_NATIVE}>:-march=native>,-march=$<TARGET_PROPERTY:MMDL_ARCHITECTURE>>")
if(MMDL_SANITIZE)
  set(sanitize_flags -fsanitize=${MMDL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(mmdl_own_flags INTERFACE ${sanitize_flags})
  target_link_options(mmdl_own_flags INTERFACE ${sanitize_flags})
endif()

# mmdl_sanitize(<target> <list>): what SANITIZE below asks for, nothing where the list is empty. It makes a second,
# instrumented build inside the same build tree, so that one ctest run covers both: at -O1 and with assertions, which is
# quicker to compile and checks more. It gives way to MMDL_SANITIZE, which is for every program.
function(mmdl_sanitize target sanitizers)
  if(NOT sanitizers OR MMDL_SANITIZE)
    return()
  endif()
  set(flags -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # These cost much of the compiler's time, and the address sanitizer stops at a null pointer too; the preset asan
  # keeps them.
  if(sanitizers MATCHES "address,undefined")
    list(APPEND flags -fno-sanitize=null,object-size,vptr)
  endif()
  target_compile_options(${target} PRIVATE ${flags} -O1 -g1 -UNDEBUG)
  target_link_options(${target} PRIVATE ${flags})
endfunction()

# mmdl_own_kernels(<target> [SANITIZE <list>] TYPES <types>): mmdl_add_kernels for programs of ours.
function(mmdl_own_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SANITIZE" "TYPES")
  mmdl_add_kernels(${target} ${arg_TYPES})
  target_link_libraries(${target} PRIVATE mmdl_own_flags)
  mmdl_sanitize(${target} "${arg_SANITIZE}")
endfunction()

# mmdl_own_program(<target> [DATA] [NO_OPENMP] [QUICK] [SANITIZE <list>] [KERNELS <libraries>] SOURCES <files>)
# An executable of ours. QUICK compiles at -O1, and does not optimise at all with sanitizers. KERNELS names libraries
# that have the CPU's kernels; without it they are compiled with the program.
function(mmdl_own_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "DATA;NO_OPENMP;QUICK" "SANITIZE" "SOURCES;KERNELS")
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE mmdl_own_flags)
  if(arg_NO_OPENMP)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/include")
    target_compile_features(${target} PRIVATE cxx_std_20)
    if(arg_DATA)
      target_link_libraries(${target} PRIVATE JPEG::JPEG PNG::PNG nlohmann_json::nlohmann_json Threads::Threads)
    endif()
  elseif(arg_DATA)
    target_link_libraries(${target} PRIVATE mmdl::data)
  else()
    target_link_libraries(${target} PRIVATE mmdl::mmdl)
  endif()
  target_link_libraries(${target} PRIVATE ${arg_KERNELS})
  mmdl_sanitize(${target} "${arg_SANITIZE}")
  if(arg_QUICK AND arg_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  elseif(arg_QUICK)
    target_compile_options(${target} PRIVATE -O1)
  endif()
endfunction()

# The kernels of programs of many files, and of tests; compiled where a program links them.
mmdl_own_kernels(own_kernels TYPES float BFloat16)
mmdl_own_kernels(own_kernels_double TYPES double)
set(MMDL_LARGE_PROGRAMS KERNELS own_kernels)

# Given to programs whose tests ask what they do, not how fast they are or how a user compiles them.
set(MMDL_QUICK_PROGRAMS "")
if(MMDL_PROGRAMS_FOR_TESTS)
  set(MMDL_QUICK_PROGRAMS QUICK KERNELS own_kernels own_kernels_double)
  list(APPEND MMDL_LARGE_PROGRAMS QUICK)
endif()
