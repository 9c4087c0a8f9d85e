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
  /// Makes the numbers' last dimension known to the text as CHANNELS.
  ElementwiseKernelOf& channels(long count) {
    channels_ = count;
    return set("CHANNELS", count);
  }
  /// A number for each channel, which the body finds under `name`; `vector` lies at a multiple of 16 bytes.
  ElementwiseKernelOf& per_channel(std::string name, const float* vector) {
    vectors_.emplace_back(std::move(name), vector);
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
    const long lanes = channels_ / pack;
    const bool in_columns = !vectors_.empty() && channels_ % pack == 0;
    const long packs = (count + pack - 1) / pack;
    // A thread's vectors have one place in their rows, so it reads what belongs to the channels once.
    long threads = packs;
    if (in_columns && packs >= 1L << 18) {
      const long rows = packs / lanes, each = reads_.size() > 2 ? 2 : 4;
      threads = (rows + each - 1) / each * lanes;
    }
    KernelText text(name_, in_columns ? source_in_columns((packs + threads - 1) / threads) : source());
    text.template number<T>();
    for (const auto& [name, value] : constants_) text.set(name, value);
    text.set("EXTRA", first_vector() + static_cast<long>(vectors_.size()));
    int p = 0;
    for (const T* data : reads_) arguments_.p[p++] = const_cast<T*>(data);
    for (const auto& output : writes_) arguments_.p[p++] = output.data;
    for (const auto& [name, vector] : vectors_) arguments_.p[p++] = const_cast<float*>(vector);
    for (const void* pointer : extras_) arguments_.p[p++] = const_cast<void*>(pointer);
    arguments_.n[0] = count;
    arguments_.n[1] = threads;
    commands.launch(text, {blocks_for(threads, 256), 1, 256}, arguments_);
  }

 private:
  static constexpr long pack = 16 / static_cast<long>(sizeof(T));

  long first_vector() const { return static_cast<long>(reads_.size() + writes_.size()); }
  static std::string number(const char* letter, std::size_t i) { return letter + std::to_string(i); }
  std::string read_array(std::size_t i) const { return "((const Number*)a.p[" + std::to_string(i) + "])"; }
  std::string written_array(std::size_t k) const {
    return "((Number*)a.p[" + std::to_string(reads_.size() + k) + "])";
  }
  std::string vector_array(std::size_t v) const {
    return "((const float*)a.p[" + std::to_string(static_cast<std::size_t>(first_vector()) + v) + "])";
  }
  std::string heading() const {
    return "extern \"C\" __global__ void __launch_bounds__(256) " + name_ +
           "(Arguments a) {\n"
           "  const long long count = a.n[0], thread = (long long)blockIdx.x * 256 + threadIdx.x;\n";
  }

  /// The body for the vectors in `r0`, `r1`, ...: it leaves its results in `w0`, `w1`, ...
  std::string treat_pack(const std::string& index, const std::string& vectors) const {
    std::string text, puts;
    for (std::size_t k = 0; k < writes_.size(); ++k) text += "    Pack " + number("w", k) + ";\n";
    text +=
        "#pragma unroll\n"
        "    for (int j = 0; j < PACK; ++j) {\n"
        "      const long long i = at + j; (void)i;\n" +
        vectors;
    for (std::size_t i = 0; i < reads_.size(); ++i)
      text += "      const float " + number("x", i) + " = to_float(" + number("r", i) + index + ".v[j]);\n";
    for (std::size_t k = 0; k < writes_.size(); ++k) {
      text += "      float " + number("y", k) + ";\n";
      puts += "      put(" + number("w", k) + ".v[j], " + number("y", k) + ");\n";
    }
    text += "      " + body_ + "\n" + puts + "    }\n";
    for (std::size_t k = 0; k < writes_.size(); ++k) {
      const std::string w = number("w", k), array = written_array(k);
      if (writes_[k].accumulate)
        text += "    { const Pack old = *(const Pack*)(" + array +
                " + at);\n"
                "      for (int j = 0; j < PACK; ++j) put(" +
                w + ".v[j], to_float(" + w + ".v[j]) + to_float(old.v[j])); }\n";
      text += "    *(Pack*)(" + array + " + at) = " + w + ";\n";
    }
    return text;
  }

  std::string source() const {
    std::string loads, loads_of_one, vectors, names, stores;
    for (std::size_t i = 0; i < reads_.size(); ++i) {
      loads += "    const Pack " + number("r", i) + " = *(const Pack*)(" + read_array(i) + " + at);\n";
      loads_of_one += "      const float " + number("x", i) + " = to_float(" + read_array(i) + "[i]);\n";
    }
    for (std::size_t v = 0; v < vectors_.size(); ++v)
      vectors +=
          "      const float " + vectors_[v].first + " = " + vector_array(v) + "[(int)(i % CHANNELS)];\n";
    for (std::size_t k = 0; k < writes_.size(); ++k) {
      names += "      float " + number("y", k) + ";\n";
      const std::string place = written_array(k) + "[i]", y = number("y", k);
      stores += "      put(" + place + ", " + (writes_[k].accumulate ? "to_float(" + place + ") + " : "") +
                y + ");\n";
    }
    return heading() +
           "  const long long at = thread * PACK;\n"
           "  if (at >= count) return;\n"
           "  if (at + PACK <= count) {\n" +
           loads + treat_pack("", vectors) +
           "  } else {\n"
           "    for (long long i = at; i < count; ++i) {\n" +
           vectors + loads_of_one + names + "      " + body_ + "\n" + stores + "    }\n  }\n}\n";
  }

  /// Each thread treats `rows` vectors that belong to the same channels. All are read before any is written,
  /// so that their ways through memory overlap.
  std::string source_in_columns(long rows) const {
    std::string text = "#define ROWS " + std::to_string(rows) + "\n" + heading() +
                       "  const long long stride = a.n[1];\n"
                       "  if (thread >= stride) return;\n"
                       "  const int first = (int)(thread % (CHANNELS / PACK)) * PACK;\n";
    std::string vectors;
    for (std::size_t v = 0; v < vectors_.size(); ++v) {
      const std::string array = "of_channels" + std::to_string(v);
      text += "  const Channels " + array + " = *(const Channels*)(" + vector_array(v) + " + first);\n";
      vectors += "      const float " + vectors_[v].first + " = " + array + ".v[j / 4].v[j % 4];\n";
    }
    for (std::size_t i = 0; i < reads_.size(); ++i) text += "  Pack " + number("r", i) + "[ROWS];\n";
    text +=
        "#pragma unroll\n"
        "  for (int row = 0; row < ROWS; ++row) {\n"
        "    const long long at = (thread + row * stride) * PACK;\n"
        "    if (at >= count) break;\n";
    for (std::size_t i = 0; i < reads_.size(); ++i)
      text += "    " + number("r", i) + "[row] = *(const Pack*)(" + read_array(i) + " + at);\n";
    text +=
        "  }\n"
        "#pragma unroll\n"
        "  for (int row = 0; row < ROWS; ++row) {\n"
        "    const long long at = (thread + row * stride) * PACK;\n"
        "    if (at >= count) break;\n";
    return "struct alignas(16) Four { float v[4]; };\nstruct alignas(16) Channels { Four v[PACK / 4]; };\n" +
           text + treat_pack("[row]", vectors) + "  }\n}\n";
  }

  std::string name_, body_;
  std::vector<const T*> reads_;
  std::vector<ElementwiseOutput<T>> writes_;
  std::vector<std::pair<std::string, const float*>> vectors_;
  std::vector<const void*> extras_;
  std::vector<std::pair<std::string, long>> constants_;
  long channels_ = 1;
  KernelArguments arguments_;
  int factors_ = 0;
};

}  // namespace mmdl::detail
