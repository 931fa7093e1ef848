// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/held_store.hpp"

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace coppice::test {

/// A disk that does what it is told to.
class fake_held_store : public held_store {
public:
  /// Has on it what another one has.
  explicit fake_held_store(const held_rows& xs = {}) {
    for (auto& x : xs.requests)
      rows_[x.number] = x;
  }

  result<> write(const std::vector<held_change>& xs) override {
    std::unique_lock guard{mutex_};
    ++begun_;
    changed_.notify_all();
    changed_.wait(guard, [this] { return !blocked_; });
    if (fails_)
      return error{ec::storage_failure, "told to fail"};
    for (auto& x : xs)
      apply(x);
    batches_.push_back(xs.size());
    return ok();
  }

  /// Returns what a process that starts now would find.
  held_rows rows() const {
    std::lock_guard guard{mutex_};
    held_rows xs;
    for (auto& [number, x] : rows_) {
      xs.requests.push_back(x);
      xs.last_number = number;
    }
    return xs;
  }

  void fail(bool x) {
    std::lock_guard guard{mutex_};
    fails_ = x;
  }

  void block(bool x) {
    std::lock_guard guard{mutex_};
    blocked_ = x;
    changed_.notify_all();
  }

  /// Waits until so many writes were begun.
  void await_begun(size_t n) {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [&] { return begun_ >= n; });
  }

  /// Returns how many changes each write had.
  std::vector<size_t> batches() const {
    std::lock_guard guard{mutex_};
    return batches_;
  }

  /// Returns how many requests were ever written.
  size_t saves() const {
    std::lock_guard guard{mutex_};
    return saves_;
  }

  /// Returns all notes of deliveries in their order.
  std::vector<bool> marks() const {
    std::lock_guard guard{mutex_};
    return marks_;
  }

private:
  void apply(const held_change& x) {
    if (x.erase)
      rows_.erase(x.number);
    if (x.save) {
      rows_[x.number] = {x.number, false, *x.save};
      ++saves_;
    }
    if (!x.delivered)
      return;
    marks_.push_back(*x.delivered);
    if (auto row = rows_.find(x.number); row != rows_.end())
      row->second.delivered = *x.delivered;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, held_request> rows_;
  std::vector<size_t> batches_;
  std::vector<bool> marks_;
  size_t begun_ = 0;
  size_t saves_ = 0;
  bool fails_ = false;
  bool blocked_ = false;
};

} // namespace coppice::test
