// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/held_writer.hpp"

#include "gateway/http/blocked_signals.hpp"
#include "runtime/log.hpp"

#include <chrono>
#include <utility>

namespace coppice::forward {

namespace {

/// Not much more goes into one transaction.
constexpr size_t batch_bytes = size_t{16} << 20;

/// Before what has to be erased is tried again.
constexpr auto pause = std::chrono::milliseconds{500};

} // namespace

held_writer::held_writer(std::shared_ptr<held_store> store, poster post)
  : store_(std::move(store)),
    post_(std::move(post)) {
  http::blocked_signals guard;
  thread_ = std::thread{[this] { run(); }};
}

held_writer::~held_writer() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

// -- modifiers ----------------------------------------------------------------

void held_writer::save(uint64_t number, proto::HeldRequest x, listener done) {
  std::lock_guard guard{mutex_};
  waiting(number, std::move(done)).change.save = std::move(x);
}

bool held_writer::take_back(uint64_t number) {
  std::lock_guard guard{mutex_};
  auto found = waiting_.find(number);
  if (found == waiting_.end() || !found->second.change.save)
    return false;
  auto& x = found->second;
  x.change.save.reset();
  x.change.delivered.reset();
  x.listeners.clear();
  if (!x.change.erase)
    waiting_.erase(found);
  return true;
}

void held_writer::mark(uint64_t number, bool delivered, listener done) {
  std::lock_guard guard{mutex_};
  waiting(number, std::move(done)).change.delivered = delivered;
}

void held_writer::erase(uint64_t number, listener done) {
  std::lock_guard guard{mutex_};
  auto& x = waiting(number, std::move(done)).change;
  x.save.reset();
  x.delivered.reset();
  x.erase = true;
}

held_writer::entry& held_writer::waiting(uint64_t number, listener done) {
  auto& x = waiting_[number];
  x.change.number = number;
  if (done)
    x.listeners.push_back(std::move(done));
  fresh_ = true;
  changed_.notify_one();
  return x;
}

// -- the thread ---------------------------------------------------------------

void held_writer::run() {
  std::unique_lock guard{mutex_};
  for (;;) {
    auto is_due = [this] { return fresh_ || stopping_; };
    // After a failure there may be something to try again.
    if (!failed_)
      changed_.wait(guard, is_due);
    else
      changed_.wait_for(guard, pause, is_due);
    fresh_ = false;
    while (!waiting_.empty()) {
      auto xs = take_batch();
      guard.unlock();
      std::vector<held_change> changes;
      for (auto& x : xs)
        changes.push_back(std::move(x.change));
      auto written = store_->write(changes);
      for (size_t i = 0; i < xs.size(); ++i)
        xs[i].change = std::move(changes[i]);
      guard.lock();
      settle(xs, written);
      if (failed_)
        break;
    }
    if (stopping_)
      return;
  }
}

held_writer::batch held_writer::take_batch() {
  batch xs;
  size_t bytes = 0;
  while (!waiting_.empty() && bytes < batch_bytes) {
    auto first = waiting_.begin();
    auto& save = first->second.change.save;
    bytes += save ? save->body().size() : 0;
    xs.push_back(std::move(first->second));
    waiting_.erase(first);
  }
  return xs;
}

void held_writer::settle(batch& xs, const result<>& written) {
  if (!written && !failed_)
    log::error("held requests cannot be written to disk, those to services"
               " with save = disk are refused: {}",
               written.error().message);
  if (written && failed_)
    log::info("held requests can be written to disk again");
  failed_ = !written;
  if (failed_)
    for (auto& x : xs)
      if (x.change.save || x.change.erase) {
        auto& again = waiting_[x.change.number].change;
        again.number = x.change.number;
        again.erase = true;
      }
  tell(xs, written);
}

void held_writer::tell(batch& xs, const result<>& written) {
  std::vector<listener> all;
  for (auto& x : xs)
    for (auto& done : x.listeners)
      all.push_back(std::move(done));
  if (!all.empty())
    post_([all = std::move(all), written] {
      for (auto& done : all)
        done(written);
    });
}

} // namespace coppice::forward
