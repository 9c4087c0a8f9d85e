// SPDX-License-Identifier: Apache-2.0
// A network prepared for inference or training: the fused graph, its backward and its memory plan, as
// constants.
#pragma once

#include "../graph/lower.hpp"
#include "../graph/plan_memory.hpp"
#include "../graph/recompute.hpp"
#include "../graph/shorten_lives.hpp"
#include "../graph/stream_lines.hpp"

namespace mmdl {

namespace detail {

/// One constexpr variable per pass: each evaluation stays within the compilers' default limits.
/// `streams`: the backend runs streamed nodes.
template <class Net, class Input, Mode mode, bool streams = true>
struct Program {
  static constexpr auto fused = fuse(graph_of<Net, Input>, mode);
  static constexpr auto sorted = shorten_lives(fused, mode);
  static constexpr auto graph = streams ? stream_lines(sorted, mode) : sorted;
  static constexpr auto gradients = differentiate(graph, mode);
  static constexpr auto backward = recompute(graph, gradients);
  static constexpr auto plan = plan_memory(graph, backward, mode);
};

template <class G>
constexpr long sum_multiply_adds(const G& graph) {
  long total = 0;
  for (const Node& node : graph.nodes) total += node.multiply_adds;
  return total;
}

}  // namespace detail

/// Numbers in the trained parameters of a network (running statistics not counted).
/// PyTorch: `sum(p.numel() for p in net.parameters())`.
template <class Net, class Input>
inline constexpr long parameter_count = detail::graph_of<Net, detail::Unwrap<Input>>.parameters;

/// Multiply-adds of the forward for one sample: convolutions, linear layers, and one for each number of a
/// batch norm.
template <class Net, class Input>
inline constexpr long multiply_adds = detail::sum_multiply_adds(detail::graph_of<Net, detail::Unwrap<Input>>);

/// Bytes of activations that inference takes for each sample of a batch, kept as `Number` (float, or
/// `BFloat16`): the arena, all of it. On a GPU, which keeps what the CPU streams, networks with depthwise
/// convolutions take more.
/// The input and the returned output are the caller's, scratch memory of kernels does not grow with the
/// batch.
template <class Net, class Input, class Number = float>
inline constexpr long inference_bytes =
    static_cast<long>(sizeof(Number)) *
    detail::Program<Net, detail::Unwrap<Input>, detail::Mode::inference>::plan.total;

/// Bytes of activations and gradients that a training step takes for each sample of a batch, kept
/// as `Number` (float, or `BFloat16`).
template <class Net, class Input, class Number = float>
inline constexpr long training_bytes =
    static_cast<long>(sizeof(Number)) *
    detail::Program<Net, detail::Unwrap<Input>, detail::Mode::training>::plan.total;

}  // namespace mmdl
