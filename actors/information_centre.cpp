// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/information_centre.hpp"

#include "actors/replies.hpp"
#include "runtime/health/changes_parts.hpp"
#include "runtime/health/node_card.hpp"
#include "runtime/health/node_message.hpp"
#include "runtime/log.hpp"
#include "runtime/spelling.hpp"
#include "runtime/task/lease_rules.hpp"
#include "storage/node_list_rows.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// Names of refused nodes that are remembered.
constexpr size_t max_refusals = 1'000;

/// 10 years.
constexpr int64_t max_drain_ms = int64_t{3'653} * 24 * 60 * 60 * 1'000;

} // namespace

// -- initialization -----------------------------------------------------------

result<> information_centre_state::init(information_centre_options xs,
                                        std::shared_ptr<const tables> store,
                                        state_replicator_actor log) {
  options = std::move(xs);
  replicator = std::move(log);
  std::vector<node_entry> rows;
  node_list_head head;
  auto read = store->read([&](const table_view& view, uint64_t) {
    rows = get_list_rows(view);
    head = get_node_list_head(view);
  });
  if (!read)
    return read.as_failure();
  list.emplace(node_table{options.cluster, rows, head.version, head.forgotten},
               options.limits, options.brake, now());
  told = head.version;
  self->delayed_send(self, options.limits.tick(), atom::tick::value);
  return ok();
}

// -- nodes --------------------------------------------------------------------

caf::result<proto::RegistrationReply>
information_centre_state::on_register(const proto::Registration& x,
                                      const state_monitor_actor& from) {
  proto::RegistrationReply reply;
  reply.set_interval_ms(
    std::chrono::ceil<std::chrono::milliseconds>(options.limits.interval())
      .count());
  reply.set_limit_ms(options.limits.limit.count());
  auto promise = self->make_response_promise<proto::RegistrationReply>();
  if (auto why = refuse(x)) {
    if (refusals.size() > max_refusals)
      refusals.clear();
    if (std::exchange(refusals[x.node()], why->message) != why->message)
      log::warn("{} refuses node {}: {}", name, x.node(), why->message);
    set_error(*reply.mutable_error(), *why);
    promise.deliver(std::move(reply));
    return promise;
  }
  worker_key start{x.node(), x.incarnation()};
  if (may_be_deposed()) {
    list->heard(start, now());
    set_error(*reply.mutable_error(),
              {ec::not_leader, "this manager waits for its disk, and another "
                               "one may lead by now; ask again"});
    promise.deliver(std::move(reply));
    return promise;
  }
  if (list->heard(start, now()) == admission::known) {
    subscribe(start, from);
    promise.deliver(std::move(reply));
    return promise;
  }
  proto::NodeCommand command;
  command.set_node(x.node());
  command.set_incarnation(x.incarnation());
  command.set_registered(x.card());
  propose(std::move(command),
          [this, start, from, reply,
           promise](const std::optional<proto::Error>& failed) mutable {
            if (failed)
              *reply.mutable_error() = *failed;
            else if (list->heard(start, now()) == admission::known)
              subscribe(start, from);
            else // A later start was faster.
              set_error(*reply.mutable_error(),
                        {ec::conflict, "a later start of node " + start.node
                                         + " has registered"});
            promise.deliver(std::move(reply));
          });
  return promise;
}

std::optional<error>
information_centre_state::refuse(const proto::Registration& x) const {
  if (x.cluster() != options.cluster)
    return error{ec::invalid_argument,
                 other_cluster(options.cluster, x.node(), x.cluster())};
  if (x.protocol() != protocol_version)
    return error{ec::protocol_violation,
                 "node " + x.node() + " speaks protocol "
                   + std::to_string(x.protocol()) + ", this manager speaks "
                   + std::to_string(protocol_version)};
  worker_key start{x.node(), x.incarnation()};
  auto* row = list->table().find(x.node());
  if (admit(row, start) == admission::over)
    return error{
      ec::conflict,
      "this start of node " + x.node() + " is over: "
        + (row->start == start ? "it has left" : "a later one has registered")};
  auto card = decode_card(x.card());
  if (lives_elsewhere(start, card))
    return error{ec::overloaded, "a node " + x.node() + " is alive at "
                                   + decode_card(row->card).address()
                                   + ", and this one is at " + card.address()
                                   + ": each node needs a node.id of its own"};
  return std::nullopt;
}

bool information_centre_state::lives_elsewhere(
  const worker_key& start, const proto::NodeCard& card) const {
  auto* row = list->table().find(start.node);
  if (!row || row->state != node_state::healthy
      || row->start.incarnation >= start.incarnation
      || decode_card(row->card).address() == card.address())
    return false;
  auto known = list->book().find(start.node, now());
  return subscribers.count(start.node) != 0 && known && !known->suspected;
}

void information_centre_state::subscribe(const worker_key& start,
                                         const state_monitor_actor& who) {
  auto& x = subscribers[start.node];
  if (x.handle && x.handle != who) {
    self->demonitor(x.handle.address());
    nodes.erase(x.handle.address());
  }
  if (nodes.emplace(who.address(), start.node).second)
    self->monitor(who);
  x = {start.incarnation, who};
  verify(start);
}

proto::KeepAliveAck
information_centre_state::on_keep_alive(const proto::KeepAlive& x) {
  worker_key start{x.node(), x.incarnation()};
  auto said = list->heard(start, now());
  auto known = subscribers.find(x.node());
  // Its connection was lost in between: it is not told what changes.
  if (said == admission::known
      && (known == subscribers.end()
          || known->second.incarnation != x.incarnation()))
    said = admission::fresh;
  // Which is told so when it tries to register.
  if (said == admission::known && may_be_deposed())
    said = admission::fresh;
  proto::KeepAliveAck ack;
  ack.set_admission(static_cast<uint32_t>(said));
  *ack.mutable_version() = to_message(list->table().version());
  return ack;
}

void information_centre_state::on_query(proto::NodeQuery& x) {
  auto node = x.node();
  if (!queries.insert_or_assign(node, std::move(x)).second)
    return;
  askers.push_back(std::move(node));
  if (askers.size() == 1)
    self->send(self, atom::dispatch::value);
}

void information_centre_state::on_dispatch() {
  auto x = std::move(queries.extract(askers.front()).mapped());
  askers.pop_front();
  if (!askers.empty())
    self->send(self, atom::dispatch::value);
  auto known = subscribers.find(x.node());
  if (known == subscribers.end()
      || known->second.incarnation != x.incarnation())
    return; // Its next keep-alive tells it to register.
  auto changes = list->table().since(from_message(x.version()));
  for_each_part(changes, x.asked(), [&](proto::NodeChangesPart&& part) {
    self->send(known->second.handle, std::move(part));
  });
}

caf::result<proto::LeaveAck>
information_centre_state::on_leave(const proto::Leave& x) {
  auto promise = self->make_response_promise<proto::LeaveAck>();
  proto::NodeCommand command;
  command.set_node(x.node());
  command.set_incarnation(x.incarnation());
  command.set_left(true);
  propose(std::move(command),
          [promise](const std::optional<proto::Error>& failed) mutable {
            proto::LeaveAck ack;
            if (failed)
              *ack.mutable_error() = *failed;
            promise.deliver(std::move(ack));
          });
  return promise;
}

void information_centre_state::on_down(const caf::down_msg& x) {
  auto node = nodes.extract(x.source);
  if (node.empty())
    return;
  auto known = subscribers.extract(node.mapped());
  if (known.empty())
    return;
  worker_key start{node.mapped(), known.mapped().incarnation};
  if (!list->link_lost(start))
    return; // It is not healthy anyway.
  log::warn("{} lost the connection to node {}", name, start.node);
  begin_dialling(start);
}

// -- changes ------------------------------------------------------------------

void information_centre_state::propose(
  proto::NodeCommand x,
  std::function<void(const std::optional<proto::Error>&)> f) {
  proto::Command command;
  *command.mutable_node() = std::move(x);
  self->request(replicator, caf::infinite, std::move(command))
    .then(
      [this, f](const proto::Outcome& outcome) {
        auto& said = outcome.node();
        if (outcome.has_error())
          return f(outcome.error());
        if (said.has_error())
          return f(said.error());
        if (said.has_row())
          take(said.row());
        f(std::nullopt);
      },
      [f](const caf::error& err) { f(unknown_outcome(err)); });
}

void information_centre_state::take(const proto::NodeListRow& x) {
  if (list->put(from_message(x), now()))
    schedule_flush();
}

caf::result<proto::Outcome>
information_centre_state::on_command(proto::Command& x) {
  auto promise = self->make_response_promise<proto::Outcome>();
  self->request(replicator, caf::infinite, std::move(x))
    .then(
      [this, promise](proto::Outcome& outcome) mutable {
        if (outcome.regeneration().has_node())
          take(outcome.regeneration().node());
        promise.deliver(std::move(outcome));
      },
      [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

void information_centre_state::note(const std::string& text) {
  proto::Command command;
  command.mutable_note()->set_text(text);
  self->request(replicator, caf::infinite, std::move(command))
    .then([](const proto::Outcome&) {},
          [text](const caf::error&) {
            log::warn("{} lost an event: {}", name, text);
          });
}

void information_centre_state::schedule_flush() {
  if (std::exchange(flush_scheduled, true))
    return;
  if (auto pause = flush_from - now(); pause.count() > 0)
    self->delayed_send(self, pause, atom::flush::value);
  else // What has been committed with this is told with it.
    self->send(self, atom::flush::value);
}

void information_centre_state::declare_down(const worker_key& x,
                                            down_cause why) {
  proto::NodeCommand command;
  command.set_node(x.node);
  command.set_incarnation(x.incarnation);
  command.set_down(static_cast<uint32_t>(why));
  propose(
    std::move(command), [x, why](const std::optional<proto::Error>& failed) {
      if (failed)
        log::warn("{} cannot declare node {} down: {}", name, x.node,
                  failed->message());
      else
        log::warn("{} declares node {} down: {}", name, x.node, describe(why));
    });
}

void information_centre_state::on_flush() {
  flush_scheduled = false;
  auto changes = list->table().since(told);
  told = changes.version;
  // When thousands of nodes register, each would be told of each, thousands of
  // times, and nobody would hear signs of life.
  flush_from = now() + subscribers.size() * options.event_pause;
  for_each_part(changes, 0, [&](proto::NodeChangesPart&& part) {
    // One message for all: it is not copied for each.
    auto event = caf::make_message(std::move(part));
    for (auto& [node, x] : subscribers)
      caf::actor_cast<caf::strong_actor_ptr>(x.handle)->enqueue(
        self->ctrl(), caf::make_message_id(), event, self->context());
  });
}

template <class F>
void information_centre_state::for_each_part(const node_changes& x,
                                             int64_t asked, F f) const {
  for (auto& part : cut(x, options.max_part_bytes)) {
    auto message = to_message(part);
    message.set_asked(asked);
    f(std::move(message));
  }
}

// -- silence ------------------------------------------------------------------

void information_centre_state::on_tick() {
  // First: how late it comes is how late this actor is.
  self->delayed_send(self, options.limits.tick(), atom::tick::value);
  check_lead();
  for (auto& x : list->tick(now())) {
    declare_down(x, down_cause::silent);
    begin_dialling(x);
  }
  auto& brake = list->book().brake();
  if (braked == brake.engaged())
    return;
  braked = brake.engaged();
  if (braked)
    log::warn("{}: {}", name, brake.explain());
  else
    log::info("{} judges silent nodes again", name);
  note(braked ? brake.explain() : "Silent nodes are judged again.");
}

void information_centre_state::check_lead() {
  if (asked_replicator)
    return;
  asked_replicator = now();
  // This one is answered from memory. Without a deadline: that there is no
  // answer is what is to be known.
  proto::Request question;
  question.mutable_managers();
  self->request(replicator, caf::infinite, std::move(question))
    .then(
      [this](const proto::Reply& x) {
        asked_replicator.reset();
        others_vote = x.managers().managers_size() > 1;
      },
      [this](const caf::error&) { asked_replicator.reset(); });
}

// -- clients ------------------------------------------------------------------

caf::result<proto::Reply>
information_centre_state::on_request(const proto::Request& x) {
  proto::NodeCommand command;
  proto::Reply done;
  switch (x.kind_case()) {
    case proto::Request::kNodes:
      return list_nodes();
    case proto::Request::kTree:
      return show_tree(x);
    case proto::Request::kDrain: {
      command.set_node(x.drain().node());
      auto rest = std::clamp<int64_t>(x.drain().deadline_ms(), 0, max_drain_ms);
      command.set_drained_until_ms(rest == 0 ? 0 : wall_clock_ms() + rest);
      done.mutable_drain();
      break;
    }
    case proto::Request::kRelease: {
      command.set_node(x.release().node());
      command.set_released(true);
      auto* row = list->table().find(command.node());
      done.mutable_release()->set_drained(row && row->hold);
      break;
    }
    case proto::Request::kForgetNode:
      command.set_node(x.forget_node().node());
      command.set_forgotten(true);
      done.mutable_forget_node();
      break;
    default:
      return refusal(ec::protocol_violation,
                     "the information centre does not know this request");
  }
  auto* row = list->table().find(command.node());
  if (client_of(command.node()))
    return refusal(ec::not_found, in_quotes(command.node())
                                    + " is no node, but a client that leases "
                                      "tasks over HTTP; stop it where it runs");
  if (!row || row->state == node_state::forgotten)
    return refusal(ec::not_found, "there is no node "
                                    + in_quotes(command.node())
                                    + "; 'coppice nodes' lists them");
  if (command.forgotten() && row->state == node_state::healthy)
    return refusal(ec::conflict, "node " + command.node()
                                   + " is healthy; stop it first, or it "
                                     "would come back");
  return change(std::move(command), std::move(done));
}

caf::result<proto::Reply> information_centre_state::change(proto::NodeCommand x,
                                                           proto::Reply done) {
  auto promise = self->make_response_promise<proto::Reply>();
  propose(std::move(x),
          [promise, done](const std::optional<proto::Error>& failed) mutable {
            if (failed) {
              done.Clear();
              *done.mutable_error() = *failed;
            }
            promise.deliver(std::move(done));
          });
  return promise;
}

proto::Reply information_centre_state::list_nodes() const {
  proto::Reply reply;
  auto& out = *reply.mutable_nodes();
  for (auto& row : list->table().rows()) {
    auto& node = *out.add_nodes();
    describe(row, node);
    if (auto known = list->book().find(row.start.node, now())) {
      node.set_suspicion(known->level);
      node.set_suspected(known->suspected);
      node.set_heard_ms(
        wall_clock_ms()
        - std::chrono::duration_cast<std::chrono::milliseconds>(known->length)
            .count());
    }
    for (auto& note : list->explain(row.start.node, now()))
      node.add_notes(std::move(note));
  }
  if (auto why = list->book().brake().explain(); !why.empty())
    out.add_notes(std::move(why));
  return reply;
}

// -- information_centre -------------------------------------------------------

information_centre_impl::behavior_type information_centre(
  information_centre_impl::stateful_pointer<information_centre_state> self,
  information_centre_options options, std::shared_ptr<const tables> store,
  state_replicator_actor replicator) {
  // Shown by debuggers and top; 15 bytes is what Linux takes.
  if (self->getf(caf::abstract_actor::is_detached_flag))
    ::pthread_setname_np(::pthread_self(), "inform_centre");
  auto begun = self->state.init(std::move(options), std::move(store),
                                std::move(replicator));
  if (!begun) {
    log::error("{} cannot read its tables: {}", self->state.name,
               to_string(begun.error()));
    self->quit(caf::make_error(caf::sec::runtime_error));
    return information_centre_impl::behavior_type::make_empty_behavior();
  }
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  return {
    [self](const proto::KeepAlive& x) { return self->state.on_keep_alive(x); },
    [self](proto::NodeQuery& x) { self->state.on_query(x); },
    [self](const proto::Leave& x) { return self->state.on_leave(x); },
    [self](const proto::Registration& x, const state_monitor_actor& from) {
      return self->state.on_register(x, from);
    },
    [self](const proto::Request& x) { return self->state.on_request(x); },
    [self](proto::Command& x) { return self->state.on_command(x); },
    [self](const node_probe& x) { self->state.on_probe(x); },
    [self](atom::dial, const worker_key& x, uint64_t number) {
      self->state.on_dial(x, number);
    },
    [self](atom::dispatch) { self->state.on_dispatch(); },
    [self](atom::flush) { self->state.on_flush(); },
    [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace coppice
