// SPDX-License-Identifier: Apache-2.0
// Kernels that treat every number by itself: made from an expression, 16 bytes at a time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernel.hpp"

namespace mmdl::detail {

/// Where an element-wise kernel writes.
template <class T>
struct ElementwiseOutput {
  T* data = nullptr;
  bool accumulate = false;
};

/// y0, y1, ... = body(x0, x1, ..., i) for `count` numbers, i their place. `body` is text that sets the y from
/// the x, all of them floats; `a` are the kernel's arguments, of which `extra` come behind the arrays, from
/// the first index EXTRA on. Arrays may coincide: a number is read before anything is written at its place.
template <class T>
class ElementwiseKernelOf {
 public:
  ElementwiseKernelOf(std::string name, std::string body) : name_(std::move(name)), body_(std::move(body)) {}

  ElementwiseKernelOf& read(const T* data) {
    reads_.push_back(data);
    return *this;
  }
  ElementwiseKernelOf& write(T* data, bool accumulate = false) {
    writes_.push_back({data, accumulate});
    return *this;
  }
  ElementwiseKernelOf& extra(const void* pointer) {
    extras_.push_back(pointer);
    return *this;
  }
  ElementwiseKernelOf& set(std::string_view name, long value) {
    constants_.emplace_back(name, value);
    return *this;
  }
  ElementwiseKernelOf& factor(float value) {
    arguments_.f[factors_++] = value;
    return *this;
  }

  void launch(GpuCommands& commands, long count) {
    if (writes_.empty() || count == 0) return;
    KernelText text(name_, source());
    text.template number<T>();
    for (const auto& [name, value] : constants_) text.set(name, value);
    text.set("EXTRA", static_cast<long>(reads_.size() + writes_.size()));
    int p = 0;
    for (const T* data : reads_) arguments_.p[p++] = const_cast<T*>(data);
    for (const auto& output : writes_) arguments_.p[p++] = output.data;
    for (const void* pointer : extras_) arguments_.p[p++] = const_cast<void*>(pointer);
    arguments_.n[0] = count;
    constexpr long pack = 16 / static_cast<long>(sizeof(T));
    commands.launch(text, {blocks_for((count + pack - 1) / pack, 256), 1, 256}, arguments_);
  }

 private:
  std::string source() const {
    std::string load_pack, load_one, values, old_pack, store_pack, store_one;
    std::string per_pack, names;
    const auto number = [](const char* letter, std::size_t i) { return letter + std::to_string(i); };
    for (std::size_t i = 0; i < reads_.size(); ++i) {
      const std::string array = "((const Number*)a.p[" + std::to_string(i) + "])";
      load_pack += "    const Pack r" + std::to_string(i) + " = *(const Pack*)(" + array + " + at);\n";
      per_pack += "      const float " + number("x", i) + " = to_float(r" + std::to_string(i) + ".v[j]);\n";
      load_one += "      const float " + number("x", i) + " = to_float(" + array + "[i]);\n";
    }
    for (std::size_t k = 0; k < writes_.size(); ++k) {
      const std::string array = "((Number*)a.p[" + std::to_string(reads_.size() + k) + "])";
      names += "      float " + number("y", k) + ";\n";
      old_pack += "    Pack w" + std::to_string(k) + ";\n";
      values += "      put(w" + std::to_string(k) + ".v[j], " + number("y", k) + ");\n";
      if (writes_[k].accumulate) {
        store_pack += "    { const Pack old = *(const Pack*)(" + array + " + at);\n";
        store_pack += "      for (int j = 0; j < PACK; ++j) put(w" + std::to_string(k) + ".v[j], to_float(w" +
                      std::to_string(k) + ".v[j]) + to_float(old.v[j])); }\n";
        store_one += "      put(" + array + "[i], to_float(" + array + "[i]) + " + number("y", k) + ");\n";
      } else {
        store_one += "      put(" + array + "[i], " + number("y", k) + ");\n";
      }
      store_pack += "    *(Pack*)(" + array + " + at) = w" + std::to_string(k) + ";\n";
    }
    return "extern \"C\" __global__ void __launch_bounds__(256) " + name_ +
           "(Arguments a) {\n"
           "  const long long count = a.n[0];\n"
           "  const long long at = ((long long)blockIdx.x * 256 + threadIdx.x) * PACK;\n"
           "  if (at >= count) return;\n"
           "  if (at + PACK <= count) {\n" +
           load_pack + old_pack +
           "#pragma unroll\n"
           "    for (int j = 0; j < PACK; ++j) {\n"
           "      const long long i = at + j; (void)i;\n" +
           per_pack + names + body_ + "\n" + values + "    }\n" + store_pack +
           "  } else {\n"
           "    for (long long i = at; i < count; ++i) {\n" +
           load_one + names + body_ + "\n" + store_one + "    }\n  }\n}\n";
  }

  std::string name_, body_;
  std::vector<const T*> reads_;
  std::vector<ElementwiseOutput<T>> writes_;
  std::vector<const void*> extras_;
  std::vector<std::pair<std::string, long>> constants_;
  KernelArguments arguments_;
  int factors_ = 0;
};

}  // namespace mmdl::detail
