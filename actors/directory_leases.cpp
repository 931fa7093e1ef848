// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the DIRECTORY that finds tasks for scheduling clients.

#include "actors/directory.hpp"
#include "actors/replies.hpp"
#include "runtime/duration.hpp"
#include "runtime/group_name.hpp"
#include "runtime/task/lease_rules.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// How long one of several shards is waited for at a time.
constexpr std::chrono::milliseconds visit_time{1'000};

/// No less is worth another visit.
constexpr auto least_wait = std::chrono::milliseconds{10};

} // namespace

struct directory_state::lease_walk {
  proto::LeaseTasksRequest request;
  /// In the order of the visits.
  std::vector<uint32_t> shards;
  caf::actor_clock::time_point ends;
  /// How many there have been; in the first round nobody waits.
  size_t visits = 0;
  /// When the last began, and how long it may take.
  caf::actor_clock::time_point visited;
  std::chrono::milliseconds waits{0};
  /// Shards of this round that could not be asked.
  size_t failures = 0;
  reply_handler answer;
};

void directory_state::lease_tasks(const proto::LeaseTasksRequest& x,
                                  const reply_handler& f) {
  if (auto okay = check_lease_request(x); !okay) {
    auto reply = refusal(okay.error());
    return f(reply);
  }
  auto walk = std::make_shared<lease_walk>();
  walk->request = x;
  walk->shards = all_shards();
  walk->ends = self->clock().now() + lease_wait(x);
  walk->answer = f;
  auto& shards = walk->shards;
  if (shards.empty()) {
    auto reply = not_leader(shard_group(0));
    return f(reply);
  }
  auto first = static_cast<std::ptrdiff_t>(next_shard++ % shards.size());
  std::rotate(shards.begin(), shards.begin() + first, shards.end());
  if (shards.size() > 1 && !x.request_id().empty())
    recall_leases(walk);
  else
    visit_for_leases(walk);
}

void directory_state::recall_leases(const lease_walk_ptr& x) {
  proto::Request wanted;
  *wanted.mutable_lease_tasks() = x->request;
  wanted.mutable_lease_tasks()->clear_kinds(); // See `is_recall`.
  // A shard that cannot be asked does not hold up the others: what it gave
  // ends by the silence of the client.
  auto merge = [](std::vector<proto::Reply> answers) {
    proto::Reply all;
    for (auto& answer : answers)
      all.mutable_lease_tasks()->MergeFrom(answer.lease_tasks());
    return all;
  };
  ask_all(x->shards, wanted, merge, [this, x](proto::Reply& reply) {
    if (reply.lease_tasks().leases_size() > 0)
      return x->answer(reply);
    visit_for_leases(x);
  });
}

void directory_state::visit_for_leases(const lease_walk_ptr& x) {
  auto n = x->shards.size();
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
    x->ends - self->clock().now());
  // A shard that does not wait knows that the client does not want to: it asks
  // for something else. To ask on would be a race of the two.
  auto spent = self->clock().now() - x->visited;
  auto hurried = x->visits > 0 && spent < x->waits / 2;
  if (x->visits >= n && (left < least_wait || hurried)) {
    proto::Reply nothing;
    nothing.mutable_lease_tasks();
    return x->answer(nothing);
  }
  x->visited = self->clock().now();
  x->waits = std::max(left, std::chrono::milliseconds{0});
  if (n > 1)
    x->waits = x->visits < n ? std::chrono::milliseconds{0}
                             : std::min(x->waits, visit_time);
  if (x->visits % n == 0)
    x->failures = 0;
  proto::Request request;
  *request.mutable_lease_tasks() = x->request;
  *request.mutable_lease_tasks()->mutable_wait() = to_proto(x->waits);
  auto shard = x->shards[x->visits++ % n];
  ask(shard_group(shard), std::move(request), [this, x](proto::Reply& reply) {
    if (reply.lease_tasks().leases_size() > 0)
      return x->answer(reply);
    if (!reply.has_error())
      return visit_for_leases(x);
    // Only if all shards refuse it, so does the whole.
    if (++x->failures == x->shards.size())
      return x->answer(reply);
    visit_for_leases(x);
  });
}

} // namespace coppice
