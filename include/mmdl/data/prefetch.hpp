// SPDX-License-Identifier: Apache-2.0
// Worker threads that prepare a sequence of items ahead of their one consumer, who gets them in order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../core/error.hpp"

namespace mmdl::detail {

/// Calls `work(position, slot)` for the positions 0, 1, 2, ... of a pass, on several threads at once, at most
/// `slots` ahead of the consumer; `slot` is where the item belongs, and no two calls under way share one.
/// What is computed depends on the position alone, so the number of workers changes nothing but the time.
/// Without workers the consumer does the work itself. All members are for one thread, the consumer's.
class Prefetch {
 public:
  using Work = std::function<void(int position, int slot)>;

  Prefetch(int workers, int slots, Work work)
      : work_(std::move(work)), slots_(static_cast<std::size_t>(slots)) {
    try {
      for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { run(); });
    } catch (const std::system_error& error) {
      stop();
      fail("a loader's worker threads", error.code().message(), std::to_string(workers) + " threads");
    } catch (...) {
      stop();
      throw;
    }
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;
  ~Prefetch() { stop(); }

  /// Begins a pass of `count` positions; one under way is given up. `prepare` runs while no worker does.
  template <class Prepare>
  void start(int count, const Prepare& prepare) {
    std::unique_lock lock(mutex_);
    count_ = 0;  // no new work
    idle_.wait(lock, [&] { return busy_ == 0; });
    claimed_ = consumed_ = 0;
    for (auto& slot : slots_) slot = {};
    prepare();
    count_ = count;
    lock.unlock();
    work_ready_.notify_all();
  }

  /// Positions of the pass that `next` has not yet given.
  int remaining() const { return count_ - consumed_; }

  /// Waits for the next position, whose slot it returns; the slot is the consumer's until `release`. Requires
  /// that there are remaining ones. Throws what `work` threw for it: the position is then done with.
  int next() {
    const int slot = consumed_ % static_cast<int>(slots_.size());
    if (threads_.empty()) {
      ++consumed_;
      work_(consumed_ - 1, slot);
      return slot;
    }
    std::unique_lock lock(mutex_);
    State& state = slots_[static_cast<std::size_t>(slot)];
    item_ready_.wait(lock, [&] { return state.ready; });
    if (!state.error) return slot;
    const std::exception_ptr error = std::exchange(state.error, nullptr);
    lock.unlock();
    release();
    std::rethrow_exception(error);
  }

  /// Hands back the slot of the last `next`.
  void release() {
    if (threads_.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      slots_[static_cast<std::size_t>(consumed_) % slots_.size()] = {};
      ++consumed_;
    }
    work_ready_.notify_one();
  }

 private:
  struct State {
    bool ready = false;
    std::exception_ptr error;
  };

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_ready_.wait(lock, [&] {
        return stopping_ || (claimed_ < count_ && claimed_ - consumed_ < static_cast<int>(slots_.size()));
      });
      if (stopping_) return;
      const int position = claimed_++;
      const std::size_t slot = static_cast<std::size_t>(position) % slots_.size();
      ++busy_;
      lock.unlock();
      std::exception_ptr error;
      try {
        work_(position, static_cast<int>(slot));
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      --busy_;
      slots_[slot] = {true, std::move(error)};
      item_ready_.notify_one();
      if (busy_ == 0) idle_.notify_one();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_ready_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  const Work work_;
  std::mutex mutex_;
  std::condition_variable work_ready_, item_ready_, idle_;
  std::vector<State> slots_;
  int count_ = 0, claimed_ = 0, consumed_ = 0, busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mmdl::detail
