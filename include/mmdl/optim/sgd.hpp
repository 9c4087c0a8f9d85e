// SPDX-License-Identifier: Apache-2.0
// Stochastic gradient descent with momentum.
#pragma once

#include "../core/simd.hpp"
#include "../optim/update.hpp"

namespace mmdl {

/// With g the gradient plus weight_decay * p: b = momentum * b + g; p -= learning_rate * b (with `nesterov`:
/// p -= learning_rate * (g + momentum * b)). Weight decay leaves out biases and batch norm unless
/// `decay_all`. PyTorch: `torch.optim.SGD(parameters, lr, momentum, weight_decay=..., nesterov=...)`, which
/// decays all.
struct Sgd {
  float learning_rate = 0.01f;
  float momentum = 0.0f;
  float weight_decay = 0.0f;
  bool nesterov = false;
  bool decay_all = false;

  /// Throws `Error` for an option out of its range.
  void check() const {
    detail::check_option("Sgd: learning_rate", learning_rate, 0.0f, detail::no_limit,
                         "a finite number, 0 or more");
    detail::check_option("Sgd: momentum", momentum, 0.0f, 1.0f, "a number in [0, 1)");
    detail::check_option("Sgd: weight_decay", weight_decay, 0.0f, detail::no_limit,
                         "a finite number, 0 or more");
    if (nesterov && momentum == 0.0f) detail::fail("Sgd: nesterov", "momentum 0", "a momentum above 0");
  }

  /// State buffers of the parameters' size.
  int slots() const { return momentum > 0.0f ? 1 : 0; }

  /// What a step does to each piece.
  template <class T>
  auto rule(float rate, long /*step*/) const {
    return [o = *this, lr = static_cast<T>(rate)](const UpdatePiece<T>& piece) {
      const T m = static_cast<T>(o.momentum);
      const T decay = piece.decays || o.decay_all ? static_cast<T>(o.weight_decay) : T{0};
      T* const p = piece.parameters;
      const T* const g = piece.gradients;
      if (m == T{0}) {
        MMDL_SIMD
        for (long i = 0; i < piece.count; ++i) p[i] -= lr * (g[i] + decay * p[i]);
        return;
      }
      T* const b = piece.slots[0];
      const T own = o.nesterov ? T{1} : T{0}, past = o.nesterov ? m : T{1};
      MMDL_SIMD
      for (long i = 0; i < piece.count; ++i) {
        const T gradient = g[i] + decay * p[i];
        b[i] = m * b[i] + gradient;
        p[i] -= lr * (own * gradient + past * b[i]);
      }
    };
  }
};

}  // namespace mmdl
