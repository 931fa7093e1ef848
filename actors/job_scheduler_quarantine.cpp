// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the JOB_SCHEDULER that keeps tasks away from bad nodes.

#include "actors/job_scheduler.hpp"
#include "actors/replies.hpp"
#include "runtime/log.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// How often it is looked whether a trial is due.
constexpr auto review_pause = std::chrono::milliseconds{200};

std::string joined(const std::vector<std::string>& xs, const char* between) {
  std::string result;
  for (auto& x : xs)
    result += (result.empty() ? "" : between) + x;
  return result;
}

} // namespace

// -- what attempts say of nodes -----------------------------------------------

void job_scheduler_state::on_ends(const attempt_ends& xs) {
  for (auto& x : xs.items)
    on_end(x);
}

void job_scheduler_state::on_end(const attempt_end& x) {
  auto now = self->clock().now();
  switch (x.says) {
    case node_evidence::good:
      bad_nodes.succeeded(x.node);
      return review("an attempt succeeded on it");
    case node_evidence::nothing:
      bad_nodes.ended(x.node, x.task);
      return review("");
    case node_evidence::bad:
      break;
  }
  auto able = store->read([&](const table_view& view, uint64_t) {
    auto row = get_task(view, x.task);
    return row ? able_nodes(row->task_class()).size() : 0;
  });
  if (!able)
    return;
  auto was_on_trial
    = bad_nodes.judge(x.node, now) == quarantine::standing::on_trial;
  auto fresh
    = bad_nodes.failed({x.node, x.task, x.ran_for, x.why}, able.value(), now);
  auto failed_trial
    = was_on_trial
      && bad_nodes.judge(x.node, now) == quarantine::standing::closed;
  if (fresh)
    quarantined.insert(x.node);
  if (fresh || failed_trial)
    log::warn("{}: {}", options.group,
              joined(bad_nodes.explain(x.node, now), " "));
  review("a task that failed on it fails elsewhere, too");
}

void job_scheduler_state::review(const std::string& why) {
  auto now = self->clock().now();
  for (auto i = quarantined.begin(); i != quarantined.end();) {
    refresh_offers(*i);
    auto standing = bad_nodes.judge(*i, now);
    if (standing == quarantine::standing::open
        || standing == quarantine::standing::trial_due)
      schedule_dispatch();
    if (standing != quarantine::standing::open) {
      ++i;
      continue;
    }
    log::info("{} gives attempts to node {} again: {}", options.group, *i, why);
    i = quarantined.erase(i);
  }
  if (!quarantined.empty() && !std::exchange(review_scheduled, true))
    self->delayed_send(self, review_pause, atom::review::value);
}

void job_scheduler_state::on_review() {
  review_scheduled = false;
  review(""); // Comes again, as long as there is somebody.
}

std::set<std::string>
job_scheduler_state::able_nodes(uint32_t task_class) const {
  std::set<std::string> result;
  for (auto& [key, w] : workers) {
    auto gone = down.find(key.node);
    auto is_down = gone != down.end() && gone->second == key.incarnation;
    if (!is_down
        && queue.could_run(task_class, w.kinds, w.labels, w.credit.available()))
      result.insert(key.node);
  }
  return result;
}

// -- what people ask ----------------------------------------------------------

caf::result<proto::Reply> job_scheduler_state::nodes(proto::Request& x) {
  auto promise = self->make_response_promise<proto::Reply>();
  // Without a deadline: it answers at once, or is dead.
  self->request(tracker, caf::infinite, std::move(x))
    .then(
      [this, promise](proto::Reply& reply) mutable {
        auto now = self->clock().now();
        for (auto& node : *reply.mutable_nodes()->mutable_nodes()) {
          node.set_quarantined(quarantined.count(node.name()) > 0);
          for (auto& note : bad_nodes.explain(node.name(), now))
            node.add_notes(std::move(note));
        }
        promise.deliver(std::move(reply));
      },
      [promise](caf::error& err) mutable {
        promise.deliver(refusal(to_error(lost_read(err))));
      });
  return promise;
}

proto::Reply job_scheduler_state::release(const proto::ReleaseRequest& x) {
  proto::Reply reply;
  reply.mutable_release()->set_quarantined(bad_nodes.release(x.node()));
  review("somebody asked for it");
  return reply;
}

std::vector<std::string>
job_scheduler_state::explain_withheld(uint32_t task_class) const {
  std::vector<std::string> out;
  auto able = able_nodes(task_class);
  auto say = [&](const std::set<std::string>& these, const std::string& why) {
    std::vector<std::string> names;
    std::set_intersection(able.begin(), able.end(), these.begin(), these.end(),
                          std::back_inserter(names));
    if (!names.empty())
      out.push_back("nodes that could run it are " + why + ": "
                    + joined(names, ", ") + "; 'coppice nodes' says why");
  };
  say(quarantined, "quarantined");
  say(drained, "drained, or being regenerated");
  return out;
}

} // namespace coppice
