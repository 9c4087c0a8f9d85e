// SPDX-License-Identifier: Apache-2.0
// Brings batches to the device while the step before is still computing.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "../backend/gpu/device.hpp"

namespace mmdl::detail {

/// Two places for a batch, in host memory that copies run from by themselves and on the device, used in turn:
/// the host writes to one while commands read the other.
class GpuFeed {
 public:
  struct Part {
    const void* data;
    std::size_t bytes;
  };

  GpuFeed() = default;
  GpuFeed(GpuFeed&&) noexcept = default;
  GpuFeed& operator=(GpuFeed&&) noexcept = default;
  ~GpuFeed() = default;

  /// Takes the parts of a batch; when it returns, the caller's memory may be used again.
  void bring(const std::shared_ptr<Device>& device, std::initializer_list<Part> parts) {
    slot_ = 1 - slot_;
    Place& place = places_[slot_];
    std::size_t total = 0;
    sizes_.clear();
    for (const Part& part : parts) {
      sizes_.push_back(part.bytes);
      total += aligned(part.bytes);
    }
    if (place.used) device->await_consumed(slot_);
    place.reserve(device, total);
    std::size_t at = 0;
    for (const Part& part : parts) {
      if (part.bytes > 0) std::memcpy(place.host + at, part.data, part.bytes);
      at += aligned(part.bytes);
    }
    device->feed(slot_, place.device.as<void>(), place.host, total);
  }

  /// Puts the parts where the commands that come next read them.
  void take(Device& device, std::span<void* const> to) {
    Place& place = places_[slot_];
    device.await_feed(slot_);
    std::vector<Command> copies;
    std::size_t at = 0;
    for (std::size_t i = 0; i < to.size(); ++i) {
      Command copy;
      copy.kind = Command::Kind::copy;
      copy.to = to[i];
      copy.from = place.device.as<unsigned char>() + at;
      copy.bytes = sizes_[i];
      at += aligned(sizes_[i]);
      if (copy.bytes > 0) copies.push_back(copy);
    }
    device.run(copies);
    device.mark_consumed(slot_);
    place.used = true;
  }

 private:
  static std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

  struct Place {
    Place() = default;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Place(Place&& other) noexcept { *this = std::move(other); }
    Place& operator=(Place&& other) noexcept {
      std::swap(owner, other.owner);
      std::swap(host, other.host);
      std::swap(capacity, other.capacity);
      std::swap(used, other.used);
      std::swap(device, other.device);
      return *this;
    }
    ~Place() {
      if (host != nullptr) owner->release_host(host);
    }
    void reserve(const std::shared_ptr<Device>& on, std::size_t bytes) {
      if (bytes <= capacity) return;
      on->wait();
      if (host != nullptr) owner->release_host(host);
      host = nullptr;
      owner = on;
      host = static_cast<unsigned char*>(on->allocate_host(bytes));
      device.reserve(on, bytes, "a batch");
      capacity = bytes;
    }
    std::shared_ptr<Device> owner;
    unsigned char* host = nullptr;
    std::size_t capacity = 0;
    bool used = false;
    DeviceBuffer device;
  };

  Place places_[2];
  std::vector<std::size_t> sizes_;
  int slot_ = 0;
};

}  // namespace mmdl::detail
