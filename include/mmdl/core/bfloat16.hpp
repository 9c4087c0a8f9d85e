// SPDX-License-Identifier: Apache-2.0
// Numbers of 16 bits with the range of float: for activations, never for sums.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace mmdl {

/// The upper half of a float: 8 bits of exponent, 8 of significand (a relative step of 2^-8). It converts to
/// float exactly and from float by rounding to the nearest, ties to even; a NaN stays one. All arithmetic is
/// float's. PyTorch: `torch.bfloat16`.
struct BFloat16 {
  std::uint16_t bits;

  BFloat16() = default;
  constexpr BFloat16(float value) : bits(rounded(value)) {}
  /// Writes the bits alone: a temporary of this type would keep the compiler from vector code.
  constexpr BFloat16& operator=(float value) {
    bits = rounded(value);
    return *this;
  }
  constexpr operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

  constexpr BFloat16& operator+=(float value) { return *this = *this + value; }
  constexpr BFloat16& operator-=(float value) { return *this = *this - value; }
  constexpr BFloat16& operator*=(float value) { return *this = *this * value; }

 private:
  /// Without a branch, so that loops over it become vector code.
  static constexpr std::uint16_t rounded(float value) {
    const std::uint32_t all = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t nearest = all + 0x7fffU + (all >> 16 & 1U);
    return static_cast<std::uint16_t>((value != value ? all | 0x400000U : nearest) >> 16);
  }
};
static_assert(sizeof(BFloat16) == 2 && std::is_trivially_copyable_v<BFloat16>);

namespace detail {

template <class T>
inline constexpr bool is_narrow = std::is_same_v<T, BFloat16>;

/// The number type in which values kept as `T` are summed, and in which parameters, their gradients and
/// statistics are kept.
template <class T>
using Wide = std::conditional_t<is_narrow<T>, float, T>;

template <class T>
constexpr Wide<T> wide(T value) {
  return value;
}

}  // namespace detail
}  // namespace mmdl

/// Bounds of the number type: largest finite numbers, infinities.
template <>
class std::numeric_limits<mmdl::BFloat16> {
 public:
  static constexpr bool is_specialized = true, is_signed = true, has_infinity = true, has_quiet_NaN = true;
  static constexpr int digits = 8;
  static constexpr mmdl::BFloat16 max() noexcept { return from_bits(0x7f7f); }
  static constexpr mmdl::BFloat16 lowest() noexcept { return from_bits(0xff7f); }
  static constexpr mmdl::BFloat16 min() noexcept { return from_bits(0x0080); }
  static constexpr mmdl::BFloat16 epsilon() noexcept { return 0.0078125f; }
  static constexpr mmdl::BFloat16 infinity() noexcept { return from_bits(0x7f80); }
  static constexpr mmdl::BFloat16 quiet_NaN() noexcept { return from_bits(0x7fc0); }

 private:
  static constexpr mmdl::BFloat16 from_bits(std::uint16_t bits) noexcept {
    return std::bit_cast<mmdl::BFloat16>(bits);
  }
};
