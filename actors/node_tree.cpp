// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/node_tree.hpp"

#include "runtime/log.hpp"

#include <utility>

namespace coppice {

node_tree::node_tree(caf::actor_system& sys,
                     std::chrono::milliseconds stop_timeout,
                     failure_handler on_give_up)
  : self_(sys),
    stop_timeout_(stop_timeout) {
  supervisor_options options;
  options.name = "the node";
  options.limits.strategy = restart_strategy::one_for_all;
  options.limits.intensity = 0;
  options.on_give_up = std::move(on_give_up);
  root_ = sys.spawn(supervisor, std::move(options),
                    std::vector<supervised_child>{});
}

void node_tree::add(const std::string& name, caf::actor x, bool has_parts) {
  supervised_child child;
  child.spec.name = name;
  child.spec.shutdown = stop_timeout_;
  child.start = [x = std::move(x)]() -> result<caf::actor> { return x; };
  child.has_parts = has_parts;
  self_->request(root_, caf::infinite, std::move(child))
    .receive(
      [](const started_child& y) {
        if (y.why)
          log::error("{}", y.why->message);
      },
      [](const caf::error&) { /* It has given up, and said so. */ });
}

void node_tree::stop(std::vector<std::string> names) {
  self_->request(root_, caf::infinite, stop_order{std::move(names)})
    .receive([](bool) {}, [](const caf::error&) { /* It has stopped all. */ });
}

} // namespace coppice
