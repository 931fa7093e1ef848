// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "runtime/task/attempt_key.hpp"
#include "runtime/task/lease_book.hpp"

#include <cstdint>
#include <string>
#include <vector>

// What a leader says of attempts that it ends itself, and what that costs their
// tasks.

namespace coppice {

/// How many attempts in a row may be lost before their nodes said that they
/// started, without costing a try. Not for ever: a task may kill its node
/// faster than the node can speak.
inline constexpr uint32_t max_free_losses = 3;

/// Says how an attempt ended that its leader gives up.
/// @param x What the lease book knows of it.
/// @param why A clock that ran out, CANCEL_REQUESTED, or NODE_GONE.
/// @param earlier The attempts of the task before it, the latest one first; of
///                more than `max_free_losses` the rest does not matter.
proto::FinishCommand::Item
judgement(const attempt_key& key, const lease_book::held& x, proto::Reason why,
          const std::vector<proto::Attempt>& earlier);

/// Says that an attempt never reached its node, by proof: that costs no try.
proto::FinishCommand::Item never_started(const attempt_key& key);

/// Says how an attempt ended that is leased to a node which does not hold it.
/// @param x What the lease book knows of it, if anything: one that had started
///          was dropped, as an exclusive one is that may have lost its lease.
proto::FinishCommand::Item judge_missing(const attempt_key& key,
                                         const lease_book::held* x);

/// Makes a claim of a node for an attempt that is not leased to it any more, to
/// be refused and counted.
proto::FinishCommand::Item judge_obsolete(const attempt_key& key,
                                          const std::string& node);

/// What the end of an attempt says of the node that it ran on.
enum class node_evidence : uint8_t {
  nothing,
  /// It succeeded.
  good,
  /// It failed by its own doing.
  bad,
};

/// Judges an end as it is proposed. It speaks against a node only if that
/// reports that the attempt had started and came to an error of its own: not if
/// it was stopped, refused or lost, or if its leader gave it up.
node_evidence evidence_of(const proto::FinishCommand::Item& x);

/// Says why an attempt failed, as a clause for people on one line.
std::string cause_of(const proto::FinishCommand::Item& x);

} // namespace coppice
