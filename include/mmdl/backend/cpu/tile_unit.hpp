// SPDX-License-Identifier: Apache-2.0
// The CPU's unit for products of tiles (AMX), where the target has one.
#pragma once

#include <cstdint>

#if defined(MMDL_TILE_UNIT)  // tests put an emulation here
#  include MMDL_TILE_UNIT
#elif defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__linux__) && !defined(__CUDACC__)
#  include <sys/syscall.h>
#  include <unistd.h>
#  define MMDL_TILE_UNIT_OF_THE_CPU
#endif

namespace mmdl::detail {

#if defined(MMDL_TILE_UNIT)
using TileUnit = ::MmdlTileUnit;
#elif defined(MMDL_TILE_UNIT_OF_THE_CPU)

/// Four tiles of 16 x 16 sums, two of 16 x 32 narrow numbers for either factor. The state is a thread's own:
/// between `configure` and `release`. (Its instructions are written out: <immintrin.h> takes longer to read
/// than all of the library's kernels.)
struct TileUnit {
  static constexpr bool exists = true;

  /// Whether this process may use it. The system is asked once; without its consent a tile instruction would
  /// end the process.
  static bool available() {
    static const bool granted = [] {
      constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
      return syscall(SYS_arch_prctl, request, tile_data) == 0;
    }();
    return granted;
  }

  static void configure() {
    static const Configuration all_whole;
    asm volatile("ldtilecfg %0" ::"m"(all_whole));
  }
  static void release() { asm volatile("tilerelease"); }

  static void clear_sums() {
    asm volatile("tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3" ::
                     : "memory");  // the loads do not tell the compiler what they read
  }
  /// sums += the 32 rows of pairs from `a` on, whose halves are 16 `a_bytes` apart, times the 32 columns of
  /// `b`.
  static void add_product(const std::uint32_t* a, long a_bytes, const std::uint32_t* b, long b_bytes) {
    const auto* a_bottom = reinterpret_cast<const char*>(a) + 16 * a_bytes;
    asm volatile(
        "tileloadd (%0,%4,1), %%tmm4\n\t"
        "tileloadd (%2,%5,1), %%tmm6\n\t"
        "tileloadd (%3,%5,1), %%tmm7\n\t"
        "tileloadd (%1,%4,1), %%tmm5\n\t"
        "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\t"
        "tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
        "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\t"
        "tdpbf16ps %%tmm7, %%tmm5, %%tmm3" ::"r"(a),
        "r"(a_bottom), "r"(b), "r"(b + 16), "r"(a_bytes), "r"(b_bytes));
  }
  static void load_sums(const float* from) {
    constexpr long row = 32, bytes = row * static_cast<long>(sizeof(float));
    asm volatile(
        "tileloadd (%0,%4,1), %%tmm0\n\t"
        "tileloadd (%1,%4,1), %%tmm1\n\t"
        "tileloadd (%2,%4,1), %%tmm2\n\t"
        "tileloadd (%3,%4,1), %%tmm3" ::"r"(from),
        "r"(from + 16), "r"(from + 16 * row), "r"(from + 16 * row + 16), "r"(bytes)
        : "memory");
  }
  static void store_sums(float* to) {
    constexpr long row = 32, bytes = row * static_cast<long>(sizeof(float));
    asm volatile(
        "tilestored %%tmm0, (%0,%4,1)\n\t"
        "tilestored %%tmm1, (%1,%4,1)\n\t"
        "tilestored %%tmm2, (%2,%4,1)\n\t"
        "tilestored %%tmm3, (%3,%4,1)" ::"r"(to),
        "r"(to + 16), "r"(to + 16 * row), "r"(to + 16 * row + 16), "r"(bytes)
        : "memory");
  }

 private:
  struct alignas(64) Configuration {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static_assert(sizeof(Configuration) == 64);
};

#else

/// There is none: nothing of it is called.
struct TileUnit {
  static constexpr bool exists = false;
  static constexpr bool available() { return false; }
  static constexpr void configure() {}
  static constexpr void release() {}
  static constexpr void clear_sums() {}
  static constexpr void add_product(const std::uint32_t*, long, const std::uint32_t*, long) {}
  static constexpr void load_sums(const float*) {}
  static constexpr void store_sums(float*) {}
};

#endif

}  // namespace mmdl::detail
