// SPDX-License-Identifier: Apache-2.0
// The tile unit of the CPU in plain C++, for the tests of what is built on it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>

/// As Intel's architecture manual defines TDPBF16PS: 16 x 16 sums, 16 rows of 16 pairs, 16 pairs of rows of
/// columns.
struct MmdlTileUnit {
  static constexpr bool exists = true;
  static bool available() { return true; }
  static void configure() { configured() = true; }
  static void release() { configured() = false; }
  static void clear_sums() {
    if (!configured()) std::abort();
    for (int i = 0; i < 32 * 32; ++i) sums()[i] = 0.0f;
  }
  static void add_product(const std::uint32_t* a, long a_bytes, const std::uint32_t* b, long b_bytes) {
    // Rows may be any number of bytes apart.
    const auto pair_at = [](const std::uint32_t* rows, long bytes, long p) {
      std::uint32_t pair;
      std::memcpy(&pair, reinterpret_cast<const char*>(rows) + bytes + p * 4, sizeof pair);
      return pair;
    };
    const auto low = [](std::uint32_t pair) { return std::bit_cast<float>(pair << 16); };
    const auto high = [](std::uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000U); };
    for (int m = 0; m < 32; ++m)
      for (int p = 0; p < 16; ++p) {
        const std::uint32_t left = pair_at(a, m * a_bytes, p);
        for (int n = 0; n < 32; ++n) {
          const std::uint32_t right = pair_at(b, p * b_bytes, n);
          sums()[m * 32 + n] += low(left) * low(right);
          sums()[m * 32 + n] += high(left) * high(right);
        }
      }
  }
  static void load_sums(const float* from) {
    if (!configured()) std::abort();
    for (int i = 0; i < 32 * 32; ++i) sums()[i] = from[i];
  }
  static void store_sums(float* to) {
    for (int i = 0; i < 32 * 32; ++i) to[i] = sums()[i];
  }

 private:
  static bool& configured() {
    static thread_local bool value = false;
    return value;
  }
  static float* sums() {
    static thread_local float values[32 * 32];
    return values;
  }
};
