// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/keep_alive_book.hpp"
#include "runtime/health/node_rules.hpp"
#include "runtime/health/node_table.hpp"

#include <string>
#include <vector>

namespace coppice {

/// The list of the nodes of a cluster as its information centre keeps it: what
/// is durable, and who is silent.
///
/// Pure, and owned by the leader of the cluster group. What changes the list is
/// made durable first, by way of the log and `node_rules`, and then put in
/// here; only then anybody is told. So a leader that does not lead any more can
/// declare nobody down. Keep-alives are memory; a new leader makes a new list
/// from the rows, and all silence counts from then on.
class node_list {
public:
  // -- member types -----------------------------------------------------------

  using time_point = keep_alive_book::time_point;

  // -- constructors, destructors, and assignment operators --------------------

  /// Begins to observe *now* the healthy nodes of *table*.
  node_list(node_table table, const health_limits& limits,
            const brake_limits& brake, time_point now);

  // -- modifiers --------------------------------------------------------------

  /// Takes over a row that was made durable.
  /// @returns False if it is known. Else subscribers are to be told what
  ///          changed since the version that they were told last.
  bool put(const node_entry& row, time_point now);

  /// Takes note of a keep-alive.
  /// @returns What the node is to be answered: `known`; `fresh`: it has to
  ///          register, again if it did; `over`: it has to end.
  admission heard(const worker_key& start, time_point now);

  /// Takes note that the connection to *start* is lost. It is suspected, and
  /// should be dialled again at once.
  /// @returns False if that start is not healthy: there is nothing to do.
  bool link_lost(const worker_key& start);

  /// Takes note that a new connection to *start* was refused.
  /// @returns Whether that proves its end: the connection was lost before, or
  ///          it is down for its silence, and nothing was heard since. Then it
  ///          is to be declared down, with `refused`.
  bool refused(const worker_key& start, time_point now) const;

  /// Judges all nodes. A tick that comes late judges nobody: the messages that
  /// wait are to be handled before the next one.
  /// @returns Those that are to be declared down for their silence. Each is
  ///          told again after a limit until its row is put or it is heard.
  std::vector<worker_key> tick(time_point now);

  // -- properties -------------------------------------------------------------

  const node_table& table() const {
    return table_;
  }

  const keep_alive_book& book() const {
    return book_;
  }

  /// Says of *node* in sentences why it is in its state, for people.
  std::vector<std::string> explain(const std::string& node,
                                   time_point now) const;

private:
  node_table table_;

  keep_alive_book book_;
};

} // namespace coppice
