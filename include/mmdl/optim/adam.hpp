// SPDX-License-Identifier: Apache-2.0
// Adam and AdamW.
#pragma once

#include <cmath>
#include <span>

#include "../core/threads.hpp"
#include "../optim/parameter_range.hpp"

namespace mmdl {

namespace detail {

/// The rule that Adam and AdamW share; they differ in where the weight decay enters.
template <bool Decoupled, class Options, class T>
void adam_update(const Options& o, T* parameters, const T* gradients, T* const* slots,
                 std::span<const ParameterRange> ranges, float rate, long step) {
  const double t = static_cast<double>(step + 1);
  const T lr = static_cast<T>(rate), beta1 = static_cast<T>(o.beta1), beta2 = static_cast<T>(o.beta2);
  const T epsilon = static_cast<T>(o.epsilon);
  const T step_size = static_cast<T>(rate / (1.0 - std::pow(static_cast<double>(o.beta1), t)));
  const T root = static_cast<T>(std::sqrt(1.0 - std::pow(static_cast<double>(o.beta2), t)));
  for (const ParameterRange& range : ranges) {
    const T decay = range.decay || o.decay_all ? static_cast<T>(o.weight_decay) : T{0};
    parallel_ranges(range.end - range.begin, update_grain, [&](long begin, long end) {
      T* p = parameters + range.begin;
      const T* g = gradients + range.begin;
      T* first = slots[0] + range.begin;
      T* second = slots[1] + range.begin;
      for (long i = begin; i < end; ++i) {
        const T gradient = Decoupled ? g[i] : g[i] + decay * p[i];
        first[i] = beta1 * first[i] + (T{1} - beta1) * gradient;
        second[i] = beta2 * second[i] + (T{1} - beta2) * gradient * gradient;
        const T kept = Decoupled ? p[i] * (T{1} - lr * decay) : p[i];
        p[i] = kept - step_size * first[i] / (std::sqrt(second[i]) / root + epsilon);
      }
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

/// With g the gradient plus weight_decay * p: m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
/// p -= learning_rate * m' / (sqrt(v') + epsilon), m' and v' corrected for their start at zero. Weight decay leaves
/// out biases and batch norm unless `decay_all`. PyTorch: `torch.optim.Adam`. Source: Kingma and Ba 2015.
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
  void update(T* parameters, const T* gradients, T* const* slots, std::span<const ParameterRange> ranges, float rate,
              long step) const {
    detail::adam_update<false>(*this, parameters, gradients, slots, ranges, rate, step);
  }
};

/// Adam with the weight decay apart from the gradient: p -= learning_rate * weight_decay * p before Adam's step.
/// PyTorch: `torch.optim.AdamW`. Source: Loshchilov and Hutter 2019.
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
  void update(T* parameters, const T* gradients, T* const* slots, std::span<const ParameterRange> ranges, float rate,
              long step) const {
    detail::adam_update<true>(*this, parameters, gradients, slots, ranges, rate, step);
  }
};

}  // namespace mmdl
