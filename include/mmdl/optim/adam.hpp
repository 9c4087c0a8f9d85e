// SPDX-License-Identifier: Apache-2.0
// Adam and AdamW.
#pragma once

#include <algorithm>
#include <cmath>

#include "../core/simd.hpp"
#include "../core/square_roots.hpp"
#include "../optim/update.hpp"

namespace mmdl {

namespace detail {

/// The rule that Adam and AdamW share; they differ in where the weight decay enters. Its numbers are worked
/// out once a step.
template <class T, bool Decoupled>
struct AdamRule {
  T beta1, beta2, epsilon, rate, step_size, root, weight_decay;
  bool decay_all;

  /// In parts whose square roots stay in the first cache.
  void operator()(const UpdatePiece<T>& piece) const {
    constexpr long part = 1024;
    const AdamRule f = *this;  // whose numbers no store of the loops changes
    const T decay = piece.decays || decay_all ? weight_decay : T{0};
    const T coupled_decay = Decoupled ? T{0} : decay, kept = Decoupled ? T{1} - rate * decay : T{1};
    T *p = piece.parameters, *first = piece.slots[0], *second = piece.slots[1];
    const T* g = piece.gradients;
    T deviation[part];
    for (long left = piece.count; left > 0;
         left -= part, p += part, g += part, first += part, second += part) {
      const long length = std::min(left, part);
      MMDL_SIMD
      for (long i = 0; i < length; ++i) {
        const T gradient = g[i] + coupled_decay * p[i];
        first[i] = f.beta1 * first[i] + (T{1} - f.beta1) * gradient;
        second[i] = f.beta2 * second[i] + (T{1} - f.beta2) * gradient * gradient;
      }
      square_roots(second, deviation, length);
      MMDL_SIMD
      for (long i = 0; i < length; ++i)
        p[i] = p[i] * kept - f.step_size * first[i] / (deviation[i] / f.root + f.epsilon);
    }
  }
};

template <class T, bool Decoupled, class Options>
AdamRule<T, Decoupled> adam_rule(const Options& o, float rate, long step) {
  const double t = static_cast<double>(step + 1);
  return {static_cast<T>(o.beta1),
          static_cast<T>(o.beta2),
          static_cast<T>(o.epsilon),
          static_cast<T>(rate),
          static_cast<T>(rate / (1.0 - std::pow(static_cast<double>(o.beta1), t))),
          static_cast<T>(std::sqrt(1.0 - std::pow(static_cast<double>(o.beta2), t))),
          static_cast<T>(o.weight_decay),
          o.decay_all};
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

  /// What step `step` (from 0) does to each piece.
  template <class T>
  detail::AdamRule<T, false> rule(float rate, long step) const {
    return detail::adam_rule<T, false>(*this, rate, step);
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

  /// What step `step` (from 0) does to each piece.
  template <class T>
  detail::AdamRule<T, true> rule(float rate, long step) const {
    return detail::adam_rule<T, true>(*this, rate, step);
  }
};

}  // namespace mmdl
