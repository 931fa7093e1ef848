// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of GROUP that supervises the children of a leader, and tells how
// they fare.

#include "actors/group.hpp"
#include "actors/replies.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace coppice {

namespace {

/// The log may wait for its disk, or for other managers, for that long; if it
/// does longer, the process has to start again.
constexpr auto log_timeout = std::chrono::seconds{30};

} // namespace

std::vector<std::pair<std::string, caf::actor>>
children_of(const lead_info& x) {
  std::vector<std::pair<std::string, caf::actor>> result;
  auto add = [&](const char* name, auto& child) {
    if (child)
      result.emplace_back(name, caf::actor_cast<caf::actor>(child));
  };
  // In the order in which they are told to end.
  add("client_desk", x.desk);
  add("job_scheduler", x.scheduler);
  add("task_tracker", x.tracker);
  add("information_centre", x.centre);
  add("service_store", x.journals);
  add("service_placer", x.placer);
  add("regenerator", x.regenerator);
  return result;
}

caf::result<proto::Reply> group_state::on_request(const proto::Request& x) {
  if (!x.has_tree())
    return refusal(ec::protocol_violation,
                   "a group does not know this request");
  std::vector<known_part> parts;
  parts.push_back(running_part("state_replicator",
                               caf::actor_cast<caf::actor>(replicator),
                               replicator_since_ms));
  if (!replicator)
    parts.back().row.set_state(proto::TreePart::ENDED);
  for (auto& [child, handle] : children_of(lead)) {
    auto& part = parts.emplace_back(running_part(child, handle, lead_since_ms));
    part.row.set_restarts(lead_restarts);
    part.row.set_last_end(last_lead_end);
  }
  return self->delegate(
    caf::actor_cast<api_actor>(self->spawn(tree_report, std::move(parts))), x);
}

void group_state::on_lead_failure(const std::string& child,
                                  const caf::error& why) {
  last_lead_end = child + " ended: " + self->system().render(why);
  log::error("{}: {}", options.replicate.group, last_lead_end);
  auto decision
    = policy->ended("leadership", child_end::failure, self->clock().now());
  if (decision.give_up) {
    auto text = options.replicate.group + " gives up after "
                + std::to_string(policy->recent())
                + " failures: " + last_lead_end;
    self->quit(caf::make_error(caf::sec::runtime_error, std::move(text)));
    return;
  }
  ++lead_restarts;
  resume_term = term;
  cease_to_lead();
  tell_directory();
}

void group_state::resume_lead() {
  if (resume_term == 0 || !ending.empty() || !retired.empty() || !replicator)
    return;
  // What they proposed may not be applied yet, and those that come after them
  // read it from the tables. What changes nothing is applied behind it.
  self->request(replicator, log_timeout, proto::Command{})
    .then(
      [this](const proto::Outcome& x) {
        if (resume_term == 0 || x.has_error() || !newest.ready || stopping)
          return; // The lead is elsewhere, or about to be.
        term = std::exchange(resume_term, 0);
        begin_to_lead();
        if (lead.tracker)
          self->send(lead.tracker, newest);
        tell_directory();
      },
      [this](const caf::error& why) {
        // Any other one: the lead is lost, which is told next.
        if (why == caf::sec::request_timeout && resume_term != 0 && !stopping)
          self->quit(why);
      });
}

} // namespace coppice
