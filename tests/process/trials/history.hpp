// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coppice::trial {

/// What has to become of a task, by what was acknowledged of it.
enum class fate {
  succeeds,
  cancelled,
  /// A running one was asked to stop: it is cancelled, or was faster.
  asked_to_stop,
  /// An answer was lost.
  either,
};

/// The operations that one client was told to have happened, in their order.
struct history {
  struct accepted {
    fate expected = fate::succeeds;
    /// As it was submitted, with its key.
    proto::TaskSpec spec;
  };

  /// Takes note of an accepted task.
  void on_submit(const std::string& id, proto::TaskSpec spec);

  /// Takes note of what was said of a task that was to be cancelled.
  void on_cancel(const std::string& id, const proto::CancelReply::Item& said);

  /// Takes note of what was said of a task that was to be tried again.
  void on_retry(const std::string& id, const proto::RetryReply::Item& said);

  /// Takes note that new tasks of *product* go to *shard*.
  void on_bind(const std::string& product, uint32_t shard);

  std::map<std::string, accepted> tasks;
  /// By product, the last one.
  std::map<std::string, uint32_t> bound;
  int binds = 0;
  int cancels = 0;
  int retries = 0;
  /// What must not have been said.
  std::vector<std::string> faults;
};

} // namespace coppice::trial
