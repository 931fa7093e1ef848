// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/directory.hpp"

#include "actors/replies.hpp"
#include "runtime/group_name.hpp"
#include "runtime/log.hpp"
#include "runtime/task/request_rules.hpp"

#include <chrono>
#include <iterator>
#include <utility>

namespace coppice {

namespace {

/// How long registering may take, the commit included.
constexpr auto hello_timeout = std::chrono::seconds{30};

constexpr auto stop_delay = std::chrono::milliseconds{100};

constexpr auto leader_lost_in_a_change
  = "the manager that leads cannot be reached any more, or leads no more; "
    "whether the request took effect is unknown";

constexpr auto leader_lost
  = "the manager that leads cannot be reached any more, or leads no more";

} // namespace

// -- handlers -----------------------------------------------------------------

caf::result<proto::Reply> directory_state::on_request(proto::Request& x) {
  if (x.has_stop()) {
    proto::Reply reply;
    reply.mutable_stop()->set_node(options.node);
    log::info("node {} is asked to stop by a client", options.node);
    // The connection ends with the node, and the answer has to leave before.
    self->delayed_send(self, stop_delay, atom::retire::value);
    return reply;
  }
  if (auto checked = check_request(x); !checked)
    return refusal(checked.error());
  auto promise = self->make_response_promise<proto::Reply>();
  auto answer = [promise](proto::Reply& reply) mutable {
    promise.deliver(std::move(reply));
  };
  if (x.group().empty()) {
    route(x, answer);
    return promise;
  }
  // Another manager believes that this one leads. If not, it has to look again:
  // passed on, a request could run in circles.
  auto lead = leads.find(x.group());
  if (lead != leads.end() && lead->second.leads)
    ask_here(lead->second, std::move(x), answer);
  else
    promise.deliver(not_leader(x.group()));
  return promise;
}

caf::result<proto::ManagerHello, peer_actors>
directory_state::on_manager(proto::ManagerHello& x, caf::strong_actor_ptr& from,
                            peer_actors& replicas) {
  if (links)
    return self->delegate(links, std::move(x), std::move(from),
                          std::move(replicas));
  auto promise
    = self->make_response_promise<proto::ManagerHello, peer_actors>();
  proto::ManagerHello answer;
  set_error(*answer.mutable_error(),
            {ec::invalid_argument,
             "node " + options.node + " has no cluster.managers"});
  promise.deliver(std::move(answer), peer_actors{});
  return promise;
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
  if (x.protocol() != protocol_version)
    return refuse(ec::protocol_violation,
                  "node " + x.node() + " speaks protocol "
                    + std::to_string(x.protocol()) + ", node " + options.node
                    + " speaks " + std::to_string(protocol_version));
  if (x.cluster() != options.cluster)
    return refuse(ec::invalid_argument,
                  other_cluster(options.cluster, x.node(), x.cluster()));
  auto group = shard_group(x.shard());
  auto lead = leads.find(group);
  if (lead == leads.end() || !lead->second.tracker)
    return refuse(ec::not_leader, not_leader(group).error().message());
  self->request(lead->second.tracker, hello_timeout, std::move(x), from)
    .then(
      [answers = lead->second, promise](proto::Welcome& welcome) mutable {
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

caf::result<proto::RegistrationReply, information_centre_actor>
directory_state::on_register(proto::Registration& x,
                             state_monitor_actor& from) {
  auto promise = self->make_response_promise<proto::RegistrationReply,
                                             information_centre_actor>();
  auto lead = leads.find(cluster_group);
  if (lead == leads.end() || !lead->second.centre) {
    proto::RegistrationReply reply;
    *reply.mutable_error() = not_leader(cluster_group).error();
    promise.deliver(std::move(reply), information_centre_actor{});
    return promise;
  }
  self->request(lead->second.centre, hello_timeout, std::move(x), from)
    .then(
      [centre = lead->second.centre,
       promise](proto::RegistrationReply& reply) mutable {
        auto found = reply.has_error() ? information_centre_actor{}
                                       : information_centre_actor{centre};
        promise.deliver(std::move(reply), std::move(found));
      },
      [promise](caf::error& err) mutable {
        proto::RegistrationReply reply;
        *reply.mutable_error() = unknown_outcome(err);
        promise.deliver(std::move(reply), information_centre_actor{});
      });
  return promise;
}

void directory_state::on_lead(lead_info& x) {
  leads[x.group] = std::move(x);
}

void directory_state::on_leader(leader_address& x) {
  auto& known = leaders[x.group];
  auto lost = known.directory && known.directory != x.directory
                ? known.directory.address()
                : caf::actor_addr{};
  known = std::move(x);
  if (!lost)
    return;
  std::vector<question> open;
  for (auto i = questions.begin(); i != questions.end();) {
    auto next = std::next(i);
    if (i->second.group == known.group && i->second.whom == lost)
      open.push_back(std::move(questions.extract(i).mapped()));
    i = next;
  }
  // It may answer late or never; who asked asks again, where that is safe.
  for (auto& asked : open) {
    auto reply = asked.harmless
                   ? refusal(ec::not_leader, leader_lost)
                   : refusal(ec::deadline_exceeded, leader_lost_in_a_change);
    asked.answer(reply);
  }
}

// -- the groups ---------------------------------------------------------------

proto::Reply directory_state::not_leader(const std::string& group) const {
  if (!options.is_manager)
    return refusal(ec::not_leader, "node " + options.node
                                     + " is no manager; ask one of "
                                     + options.managers + " (--connect)");
  auto other = leaders.find(group);
  if (other != leaders.end() && !other->second.node.empty())
    return refusal(ec::not_leader,
                   group + " is led by node " + other->second.node + " at "
                     + other->second.address + ", not by " + options.node);
  return refusal(ec::not_leader,
                 "node " + options.node + " knows no leader of " + group
                   + " at the moment; the managers elect one, or less than "
                     "half of them can be reached");
}

directory_state::error_handler
directory_state::when_lost(const proto::Request& x, reply_handler f) {
  return [harmless = changes_nothing(x), f = std::move(f)](auto& why) {
    auto said = harmless ? lost_read(why) : unknown_outcome(why);
    auto reply = refusal(to_error(said));
    f(reply);
  };
}

void directory_state::ask(const std::string& group, proto::Request x,
                          reply_handler f) {
  auto lead = leads.find(group);
  if (x.stale() && lead != leads.end() && lead->second.replicator)
    return deliver(lead->second.replicator, std::move(x), std::move(f));
  if (lead != leads.end() && lead->second.leads && !x.stale())
    return ask_here(lead->second, std::move(x), std::move(f));
  auto other = leaders.find(group);
  if (other != leaders.end() && other->second.directory && !x.stale())
    return ask_other(other->second, std::move(x), std::move(f));
  auto reply = not_leader(group);
  f(reply);
}

void directory_state::ask_other(const leader_address& to, proto::Request x,
                                reply_handler f) {
  x.set_group(to.group);
  auto number = ++last_question;
  questions.emplace(number, question{to.group, to.directory.address(),
                                     changes_nothing(x), std::move(f)});
  auto settle = [this, number](proto::Reply& reply) {
    auto open = questions.extract(number);
    if (!open.empty())
      open.mapped().answer(reply);
  };
  auto lost = when_lost(x, settle);
  self->request(to.directory, answer_timeout, std::move(x))
    .then([settle](proto::Reply& reply) { settle(reply); }, lost);
}

void directory_state::ask_here(const lead_info& to, proto::Request x,
                               reply_handler f) {
  if (to.group == cluster_group)
    return ask_cluster(to, std::move(x), std::move(f));
  switch (x.kind_case()) {
    case proto::Request::kManagers:
    case proto::Request::kManager:
    case proto::Request::kBackup:
      return deliver(to.replicator, std::move(x), std::move(f));
    case proto::Request::kSubmit:
      return deliver(to.scheduler, std::move(x), std::move(f));
    case proto::Request::kJournal:
      return deliver(to.journals, std::move(x), std::move(f));
    case proto::Request::kCancel:
    case proto::Request::kRetry:
      return deliver(to.tracker, std::move(x), std::move(f));
    case proto::Request::kLeaseTasks:
    case proto::Request::kClientLease:
      return deliver(to.desk, std::move(x), std::move(f));
    default:
      return read_here(to.group, std::move(x), std::move(f));
  }
}

void directory_state::read_here(const std::string& group, proto::Request x,
                                reply_handler f) {
  auto lost = when_lost(x, f);
  auto proven = [this, group, f, x](const proto::Outcome& barrier) mutable {
    auto& lead = leads[group];
    if (barrier.has_error() || !lead.tracker) {
      auto reply = not_leader(group);
      f(reply);
    } else if (x.has_explain() || x.has_nodes() || x.has_release()) {
      deliver(lead.scheduler, std::move(x), std::move(f));
    } else {
      deliver(lead.tracker, std::move(x), std::move(f));
    }
  };
  self->request(leads[group].replicator, answer_timeout, atom::barrier::value)
    .then(proven, lost);
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
    [self](proto::Registration& x, state_monitor_actor& from) {
      return self->state.on_register(x, from);
    },
    [self](proto::ManagerHello& x, caf::strong_actor_ptr& from,
           peer_actors& replicas) {
      return self->state.on_manager(x, from, replicas);
    },
    [self](atom::retire) { self->state.options.stop(); },
    [self](lead_info& x) { self->state.on_lead(x); },
    [self](leader_address& x) { self->state.on_leader(x); },
    [self](peer_links_actor& x) { self->state.links = std::move(x); },
    [self](local_state_monitor_actor& x) {
      self->state.monitor = std::move(x);
    },
  };
}

} // namespace coppice
