// SPDX-License-Identifier: Apache-2.0
// A long short-term memory over all steps of a sequence.
#pragma once

#include "../cpu/lstm_sizes.hpp"
#include "column_sums.hpp"
#include "elementwise.hpp"
#include "lstm_text.hpp"
#include "packed_weight.hpp"

namespace mmdl::detail {

/// As the CPU's `CpuKernel<operators::Lstm, T>`: one product for the gates of all steps, and for each step
/// one of the state. States, gates and their gradients are floats.
template <class T>
struct GpuKernel<operators::Lstm, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    const Sizes s(*a.node, a.samples);
    const long gates = 4 * s.units, state = s.samples * s.units;
    float* input_weight = commands.scratch<float>(gates * s.channels);
    float* state_weight = commands.scratch<float>(gates * s.units);
    turn(commands, a.parameters[0], s.channels, gates, input_weight);
    turn(commands, a.parameters[1], s.units, gates, state_weight);
    const float* x = widened(commands, a.inputs[0], s.rows() * s.channels);
    float* of_input = commands.scratch<float>(s.rows() * gates);
    float* of_state = commands.scratch<float>(s.samples * gates);
    float* h = commands.scratch<float>(state);
    float* c = commands.scratch<float>(state);
    first_state(commands, s, a.inputs, h, c);
    multiply(commands, ConvolutionPass::forward, s.rows(), s.channels, gates, x, input_weight, of_input);
    for (long t = 0; t < s.steps; ++t) {
      const bool before = t > 0 || s.state;
      if (before)
        multiply(commands, ConvolutionPass::forward, s.samples, s.units, gates, h, state_weight, of_state);
      KernelText text = step_text("lstm_step", s);
      text.set("HAS_BEFORE", before ? 1 : 0);
      KernelArguments k;
      k.p[0] = of_input;
      k.p[1] = of_state;
      k.p[2] = const_cast<float*>(a.parameters[2]);
      k.p[3] = s.mask > 0 ? const_cast<T*>(a.inputs[s.mask]) : nullptr;
      k.p[4] = a.output;
      k.p[5] = h;
      k.p[6] = c;
      k.n[0] = state;
      k.n[1] = t;
      commands.launch(text, {blocks_for(state, 256), 1, 256}, k);
    }
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const Sizes s(*a.node, a.samples);
    const long gates = 4 * s.units, state = s.samples * s.units;
    float* all = commands.scratch<float>(s.rows() * gates);   // the gates' gradients
    float* one = commands.scratch<float>(s.samples * gates);  // those of one step
    float* dh = commands.scratch<float>(state);
    float* dc = commands.scratch<float>(state);
    float* through = commands.scratch<float>(state);  // what reaches h through the gates of the step behind
    const float* input_weight = aligned(commands, a.parameters[0], gates * s.channels);
    const float* state_weight = aligned(commands, a.parameters[1], gates * s.units);
    for (float* sum : {dh, dc, through}) commands.clear(sum, static_cast<std::size_t>(state) * sizeof(float));
    for (long t = s.steps - 1; t >= 0; --t) {
      KernelArguments k;
      k.p[0] = const_cast<T*>(a.output);
      k.p[1] = const_cast<T*>(a.output_gradient);
      k.p[2] = s.mask > 0 ? const_cast<T*>(a.inputs[s.mask]) : nullptr;
      k.p[3] = s.state ? const_cast<T*>(a.inputs[2]) : nullptr;
      k.p[4] = all;
      k.p[5] = one;
      k.p[6] = dh;
      k.p[7] = dc;
      k.p[8] = through;
      k.n[0] = state;
      k.n[1] = t;
      commands.launch(step_text("lstm_step_gradient", s), {blocks_for(state, 256), 1, 256}, k);
      if (t > 0 || s.state)
        multiply(commands, ConvolutionPass::forward, s.samples, gates, s.units, one, state_weight, through);
      else
        commands.clear(through, static_cast<std::size_t>(state) * sizeof(float));
    }
    weight_gradients(commands, a, s, all);
    if (a.input_gradients[0] != nullptr) {
      float* dx = commands.scratch<float>(s.rows() * s.channels);
      multiply(commands, ConvolutionPass::forward, s.rows(), gates, s.channels, all, input_weight, dx);
      put_sum(commands, dx, nullptr, a.input_gradients[0], s.rows() * s.channels, a.accumulate[0]);
    }
    if (s.state && a.input_gradients[1] != nullptr)
      put_sum(commands, dh, through, a.input_gradients[1], state, a.accumulate[1]);
    if (s.state && a.input_gradients[2] != nullptr)
      put_sum(commands, dc, nullptr, a.input_gradients[2], state, a.accumulate[2]);
    if (s.mask > 0 && a.input_gradients[s.mask] != nullptr && !a.accumulate[s.mask])  // a mask has no slope
      commands.clear(a.input_gradients[s.mask], static_cast<std::size_t>(s.rows()) * sizeof(T));
  }

 private:
  using Sizes = LstmSizes;

  static KernelText step_text(const char* name, const Sizes& s) {
    KernelText text(name, lstm_text);
    text.number<T>()
        .set("UNITS", s.units)
        .set("STEPS", s.steps)
        .set("HAS_MASK", s.mask > 0 ? 1 : 0)
        .set("HAS_STATE", s.state ? 1 : 0)
        .set("ACCUMULATE", 0)
        .set("HAS_SECOND", 0);
    if (std::string_view(name) != "lstm_step") text.set("HAS_BEFORE", 0);
    return text;
  }

  /// to = from turned round; from is rows x columns.
  static void turn(GpuCommands& commands, const float* from, long rows, long columns, float* to) {
    unpack_gradient(commands, from, {columns, rows, false}, to, false);
  }

  /// A copy at a multiple of 16 bytes, which products want; parameters lie close together.
  static const float* aligned(GpuCommands& commands, const float* from, long count) {
    float* to = commands.scratch<float>(count);
    commands.copy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return to;
  }

  /// One product of `rows` vectors, in float32: a convolution of a single place.
  static void multiply(GpuCommands& commands, ConvolutionPass pass, long rows, long in, long out,
                       const float* x, const float* w, const float* y) {
    ConvolutionProblem p;
    p.pass = pass;
    p.tf32 = commands.tf32();
    p.samples = static_cast<int>(rows);
    p.input = {1, 1, static_cast<int>(in)};
    p.output = {1, 1, static_cast<int>(out)};
    ConvolutionOperands operands;
    operands.x = const_cast<float*>(x);
    operands.w = const_cast<float*>(w);
    operands.y = const_cast<float*>(y);
    commands.convolve(p, operands);
  }

  static const float* widened(GpuCommands& commands, const T* from, long count) {
    if constexpr (is_narrow<T>) {
      float* to = commands.scratch<float>(count);
      widen(commands, from, to, count);
      return to;
    } else {
      return from;
    }
  }
  static void widen(GpuCommands& commands, const T* from, float* to, long count) {
    KernelText text("widen_gradient", widen_gradient_text);
    text.number<T>().set("ACCUMULATE", 0);
    KernelArguments k;
    k.p[0] = const_cast<T*>(from);
    k.p[1] = to;
    k.n[0] = count;
    commands.launch(text, {blocks_for(count, 256), 1, 256}, k);
  }
  static void first_state(GpuCommands& commands, const Sizes& s, const T* const* inputs, float* h, float* c) {
    const long state = s.samples * s.units;
    if (s.state) {
      widen(commands, inputs[1], h, state);
      widen(commands, inputs[2], c, state);
      return;
    }
    for (float* zero : {h, c}) commands.clear(zero, static_cast<std::size_t>(state) * sizeof(float));
  }

  /// to = first + second, or added to it.
  static void put_sum(GpuCommands& commands, const float* first, const float* second, T* to, long count,
                      bool accumulate) {
    KernelText text("lstm_put_sum", lstm_text);
    text.number<T>()
        .set("UNITS", 1)
        .set("STEPS", 1)
        .set("HAS_MASK", 0)
        .set("HAS_STATE", 0)
        .set("HAS_BEFORE", 0)
        .set("ACCUMULATE", accumulate ? 1 : 0)
        .set("HAS_SECOND", second != nullptr ? 1 : 0);
    KernelArguments k;
    k.p[0] = const_cast<float*>(first);
    k.p[1] = const_cast<float*>(second);
    k.p[2] = to;
    k.n[0] = count;
    commands.launch(text, {blocks_for(count, 256), 1, 256}, k);
  }

  static void weight_gradients(GpuCommands& commands, const BackwardArguments<T>& a, const Sizes& s,
                               const float* all) {
    const long gates = 4 * s.units;
    if (a.parameter_gradients[0] != nullptr) {
      const float* x = widened(commands, a.inputs[0], s.rows() * s.channels);
      float* packed = commands.scratch<float>(gates * s.channels);
      multiply(commands, ConvolutionPass::weight_gradient, s.rows(), s.channels, gates, x, packed, all);
      unpack_gradient(commands, static_cast<const float*>(packed), {s.channels, gates, false},
                      a.parameter_gradients[0], a.accumulate_parameters);
    }
    if (a.parameter_gradients[1] != nullptr) {
      float* before = commands.scratch<float>(s.rows() * s.units);  // h before each step
      KernelArguments k;
      k.p[0] = const_cast<T*>(a.output);
      k.p[1] = s.state ? const_cast<T*>(a.inputs[1]) : nullptr;
      k.p[2] = before;
      k.n[0] = s.rows() * s.units;
      commands.launch(step_text("lstm_states_before", s), {blocks_for(s.rows() * s.units, 256), 1, 256}, k);
      float* packed = commands.scratch<float>(gates * s.units);
      multiply(commands, ConvolutionPass::weight_gradient, s.rows(), s.units, gates, before, packed, all);
      unpack_gradient(commands, static_cast<const float*>(packed), {s.units, gates, false},
                      a.parameter_gradients[1], a.accumulate_parameters);
    }
    if (a.parameter_gradients[2] != nullptr)
      gpu_column_sums(commands, all, s.rows(), gates, a.parameter_gradients[2], a.accumulate_parameters);
  }
};

}  // namespace mmdl::detail
