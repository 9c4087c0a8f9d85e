// SPDX-License-Identifier: Apache-2.0
// Owned memory of plain numbers, for tensors, weights and what a program computes in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#if defined(__linux__)
#  include <sys/mman.h>
#endif

namespace mmdl::detail {

inline constexpr std::size_t buffer_alignment = 64;      // a cache line, and the widest vector register
inline constexpr std::uintptr_t large_page = 2UL << 20;  // of x86-64 and, mostly, of 64-bit Arm

/// Asks the system to back the whole large pages inside of a buffer by such: of small ones the processor
/// knows the places of a few megabytes at a time, and looks the others up, which takes long on a virtual
/// machine. Buffers do not begin at large pages, for then they would share the sets of the caches. A system
/// that does not heed it does as before.
inline void advise_large_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t first = (begin + large_page - 1) / large_page * large_page;
  const std::uintptr_t last = (begin + bytes) / large_page * large_page;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

/// Owned, aligned memory of plain numbers; `reserve` never shrinks and does not keep the contents.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count) { reserve(count); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { release(); }

  void reserve(std::size_t count) {
    if (count <= capacity_) return;
    release();
    data_ = static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{buffer_alignment}));
    advise_large_pages(data_, count * sizeof(T));
    capacity_ = count;
  }
  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }

 private:
  void release() {
    if (data_ != nullptr) ::operator delete (data_, std::align_val_t{buffer_alignment});
    data_ = nullptr;
    capacity_ = 0;
  }
  T* data_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace mmdl::detail
