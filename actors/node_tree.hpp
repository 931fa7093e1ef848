// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/supervisor.hpp"

#include <caf/actor_cast.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace coppice {

/// The root of the supervision tree, as the thread sees it that starts and
/// stops the node.
///
/// Other parts hold the handles of what hangs here, so none of it can be
/// replaced while the node runs: if one ends, the root gives up, and the keeper
/// starts the process again. What can be started again hangs below these.
class node_tree {
public:
  using failure_handler = std::function<void(const caf::error&)>;

  /// @param stop_timeout How long one part may take to stop.
  /// @param on_give_up Called by another thread when a part has ended.
  node_tree(caf::actor_system& sys, std::chrono::milliseconds stop_timeout,
            failure_handler on_give_up);

  /// Answers for the tree.
  api_actor root() const {
    return root_;
  }

  /// Hangs a part in the tree.
  /// @param has_parts It tells its own parts when it is asked for its tree.
  template <class Handle>
  void hang(const std::string& name, const Handle& x, bool has_parts = false) {
    add(name, caf::actor_cast<caf::actor>(x), has_parts);
  }

  /// From now on the end of a part is none of the node.
  void close() {
    stop({});
  }

  /// Stops these parts, one after another; those that are not there are
  /// skipped.
  void stop(std::vector<std::string> names);

private:
  void add(const std::string& name, caf::actor x, bool has_parts);

  caf::scoped_actor self_;
  std::chrono::milliseconds stop_timeout_;
  supervisor_actor root_;
};

} // namespace coppice
