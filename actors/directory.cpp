// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/directory.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"

#include <caf/response_promise.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace coppice {

namespace {

/// How long registering may take, the commit included.
constexpr auto hello_timeout = std::chrono::seconds{30};

/// How long a read may take, the proof of the lead included. The longest is a
/// part of a log that a worker sends.
constexpr auto read_timeout = std::chrono::seconds{25};

constexpr auto stop_delay = std::chrono::milliseconds{100};

} // namespace

// -- directory_state ----------------------------------------------------------

caf::result<proto::Reply> directory_state::on_request(proto::Request& x) {
  if (x.kind_case() == proto::Request::kStop) {
    proto::Reply reply;
    reply.mutable_stop()->set_node(options.node);
    log::info("node {} is asked to stop by a client", options.node);
    // The connection ends with the node, and the answer has to leave before.
    self->delayed_send(self, stop_delay, atom::retire::value);
    return reply;
  }
  if (x.has_managers() || x.has_manager())
    return ask_replicator(x);
  if (!lead.tracker)
    return not_leader();
  if (x.has_backup())
    return on_backup(x);
  switch (x.kind_case()) {
    case proto::Request::kSubmit:
      return self->delegate(lead.scheduler, std::move(x));
    case proto::Request::kCancel:
    case proto::Request::kRetry:
      return self->delegate(lead.tracker, std::move(x));
    default:
      return read(x);
  }
}

caf::result<proto::Reply> directory_state::ask_replicator(proto::Request& x) {
  auto local = lead.replicator && x.managers().stale();
  if (!lead.tracker && !local)
    return not_leader();
  return self->delegate(lead.replicator, std::move(x));
}

caf::result<proto::Reply> directory_state::on_backup(proto::Request& x) {
  auto& group = x.backup().group();
  if (group.empty()) {
    proto::Reply reply;
    reply.mutable_backup()->set_node(options.node);
    for (auto& one : options.groups)
      reply.mutable_backup()->add_groups(one);
    return reply;
  }
  auto& known = options.groups;
  if (std::find(known.begin(), known.end(), group) == known.end())
    return refusal(ec::not_found, "there is no group '" + group + "'");
  return self->delegate(lead.replicator, std::move(x));
}

caf::result<proto::Reply> directory_state::read(proto::Request& x) {
  auto promise = self->make_response_promise<proto::Reply>();
  auto failed = [promise](const caf::error& err) mutable {
    promise.deliver(refusal(to_error(unknown_outcome(err))));
  };
  auto ask = [this, promise, failed, x](const proto::Outcome& barrier) mutable {
    if (barrier.has_error() || !lead.tracker) {
      promise.deliver(not_leader());
      return;
    }
    auto answered = [promise](proto::Reply& reply) mutable {
      promise.deliver(std::move(reply));
    };
    if (x.has_explain())
      self->request(lead.scheduler, read_timeout, std::move(x))
        .then(answered, failed);
    else
      self->request(lead.tracker, read_timeout, std::move(x))
        .then(answered, failed);
  };
  self->request(lead.replicator, read_timeout, atom::barrier::value)
    .then(ask, failed);
  return promise;
}

proto::Reply directory_state::not_leader() const {
  if (!options.is_manager)
    return refusal(ec::not_leader, "node " + options.node
                                     + " is no manager; ask one of "
                                     + options.managers + " (--connect)");
  if (leader.node.empty())
    return refusal(ec::not_leader,
                   "node " + options.node
                     + " knows no leader at the moment; the managers elect "
                       "one, or less than half of them can be reached");
  auto reply
    = refusal(ec::not_leader, "node " + leader.node + " at " + leader.address
                                + " leads, not " + options.node);
  reply.set_leader(leader.address);
  return reply;
}

caf::result<proto::ManagerHello, peer_actor>
directory_state::on_manager(proto::ManagerHello& x, caf::strong_actor_ptr& from,
                            peer_actor& replica) {
  if (links)
    return self->delegate(links, std::move(x), std::move(from),
                          std::move(replica));
  auto promise = self->make_response_promise<proto::ManagerHello, peer_actor>();
  proto::ManagerHello answer;
  set_error(*answer.mutable_error(),
            {ec::invalid_argument,
             "node " + options.node + " has no cluster.managers"});
  promise.deliver(std::move(answer), peer_actor{});
  return promise;
}

void directory_state::on_lead(lead_info& x) {
  lead = std::move(x);
}

caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor>
directory_state::on_hello(proto::Hello& x, worker_actor& from) {
  auto promise
    = self->make_response_promise<proto::Welcome, job_scheduler_actor,
                                  task_tracker_actor>();
  auto refuse = [&](ec code, std::string why) {
    proto::Welcome welcome;
    set_error(*welcome.mutable_error(), {code, std::move(why)});
    promise.deliver(std::move(welcome), job_scheduler_actor{},
                    task_tracker_actor{});
    return promise;
  };
  if (!lead.tracker)
    return refuse(ec::not_leader, not_leader().error().message());
  if (x.protocol() != protocol_version)
    return refuse(ec::protocol_violation,
                  "node " + x.node() + " speaks protocol "
                    + std::to_string(x.protocol()) + ", node " + options.node
                    + " speaks " + std::to_string(protocol_version));
  self->request(lead.tracker, hello_timeout, std::move(x), from)
    .then(
      [answers = lead, promise](proto::Welcome& welcome) mutable {
        promise.deliver(std::move(welcome),
                        job_scheduler_actor{answers.scheduler},
                        task_tracker_actor{answers.tracker});
      },
      [promise](caf::error& err) mutable {
        proto::Welcome welcome;
        *welcome.mutable_error() = unknown_outcome(err);
        promise.deliver(std::move(welcome), job_scheduler_actor{},
                        task_tracker_actor{});
      });
  return promise;
}

// -- directory ----------------------------------------------------------------

directory_impl::behavior_type
directory(directory_impl::stateful_pointer<directory_state> self,
          directory_options options) {
  self->state.options = std::move(options);
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](proto::Hello& x, worker_actor& from) {
      return self->state.on_hello(x, from);
    },
    [self](proto::ManagerHello& x, caf::strong_actor_ptr& from,
           peer_actor& replica) {
      return self->state.on_manager(x, from, replica);
    },
    [self](atom::retire) { self->state.options.stop(); },
    [self](lead_info& x) { self->state.on_lead(x); },
    [self](leader_address& x) { self->state.leader = std::move(x); },
    [self](peer_links_actor& x) { self->state.links = std::move(x); },
  };
}

} // namespace coppice
