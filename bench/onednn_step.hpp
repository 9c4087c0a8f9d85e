// SPDX-License-Identifier: Apache-2.0
// One primitive of oneDNN with the memory it reads and writes.
#pragma once

#include <algorithm>
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "mmdl/core/random.hpp"

namespace mmdl::bench {

struct OneDnnStep {
  using Memory = dnnl::memory;
  using Layout = dnnl::memory::desc;

  dnnl::primitive primitive;
  std::unordered_map<int, Memory> arguments;

  static dnnl::engine& engine() {
    static dnnl::engine one(dnnl::engine::kind::cpu, 0);
    return one;
  }
  static dnnl::stream& stream() {
    static dnnl::stream one(engine());
    return one;
  }

  void run() {
    primitive.execute(stream(), arguments);
    stream().wait();
  }

  /// Numbers of the caller's in an argument, in whatever layout it has; nothing where the primitive has no
  /// such argument.
  void put(int argument, const float* values, const Layout& layout) {
    const auto found = arguments.find(argument);
    if (found != arguments.end())
      reorder(Memory(layout, engine(), const_cast<float*>(values)), found->second);
  }
  std::vector<float> get(int argument, const Layout& layout) const {
    std::vector<float> values(layout.get_size() / sizeof(float));
    reorder(arguments.at(argument), Memory(layout, engine(), values.data()));
    return values;
  }

  /// Memory of one number, or of normal ones.
  static Memory filled(const Layout& layout, float value) {
    Memory memory(layout, engine());
    std::fill_n(static_cast<float*>(memory.get_data_handle()), layout.get_size() / sizeof(float), value);
    return memory;
  }
  static Memory drawn(const Layout& layout) {
    Memory memory(layout, engine());
    detail::fill_normals(static_cast<float*>(memory.get_data_handle()), 0,
                         static_cast<long>(layout.get_size() / sizeof(float)), 1, 0, 1.0f);
    return memory;
  }

 private:
  static void reorder(Memory from, Memory to) {
    dnnl::reorder(from, to).execute(stream(), from, to);
    stream().wait();
  }
};

}  // namespace mmdl::bench
