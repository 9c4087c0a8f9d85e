// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: a value is a pure function of (seed, stream, index), so results do not depend
// on the number of threads, and a generator's whole state is its seed and a counter.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace mmdl {

/// Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): four words of
/// 32 random bits for a 128-bit counter (`index`, `stream`) under a 64-bit key (`seed`).
constexpr std::array<std::uint32_t, 4> random_bits(std::uint64_t seed, std::uint64_t stream,
                                                   std::uint64_t index) {
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  std::array<std::uint32_t, 4> c{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                                 static_cast<std::uint32_t>(stream),
                                 static_cast<std::uint32_t>(stream >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

/// A random number in [0, 1), with 24 bits.
constexpr float uniform_from_bits(std::uint32_t bits) {
  return static_cast<float>(bits >> 8) * (1.0f / 16777216.0f);
}

/// The `index`-th uniform number in [0, 1) of a stream.
constexpr float random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return uniform_from_bits(random_bits(seed, stream, index / 4)[index % 4]);
}

namespace detail {

/// Four standard normal numbers from four words of bits (Box and Muller, both branches).
inline std::array<float, 4> normals_from_bits(const std::array<std::uint32_t, 4>& bits) {
  std::array<float, 4> normals;
  for (std::size_t pair = 0; pair < 4; pair += 2) {
    const float uniform = (static_cast<float>(bits[pair] >> 8) + 1.0f) * (1.0f / 16777216.0f);  // (0, 1]
    const float radius = std::sqrt(-2.0f * std::log(uniform));
    const float angle = 6.2831853f * uniform_from_bits(bits[pair + 1]);
    normals[pair] = radius * std::cos(angle);
    normals[pair + 1] = radius * std::sin(angle);
  }
  return normals;
}

/// data[i] = scale * the i-th standard normal number of a stream, for i in [begin, end), `begin` a multiple
/// of 4.
template <class T>
void fill_normals(T* data, long begin, long end, std::uint64_t seed, std::uint64_t stream, float scale) {
  for (long i = begin; i < end; i += 4) {
    const auto four = normals_from_bits(random_bits(seed, stream, static_cast<std::uint64_t>(i) / 4));
    for (long j = 0; j < 4 && i + j < end; ++j)
      data[i + j] = static_cast<T>(scale * four[static_cast<std::size_t>(j)]);
  }
}

}  // namespace detail

/// The `index`-th standard normal number of a stream.
inline float random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return detail::normals_from_bits(random_bits(seed, stream, index / 4))[index % 4];
}

/// A sequential view of one stream, for code that just wants the next number. Its state is three integers.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  constexpr std::uint32_t bits() { return random_bits(seed_, stream_, index_++)[0]; }
  constexpr float uniform() { return uniform_from_bits(bits()); }
  constexpr float uniform(float low, float high) { return low + (high - low) * uniform(); }
  float normal() { return random_normal(seed_, stream_, 4 * index_++); }

  /// An integer in [0, bound), `bound` at least 1, without the bias of a remainder beyond 2^-32.
  constexpr int below(int bound) {
    return static_cast<int>((std::uint64_t{bits()} * static_cast<std::uint64_t>(bound)) >> 32);
  }

  constexpr std::uint64_t index() const { return index_; }
  constexpr void seek(std::uint64_t index) { index_ = index; }

 private:
  std::uint64_t seed_, stream_, index_ = 0;
};

}  // namespace mmdl
