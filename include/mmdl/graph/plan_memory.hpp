// SPDX-License-Identifier: Apache-2.0
// Where each value and gradient lies in the arena. What the backward reads again is a stack from the bottom
// (it dies in the reverse order of its birth); what lives shortly is placed first-fit from the top downward,
// and so is what the backward computes again, which has a second place.
#pragma once

#include "../graph/differentiate.hpp"
#include "../graph/stream_lines.hpp"

namespace mmdl::detail {

/// Offsets in numbers per sample; an arena of `total` x batch numbers holds everything. -1: not in the arena.
template <int Nodes>
struct MemoryPlan {
  long value[static_cast<unsigned>(Nodes)] = {};
  long again[static_cast<unsigned>(Nodes)] = {};  ///< where the backward computes the value again
  long gradient[static_cast<unsigned>(Nodes)] = {};
  long total = 0;
};

/// Every buffer begins on a cache line, for any batch: sizes are rounded up to this many numbers.
constexpr long rounded(long numbers) { return (numbers + 15) / 16 * 16; }

/// Live intervals sorted by offset; few live at once, so plain scans are cheap.
template <int Capacity>
class FirstFit {
 public:
  /// The first gap of the size that begins at `least` or later.
  constexpr long place(int owner, long size, long least = 0) {
    int slot = 0;
    long offset = least;
    while (slot < count_ && live_[slot].offset - offset < size) {
      const long end = live_[slot].offset + live_[slot].size;
      offset = offset < end ? end : offset;
      ++slot;
    }
    for (int i = count_; i > slot; --i) live_[i] = live_[i - 1];
    live_[slot] = {owner, offset, size};
    ++count_;
    return offset;
  }
  constexpr void release(int owner) {
    int kept = 0;
    for (int i = 0; i < count_; ++i)
      if (live_[i].owner != owner) live_[kept++] = live_[i];
    count_ = kept;
  }
  constexpr long extent() const {
    return count_ == 0 ? 0 : live_[count_ - 1].offset + live_[count_ - 1].size;
  }

 private:
  struct Interval {
    int owner;
    long offset, size;
  };
  Interval live_[static_cast<unsigned>(Capacity)] = {};
  int count_ = 0;
};

/// The values that lie in the buffer of another: a node's output over an input that nothing reads later.
template <class G>
constexpr void find_in_place(const G& graph, const Backward<G::node_count>& backward,
                             int (&holder)[static_cast<unsigned>(G::node_count)]) {
  const RunTimes<G> run_at = run_times(graph);
  int last_use[static_cast<unsigned>(G::node_count)] = {};
  for (int n = 0; n < G::node_count; ++n)
    if (!graph.nodes[n].merged)
      for (int i = 0; i < graph.nodes[n].input_count; ++i) {
        int& last = last_use[graph.nodes[n].inputs[i]];
        last = last < run_at.step[n] ? run_at.step[n] : last;
      }
  for (int i = 0; i < graph.outputs.count; ++i) last_use[graph.outputs.id[i]] = G::node_count;
  for (int n = 0; n < G::node_count; ++n) {
    holder[n] = n;
    const Node& node = graph.nodes[n];
    if (n < graph.inputs || node.merged) continue;
    for (int i = 0; i < node.input_count && holder[n] == n; ++i) {
      const int input = node.inputs[i];
      if (!may_overwrite(node, i) || input < graph.inputs || last_use[input] != n || backward.kept[input])
        continue;
      int times = 0;  // it may be several of the inputs
      for (int j = 0; j < node.input_count; ++j) times += node.inputs[j] == input ? 1 : 0;
      if (times == 1) holder[n] = holder[input];
    }
  }
}

/// From which size on short-lived buffers are placed first-fit from the bottom, behind the stack: in the
/// forward those that are dead before the stack begins, all in the backward. Between small buffers they would
/// leave gaps that fit none of them.
struct LargeFrom {
  long forward, backward;
};

/// One plan.
template <class G>
constexpr MemoryPlan<G::node_count> plan_places(const G& graph, const Backward<G::node_count>& backward,
                                                Mode mode, LargeFrom large_from) {
  constexpr int count = G::node_count;
  MemoryPlan<count> plan;
  int holder[static_cast<unsigned>(count)] = {};
  find_in_place(graph, backward, holder);
  const RunTimes<G> run_at = run_times(graph);

  // Forward node n runs at time n, the loss at `count`, the backward of node n at 2 * count - n.
  int death[static_cast<unsigned>(count)] = {};     // of the value's buffer
  bool stacked[static_cast<unsigned>(count)] = {};  // the buffer is read by the backward
  int gradient_death[static_cast<unsigned>(count)] = {};
  const auto live_until = [&](int value, int time) {
    int& d = death[holder[value]];
    d = d < time ? time : d;
  };
  for (int n = 0; n < count; ++n) {
    plan.value[n] = plan.again[n] = plan.gradient[n] = -1;
    gradient_death[n] = 0;
    const Node& node = graph.nodes[n];
    if (node.merged) continue;
    live_until(n, n);
    for (int i = 0; i < node.input_count; ++i) live_until(node.inputs[i], run_at.step[n]);
  }
  for (int i = 0; i < graph.outputs.count; ++i) live_until(graph.outputs.id[i], count);
  if (mode != Mode::inference) {
    for (int n = 0; n < count; ++n) {
      if (backward.kept[n]) {
        stacked[holder[n]] = true;
        live_until(n, 2 * count - backward.last_reader[n]);
      }
      if (backward.holder[n] >= 0) {
        int& d = gradient_death[backward.holder[n]];
        const int read = 2 * count - n;
        d = d < read ? read : d;
      }
    }
  }

  const auto size_of = [&](int value) { return rounded(graph.nodes[value].output.size()); };
  FirstFit<2 * count> heap;   // at most each value, or its second computation, and each gradient
  FirstFit<2 * count> large;  // these are not in the heap
  bool is_large[3U * static_cast<unsigned>(count)] = {};
  long stack_top = 0;
  const auto peak = [&] {
    const long low = stack_top < large.extent() ? large.extent() : stack_top;
    plan.total = plan.total < low + heap.extent() ? low + heap.extent() : plan.total;
  };
  // Owners: values, then gradients, then what is computed again.
  const auto place = [&](int owner, bool apart) {
    const long size = size_of(owner % count);
    is_large[owner] = apart;
    return apart ? large.place(owner, size, stack_top) : heap.place(owner, size);
  };
  const auto place_late = [&](int owner) {
    return place(owner, size_of(owner % count) >= large_from.backward);
  };
  const auto release = [&](int owner) { is_large[owner] ? large.release(owner) : heap.release(owner); };
  int stack_begin = 2 * count;
  for (int n = count - 1; n >= 0; --n)
    if (stacked[n]) stack_begin = n;
  int stack[static_cast<unsigned>(count)] = {};
  int stack_count = 0;
  // Releases after step n of the forward (or backward) whatever had its last use there. Only the node's own
  // operands can, so no other value is looked at.
  const auto release_dead = [&](const Node& node, int n, int time) {
    for (int i = -1; i < node.input_count; ++i) {
      const int value = i < 0 ? n : node.inputs[i];
      const int buffer = holder[value];
      if (!stacked[buffer] && death[buffer] == time) release(buffer);
    }
  };
  for (int n = graph.inputs; n < count; ++n) {
    const Node& node = graph.nodes[n];
    if (node.merged || node.streamed) continue;
    if (holder[n] == n) {
      if (stacked[n]) {
        plan.value[n] = stack_top;
        stack_top += size_of(n);
        stack[stack_count++] = n;
      } else {
        plan.value[n] = place(n, death[n] < stack_begin && size_of(n) >= large_from.forward);
      }
      peak();
    }
    release_dead(node, n, n);
    if (graph.nodes[node.inputs[0]].streamed) release_dead(graph.nodes[node.inputs[0]], n, n);
  }
  if (mode != Mode::inference) {
    for (int i = 0; i < graph.outputs.count; ++i) {
      const int value = graph.outputs.id[i];
      if (backward.holder[value] != value || plan.gradient[value] >= 0) continue;
      plan.gradient[value] = place_late(count + value);
      peak();
    }
    for (int i = 0; i < graph.outputs.count; ++i) {  // the loss has read them
      const int buffer = holder[graph.outputs.id[i]];
      if (!stacked[buffer] && death[buffer] == count) release(buffer);
    }
    int again = 0;
    const auto release_again = [&](int value, int step) {
      if (backward.dropped[value] && backward.last_reader[value] == step) release(2 * count + value);
    };
    for (int n = count - 1; n >= graph.inputs; --n) {
      const Node& node = graph.nodes[n];
      if (!backward.runs[n]) continue;
      const int time = 2 * count - n;
      const int first = again;
      for (; again < backward.again_count && backward.again_before[backward.again[again]] == n; ++again)
        plan.again[backward.again[again]] = place_late(2 * count + backward.again[again]);
      for (int i = 0; i < node.input_count; ++i) {
        const int value = node.inputs[i];
        if (backward.holder[value] != value || plan.gradient[value] >= 0) continue;
        plan.gradient[value] = place_late(count + value);
      }
      peak();
      for (int i = -1; i < node.input_count; ++i) {
        const int value = i < 0 ? n : node.inputs[i];
        const int buffer = backward.holder[value];
        if (buffer >= 0 && gradient_death[buffer] == time) release(count + buffer);
      }
      for_each_read(node, n, [&](int value) { release_again(value, n); });
      for (int a = first; a < again; ++a) {
        const Node& repeated = graph.nodes[backward.again[a]];
        for (int i = 0; i < repeated.input_count; ++i) release_again(repeated.inputs[i], n);
      }
      while (stack_count > 0 && death[stack[stack_count - 1]] <= time)
        stack_top = plan.value[stack[--stack_count]];
    }
  }
  // The heap's places are distances from the top of the arena.
  const auto turn = [&](long& offset, int value) {
    if (offset >= 0) offset = plan.total - offset - size_of(value);
  };
  for (int n = 0; n < count; ++n) {
    if (!stacked[n] && !is_large[n]) turn(plan.value[n], n);
    if (!is_large[count + n]) turn(plan.gradient[n], n);
    if (!is_large[2 * count + n]) turn(plan.again[n], n);
  }
  for (int n = 0; n < count; ++n) {
    if (holder[n] != n) plan.value[n] = plan.value[holder[n]];
    if (backward.holder[n] >= 0 && backward.holder[n] != n)
      plan.gradient[n] = plan.gradient[backward.holder[n]];
  }
  return plan;
}

/// The smaller of two plans, with large buffers apart and without: which one that is depends on the network.
template <class G>
constexpr MemoryPlan<G::node_count> plan_memory(const G& graph, const Backward<G::node_count>& backward,
                                                Mode mode) {
  long most = 0;
  for (int n = graph.inputs; n < G::node_count; ++n)
    if (!graph.nodes[n].merged && !graph.nodes[n].streamed && most < graph.nodes[n].output.size())
      most = graph.nodes[n].output.size();
  const auto apart = plan_places(graph, backward, mode, {most, most / 4});
  const auto together = plan_places(graph, backward, mode, {rounded(most) + 1, rounded(most) + 1});
  return apart.total < together.total ? apart : together;
}

}  // namespace mmdl::detail
