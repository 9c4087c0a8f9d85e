// SPDX-License-Identifier: Apache-2.0
// Adam and AdamW.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "../core/simd.hpp"
#include "../core/square_roots.hpp"
#include "../core/threads.hpp"
#include "../optim/parameter_range.hpp"

namespace mmdl {

namespace detail {

/// The numbers of one update, worked out once.
template <class T>
struct AdamFactors {
  T beta1, beta2, epsilon, step_size, root, coupled_decay, kept;
};

/// One step of `count` numbers, in pieces whose square roots stay in the first cache.
template <class T>
void adam_range(const AdamFactors<T>& f, T* p, const T* g, T* first, T* second, long count) {
  constexpr long piece = 1024;
  const T beta1 = f.beta1, beta2 = f.beta2, epsilon = f.epsilon, step_size = f.step_size, root = f.root;
  const T coupled_decay = f.coupled_decay, kept = f.kept;
  T deviation[piece];
  for (; count > 0; count -= piece, p += piece, g += piece, first += piece, second += piece) {
    const long length = std::min(count, piece);
    MMDL_SIMD
    for (long i = 0; i < length; ++i) {
      const T gradient = g[i] + coupled_decay * p[i];
      first[i] = beta1 * first[i] + (T{1} - beta1) * gradient;
      second[i] = beta2 * second[i] + (T{1} - beta2) * gradient * gradient;
    }
    square_roots(second, deviation, length);
    MMDL_SIMD
    for (long i = 0; i < length; ++i)
      p[i] = p[i] * kept - step_size * first[i] / (deviation[i] / root + epsilon);
  }
}

/// The rule that Adam and AdamW share; they differ in where the weight decay enters.
template <bool Decoupled, class Options, class T>
void adam_update(const Options& o, T* parameters, const T* gradients, T* const* slots,
                 std::span<const ParameterRange> ranges, float rate, long step) {
  const double t = static_cast<double>(step + 1);
  AdamFactors<T> factors;
  factors.beta1 = static_cast<T>(o.beta1);
  factors.beta2 = static_cast<T>(o.beta2);
  factors.epsilon = static_cast<T>(o.epsilon);
  factors.step_size = static_cast<T>(rate / (1.0 - std::pow(static_cast<double>(o.beta1), t)));
  factors.root = static_cast<T>(std::sqrt(1.0 - std::pow(static_cast<double>(o.beta2), t)));
  for (const ParameterRange& range : ranges) {
    const T decay = range.decay || o.decay_all ? static_cast<T>(o.weight_decay) : T{0};
    factors.coupled_decay = Decoupled ? T{0} : decay;
    factors.kept = Decoupled ? T{1} - static_cast<T>(rate) * decay : T{1};
    parallel_ranges(range.end - range.begin, update_grain, [&](long begin, long end) {
      const long at = range.begin + begin;
      adam_range(factors, parameters + at, gradients + at, slots[0] + at, slots[1] + at, end - begin);
    });
  }
}

template <class Options>
void check_adam(const Options& o) {
  check_option("Adam: learning_rate", o.learning_rate, 0.0f, no_limit, "a finite number, 0 or more");
  check_option("Adam: beta1", o.beta1, 0.0f, 1.0f, "a number in [0, 1)");
  check_option("Adam: beta2", o.beta2, 0.0f, 1.0f, "a number in [0, 1)");
  check_option("Adam: epsilon", o.epsilon, 0.0f, no_limit, "a finite number, 0 or more");
  check_option("Adam: weight_decay", o.weight_decay, 0.0f, no_limit, "a finite number, 0 or more");
}

}  // namespace detail

/// With g the gradient plus weight_decay * p: m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) *
/// g^2; p -= learning_rate * m' / (sqrt(v') + epsilon), m' and v' corrected for their start at zero. Weight
/// decay leaves out biases and batch norm unless `decay_all`. PyTorch: `torch.optim.Adam`. Source: Kingma and
/// Ba 2015.
struct Adam {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0.0f;
  bool decay_all = false;

  /// Throws `Error` for an option out of its range.
  void check() const { detail::check_adam(*this); }
  /// State buffers of the parameters' size.
  int slots() const { return 2; }

  template <class T>
  void update(T* parameters, const T* gradients, T* const* slots, std::span<const ParameterRange> ranges,
              float rate, long step) const {
    detail::adam_update<false>(*this, parameters, gradients, slots, ranges, rate, step);
  }
};

/// Adam with the weight decay apart from the gradient: p -= learning_rate * weight_decay * p before Adam's
/// step. PyTorch: `torch.optim.AdamW`. Source: Loshchilov and Hutter 2019.
struct AdamW {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0.01f;
  bool decay_all = false;

  /// Throws `Error` for an option out of its range.
  void check() const { detail::check_adam(*this); }
  /// State buffers of the parameters' size.
  int slots() const { return 2; }

  template <class T>
  void update(T* parameters, const T* gradients, T* const* slots, std::span<const ParameterRange> ranges,
              float rate, long step) const {
    detail::adam_update<true>(*this, parameters, gradients, slots, ranges, rate, step);
  }
};

}  // namespace mmdl
