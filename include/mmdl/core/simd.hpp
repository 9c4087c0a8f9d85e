// SPDX-License-Identifier: Apache-2.0
// The hint that a plain loop may be vectorised, in the words of each compiler.
#pragma once

// GCC 12 vectorises no loop of unknown length at -O2 unless told to. The loops that carry the hint touch one
// index at a time, so operands may be the same array but must not overlap otherwise. Clang vectorises them by
// itself.
#if defined(__GNUC__) && !defined(__clang__)
#  ifdef _OPENMP
#    define MMDL_SIMD _Pragma("omp simd")
#  else
#    define MMDL_SIMD _Pragma("GCC ivdep")
#  endif
#else
#  define MMDL_SIMD
#endif
