// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/held_store.hpp"

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace coppice::forward {

/// Writes held requests in a thread of its own, so that nobody waits for a
/// disk: what comes while it writes goes into the next transaction together.
///
/// Used by one thread. How much waits is for its user to bound.
class held_writer {
public:
  // -- member types -----------------------------------------------------------

  /// Told whether it is durable.
  using listener = std::function<void(const result<>&)>;

  /// Has a function called on the thread of the user.
  using poster = std::function<void(std::function<void()>)>;

  // -- constructors, destructors, and assignment operators --------------------

  held_writer(std::shared_ptr<held_store> store, poster post);

  /// Writes what waits.
  ~held_writer();

  held_writer(const held_writer&) = delete;
  held_writer& operator=(const held_writer&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Writes a request. One that cannot be written is erased when that works
  /// again, since a part of it may be there.
  void save(uint64_t number, proto::HeldRequest x, listener done);

  /// Takes back a request that is not being written yet; its listener hears
  /// nothing.
  /// @returns False if it is too late for that.
  bool take_back(uint64_t number);

  /// Notes that a request is being delivered, or that it is not.
  void mark(uint64_t number, bool delivered, listener done = {});

  /// Erases a request and its note, tried again until it works. What waits to
  /// be written of it is not written.
  void erase(uint64_t number, listener done = {});

private:
  struct entry {
    held_change change;
    std::vector<listener> listeners;
  };

  using batch = std::vector<entry>;

  /// What waits for *number*, with *done* to be told.
  entry& waiting(uint64_t number, listener done);

  void run();

  /// Takes out what goes into one transaction.
  batch take_batch();

  void settle(batch& xs, const result<>& written);

  void tell(batch& xs, const result<>& written);

  std::shared_ptr<held_store> store_;

  poster post_;

  std::mutex mutex_;

  std::condition_variable changed_;

  // Guarded by the mutex.
  std::map<uint64_t, entry> waiting_;
  bool fresh_ = false;
  bool stopping_ = false;

  /// The last one was not written. Of the thread.
  bool failed_ = false;

  std::thread thread_;
};

} // namespace coppice::forward
