// SPDX-License-Identifier: Apache-2.0
// Copies a block of columns from one matrix to another.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

inline constexpr const char* copy_block_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) copy_block(Arguments a) {
  const Number* from = (const Number*)a.p[0];
  Number* to = (Number*)a.p[1];
  const long long i = ((long long)blockIdx.x * 256 + threadIdx.x) * STEP;
  if (i >= a.n[0]) return;
  const long long row = i / WIDTH, column = i % WIDTH;
  // Rows come in groups: the first of each stands FROM_GROUP (TO_GROUP) rows behind that of the one before.
  const long long group = row / GROUP, line = row % GROUP;
  const Number* source = from + (group * FROM_GROUP + line) * FROM_STRIDE + column;
  Number* target = to + (group * TO_GROUP + line) * TO_STRIDE + column;
#if STEP == 1
  put(*target, ACCUMULATE ? to_float(*target) + to_float(*source) : to_float(*source));
#else
  Pack pack = *(const Pack*)source;
  if (ACCUMULATE) {
    const Pack old = *(const Pack*)target;
    for (int j = 0; j < PACK; ++j) put(pack.v[j], to_float(pack.v[j]) + to_float(old.v[j]));
  }
  *(Pack*)target = pack;
#endif
}
)cuda";

/// A matrix whose rows come in groups.
struct BlockLayout {
  long offset = 0;      ///< of the first number
  long stride = 0;      ///< from row to row
  long group_rows = 1;  ///< from the first row of a group to that of the next
};

/// `groups` x `rows` rows of `width` numbers. 16 bytes at a time where every row begins at such a place.
template <class T>
void copy_block(GpuCommands& commands, const T* from, const BlockLayout& source, T* to,
                const BlockLayout& target, long groups, long rows, long width, bool accumulate) {
  constexpr long pack = 16 / static_cast<long>(sizeof(T));
  const bool whole = width % pack == 0 && source.stride % pack == 0 && target.stride % pack == 0 &&
                     source.offset % pack == 0 && target.offset % pack == 0;
  KernelText text("copy_block", copy_block_text);
  text.number<T>()
      .set("STEP", whole ? pack : 1)
      .set("WIDTH", width)
      .set("GROUP", rows)
      .set("FROM_GROUP", source.group_rows)
      .set("FROM_STRIDE", source.stride)
      .set("TO_GROUP", target.group_rows)
      .set("TO_STRIDE", target.stride)
      .set("ACCUMULATE", accumulate ? 1 : 0);
  KernelArguments k;
  k.p[0] = const_cast<T*>(from) + source.offset;
  k.p[1] = to + target.offset;
  k.n[0] = groups * rows * width;
  commands.launch(text, {blocks_for(groups * rows * width / (whole ? pack : 1), 256), 1, 256}, k);
}

}  // namespace mmdl::detail
