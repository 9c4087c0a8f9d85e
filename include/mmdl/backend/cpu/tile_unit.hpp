// SPDX-License-Identifier: Apache-2.0
// The CPU's unit for products of tiles (AMX), where the target has one.
#pragma once

#include <cstdint>

#if defined(MMDL_TILE_UNIT)  // tests put an emulation here
#  include MMDL_TILE_UNIT
#elif defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__linux__) && !defined(__CUDACC__)
#  include <immintrin.h>
#  include <sys/syscall.h>
#  include <unistd.h>
#  define MMDL_TILE_UNIT_OF_THE_CPU
#endif

namespace mmdl::detail {

#if defined(MMDL_TILE_UNIT)
using TileUnit = ::MmdlTileUnit;
#elif defined(MMDL_TILE_UNIT_OF_THE_CPU)

/// Four tiles of 16 x 16 sums, two of 16 x 32 narrow numbers for either factor. The state is a thread's own:
/// between `configure` and `release`.
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
    // In static memory: the compiler is told of the first 8 of its 64 bytes alone, and would drop stores to
    // the rest.
    static const Configuration all_whole;
    _tile_loadconfig(&all_whole);
  }
  static void release() { _tile_release(); }

  static void clear_sums() {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    asm volatile("" ::: "memory");  // the loads do not tell the compiler what they read
  }
  /// sums += the 32 rows of pairs from `a` on, whose halves are 16 `a_bytes` apart, times the 32 columns of
  /// `b`.
  static void add_product(const std::uint32_t* a, long a_bytes, const std::uint32_t* b, long b_bytes) {
    const auto* a_bottom = reinterpret_cast<const char*>(a) + 16 * a_bytes;
    _tile_loadd(4, a, a_bytes);
    _tile_loadd(6, b, b_bytes);
    _tile_loadd(7, b + 16, b_bytes);
    _tile_loadd(5, a_bottom, a_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  static void store_sums(float* to) {
    constexpr long row = 32, bytes = row * static_cast<long>(sizeof(float));
    _tile_stored(0, to, bytes);
    _tile_stored(1, to + 16, bytes);
    _tile_stored(2, to + 16 * row, bytes);
    _tile_stored(3, to + 16 * row + 16, bytes);
    asm volatile("" ::: "memory");
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
  static constexpr void store_sums(float*) {}
};

#endif

}  // namespace mmdl::detail
