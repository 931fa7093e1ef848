// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/trials/trial_options.hpp"

#include <vector>

namespace coppice::trial {

/// What a trial does to the cluster.
enum class fault_kind {
  kill,
  freeze,
  /// A manager loses its data.
  loss,
  partition,
};

struct fault {
  fault_kind kind;
  /// Else on a manager, whichever it is, or on a worker.
  bool on_leader = false;
  /// The how manieth of its kind it is.
  int turn = 0;

  friend bool operator==(const fault&, const fault&) = default;
};

/// Returns all faults in their order: those of each kind are spread over the
/// trial, and a third of them is on a leader, where a leader can be hit.
std::vector<fault> plan_faults(const trial_options& x);

} // namespace coppice::trial
