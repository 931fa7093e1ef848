// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"

#include <caf/actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coppice {

/// A part of a node, as the one who started it knows it.
struct known_part {
  /// Without what only the part can tell.
  proto::TreePart row{};
  /// Invalid if it does not run.
  caf::actor handle{};
  /// It has parts itself, and tells them when it is asked for its tree.
  bool has_parts = false;
};

/// Describes a part that runs.
/// @param since_ms Unix time in milliseconds.
known_part running_part(std::string name, caf::actor handle, int64_t since_ms,
                        bool has_parts = false);

/// TREE_REPORT with its deadline.
using tree_report_actor = api_actor::extend<caf::reacts_to<caf::tick_atom>>;

/// The state of TREE_REPORT: asks the parts of one actor how they fare, for
/// that actor, which has better things to do.
struct tree_report_state {
  explicit tree_report_state(tree_report_actor::pointer selfptr)
    : self(selfptr) {}

  caf::result<proto::Reply> on_request(const proto::Request& x);

  /// Finds out how long a part takes to come to a message. No part has to know
  /// that one: CAF answers for any actor once it has come to it.
  void ping(size_t i, std::chrono::milliseconds patience);

  /// Asks a part for its parts.
  void ask(size_t i, std::chrono::milliseconds patience);

  /// Takes note of an answer, or that there is none.
  void note();

  /// Answers with what is known.
  void finish();

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "tree_report";

  tree_report_actor::pointer self;

  std::vector<known_part> parts;

  /// Answers that have not come.
  size_t missing = 0;

  caf::typed_response_promise<proto::Reply> answer;
};

/// Answers one request for a tree: with all parts, in their order, below a row
/// without a name. Answers in time also if they do not, and ends.
/// @param self The actor itself.
/// @param parts What the actor has started that passes the request on.
tree_report_actor::behavior_type
tree_report(tree_report_actor::stateful_pointer<tree_report_state> self,
            std::vector<known_part> parts);

} // namespace coppice
