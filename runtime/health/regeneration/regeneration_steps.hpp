// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/health/regeneration/regeneration_facts.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

// The phases of a regeneration, as a function of what is known. Nothing is
// remembered but the durable row: a new leader goes on where the old one was.

namespace coppice {

/// How long each phase may take.
struct regeneration_limits {
  using ms = std::chrono::milliseconds;

  /// Until the node knows. Then it goes on as it was: it may be cut off.
  ms quiesce{15'000};
  /// Until services have moved; those that nobody else can have stay until the
  /// next phase.
  ms move{20'000};
  /// After tasks that did not move were told to stop. Then what is left is
  /// stopped with the node.
  ms drain_grace{30'000};
  /// Then it goes on as it was, and its state with it.
  ms capture{120'000};
  /// From the end of the process to the registration of the next.
  ms restart{120'000};
  /// Until what it had, and nobody else can have, is ready again; then the node
  /// is let back in without it.
  ms restore{60'000};
  /// Until it is measured.
  ms verify{60'000};
  /// Of a service, until it has left: its requests may take long.
  ms leave{600'000};
};

/// Returns the next step of *row*, if its time has come.
/// @param now_ms State time or wall time, Unix time in milliseconds: where they
///               differ a phase takes longer or shorter than its limit says.
std::optional<proto::RegenerationStep>
next_step(const proto::RegenerationRow& row, const regeneration_facts& facts,
          const regeneration_limits& limits, int64_t now_ms);

/// Returns what an instance of a service has, under names of its own among what
/// its node has: "memory of web/0".
google::protobuf::RepeatedPtrField<proto::Vital>
vitals_in_node(const proto::VitalsRequest::Instance& x);

/// Returns whether what was worn is less so now: each of *evidence* that is
/// measured is clearly below what it was.
/// @param now What is measured now.
bool is_cured(const google::protobuf::RepeatedPtrField<proto::Vital>& evidence,
              const google::protobuf::RepeatedPtrField<proto::Vital>& now);

} // namespace coppice
