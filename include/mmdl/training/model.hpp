// SPDX-License-Identifier: Apache-2.0
// A built network: the type with its weights and its memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "../backend/cpu/cpu.hpp"
#include "../training/engine.hpp"
#include "../training/step_shapes.hpp"

namespace mmdl {

namespace detail {

template <class T, class Out>
struct OutputTensors {
  using type = Tensor<Out, T>;
};
template <class T, class... Outs>
struct OutputTensors<T, List<Outs...>> {
  using type = std::tuple<Tensor<Outs, T>...>;
};

/// The number of samples that all tensors of a call have.
template <class First, class... Rest>
int common_samples(const char* what, const First& first, const Rest&... rest) {
  [[maybe_unused]] const auto check = [&](int samples) {
    if (samples != first.samples())
      fail(std::string(what) + ": number of samples", std::to_string(samples),
           std::to_string(first.samples()) + " as in the first tensor");
  };
  (check(rest.samples()), ...);
  return first.samples();
}

/// How many slices a batch is computed in, where a sample's activations take `sample_bytes`. Slices of less
/// than 4 samples would not reuse the weights well.
inline int inference_slices(int samples, long sample_bytes, long budget = 32L << 20) {
  constexpr long least = 4;
  const long slice = sample_bytes > 0 ? std::max(least, budget / sample_bytes) : samples;
  return static_cast<int>((samples + slice - 1) / std::max(slice, 1L));
}

inline int slice_begin(int samples, int slice, int slices) {
  return static_cast<int>(static_cast<long>(samples) * slice / slices);
}

/// The kernels of `Source` for the operators that a program runs. What fusion has taken out of all places (in
/// inference most often batch norm, activations and dropout) is not compiled.
template <class Source, class Program>
struct KernelsOfProgram {
  using Kernels = typename Source::Kernels;

  template <class Op>
  static constexpr const Kernels* kernels() {
    if constexpr (runs<Op>())
      return Source::template kernels<Op>();
    else
      return nullptr;
  }

 private:
  template <class Op>
  static constexpr bool runs() {
    if constexpr (requires { Op::kind; })
      return runs_kind(Program::fused, Op::kind);
    else
      return true;
  }
};

/// What runs a model on a backend.
template <class Backend>
struct EngineOf {
  using type = Engine<typename Backend::value_type>;
  static constexpr long slice_bytes = 32L << 20;  ///< activations of a prediction's slice
  static constexpr bool streams = true;           ///< runs streamed nodes
};

}  // namespace detail

/// A network `Net` over inputs of shape `Input` (a `Shape`, or a `List` of them) with its weights: drawn from
/// a seed, or loaded (`load`, `transfer`). All weights lie in one buffer, all activations in one arena whose
/// layout the compiler made; the batch is a run-time size. Not copyable, movable. One thread at a time may
/// use a model. PyTorch: an `nn.Module` instance.
template <class Net, class Input, class Backend = Cpu<float>>
class Model {
 public:
  using network = Net;
  using input = Input;
  using backend = Backend;
  /// The number type of tensors and weights: float also where activations are kept as `BFloat16`.
  using value_type = detail::Wide<typename Backend::value_type>;
  using output = output_shape<Net, Input>;
  /// What `predict` returns: a `Tensor`, or a `std::tuple` of them for several outputs.
  using prediction = typename detail::OutputTensors<value_type, output>::type;

  /// Weights drawn from `seed`: the same seed gives the same weights on any number of threads.
  explicit Model(std::uint64_t seed = 1)
      : engine_(detail::view_of(detail::graph_of<Net, Input>), engine_kernels(), seed) {}

  /// The outputs for a batch, computed as in inference (running statistics, no dropout): a `Tensor`, or a
  /// `std::tuple` of tensors where the network has several outputs. The tensors are the network's inputs in
  /// order, all with the same number of samples (`Error` otherwise). A batch whose activations would take
  /// more than 32 MiB (on a GPU 4 GiB) runs in equal slices of 4 samples or more, so memory does not grow
  /// with it. PyTorch: `net.eval()(x)` under `no_grad`.
  template <class... Shapes>
  prediction predict(const Tensor<Shapes, value_type>&... inputs) {
    static_assert(detail::accepted<std::is_same_v<List<Shapes...>, detail::AsList<Input>>,
                                   input_shapes_differ<Input, detail::Unwrap<List<Shapes...>>>>);
    using Program = detail::Program<Net, detail::Unwrap<Input>, detail::Mode::inference,
                                    detail::EngineOf<Backend>::streams>;
    static constexpr detail::ProgramView program = detail::program_view<Program, detail::Mode::inference>();
    const int samples = detail::common_samples("predict", inputs...);
    prediction result;
    const auto for_outputs = [&](const auto& body) {
      int next = 0;
      if constexpr (detail::is_list<output>)
        std::apply([&](auto&... tensors) { (body(tensors, next++), ...); }, result);
      else
        body(result, next);
    };
    for_outputs([&](auto& tensor, int) { tensor.resize_unfilled(samples); });
    const int slices = detail::inference_slices(
        samples, program.total * static_cast<long>(sizeof(typename Backend::value_type)),
        detail::EngineOf<Backend>::slice_bytes);
    for (int slice = 0; slice < slices; ++slice) {
      const int first = detail::slice_begin(samples, slice, slices);
      const int count = detail::slice_begin(samples, slice + 1, slices) - first;
      const std::array<const value_type*, sizeof...(Shapes)> pointers{inputs.data() +
                                                                      first * Shapes::size...};
      engine_.forward(program, count, pointers, {});
      for_outputs([&](auto& tensor, int index) {
        engine_.copy_output(program, index,
                            tensor.data() + first * static_cast<long>(tensor.size()) / samples);
      });
    }
    return result;
  }

  /// From now on `predict` keeps the weights in the order that its products read them in (another copy of the
  /// weights, half the size with `BFloat16`) instead of sorting them in every call: faster for small batches
  /// of large networks. They are sorted anew after a training step, `load`, `transfer`, `parameters()` or
  /// `parameter()`; a span obtained earlier must not be written to after a `predict` without asking for it
  /// again. `false` takes it back. PyTorch: `torch.jit.optimize_for_inference`.
  void prepare_inference(bool keep_packed = true) { engine_.pack_weights(keep_packed); }

  /// The names of all parameters and running statistics, in the order of their places in the buffers.
  const std::vector<std::string>& names() const { return engine_.names(); }

  /// The flat buffer of all trained parameters (`parameter_count<Net, Input>` numbers).
  std::span<value_type> parameters() {
    return {engine_.parameters(), static_cast<std::size_t>(engine_.graph().parameters)};
  }
  std::span<const value_type> parameters() const {
    return {engine_.parameters(), static_cast<std::size_t>(engine_.graph().parameters)};
  }
  /// The flat buffer of their gradients, as the last training step left it. Throws `Error` if that was of a
  /// trainer that does not keep them (`Trainer::with_gradients_kept`).
  std::span<value_type> gradients() {
    if (!engine_.gradients_kept())
      detail::fail("model: gradients", "not kept by the last training step",
                   "a trainer with_gradients_kept()");
    return {engine_.gradients(), static_cast<std::size_t>(engine_.graph().parameters)};
  }

  /// The numbers of one parameter or running statistic by its name. Throws `Error` for an unknown name.
  std::span<value_type> parameter(const std::string& name) {
    const auto& all = names();
    for (std::size_t e = 0; e < all.size(); ++e)
      if (all[e] == name)
        return {engine_.entry_data(static_cast<int>(e)),
                static_cast<std::size_t>(engine_.graph().entries[e].spec.count())};
    detail::fail("model: parameter '" + name + "' does not exist");
  }

  /// What runs the network; for the library's own training and file code.
  typename detail::EngineOf<Backend>::type& engine() { return engine_; }
  const typename detail::EngineOf<Backend>::type& engine() const { return engine_; }
  /// What the engine trains by; likewise. A program that does not call it compiles no backward, nor what only
  /// training's forward runs.
  static constexpr auto training_kernels() {
    return detail::TrainingKernels<typename Backend::value_type>{kernels_of<Backend>,
                                                                 kernels_of<typename Backend::Backward>};
  }

 private:
  /// The kernels of each node of the graph, from `Source`.
  template <class Source>
  static constexpr auto kernels_of = [] {
    constexpr auto nodes = static_cast<std::size_t>(detail::graph_of<Net, Input>.node_count);
    std::array<const typename Source::Kernels*, nodes> kernels{};
    detail::KernelCollector<Source> collector(kernels.data());
    detail::lower_into<Net>(collector, detail::AsList<Input>{});
    return kernels;
  }();

  /// What the engine has from the beginning: the kernels of inference, or all where a backend has its
  /// backward's among them.
  static constexpr auto engine_kernels() {
    if constexpr (requires { typename Backend::Backward; }) {
      using Program = detail::Program<Net, detail::Unwrap<Input>, detail::Mode::inference>;
      return std::span(kernels_of<detail::KernelsOfProgram<Backend, Program>>);
    } else {
      return std::span(kernels_of<Backend>);
    }
  }

  typename detail::EngineOf<Backend>::type engine_;
};

}  // namespace mmdl
