// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/client_desk.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"
#include "runtime/task/lease_rules.hpp"
#include "storage/task_tables.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// How many connections a client may have before their numbers meet those of
/// the next: more than it ever has.
constexpr int connection_bits = 32;

} // namespace

// -- handlers -----------------------------------------------------------------

caf::result<proto::Reply> client_desk_state::on_request(proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kLeaseTasks:
      return lease_tasks(x);
    case proto::Request::kClientLease:
      return take_news(x);
    default:
      return refusal(ec::protocol_violation,
                     "the client desk does not know this request");
  }
}

void client_desk_state::on_idle(const client_idle& x) {
  auto i = clients.find(x.client);
  // One that has been passed to it since would be lost.
  if (i == clients.end() || i->second.requests != x.requests)
    return;
  auto handle = std::move(clients.extract(i).mapped().handle);
  self->unlink_from(handle.address());
  self->send_exit(handle, caf::exit_reason::user_shutdown);
}

void client_desk_state::on_exit(const caf::exit_msg& x) {
  auto is_it = [&](auto& y) { return y.second.handle.address() == x.source; };
  auto i = std::find_if(clients.begin(), clients.end(), is_it);
  if (i == clients.end())
    return self->quit(x.reason); // Takes all clients along.
  log::error("{} lost what stands for client {}: {}", options.group, i->first,
             self->system().render(x.reason));
  clients.erase(i);
}

// -- parts of the handlers ----------------------------------------------------

caf::result<proto::Reply> client_desk_state::lease_tasks(proto::Request& x) {
  auto& who = x.lease_tasks().client();
  if (is_recall(x.lease_tasks())) {
    if (clients.count(who) > 0)
      return pass(std::string{who}, x);
    proto::Reply nothing;
    nothing.mutable_lease_tasks();
    return nothing;
  }
  if (auto okay = check_lease_request(x.lease_tasks()); !okay)
    return refusal(okay.error());
  return pass(std::string{who}, x);
}

caf::result<proto::Reply> client_desk_state::take_news(proto::Request& x) {
  auto& news = x.client_lease();
  if (auto okay = check_lease_news(news); !okay)
    return refusal(okay.error());
  auto key = parse_lease_id(news.lease()).value();
  auto holder = find_holder(key);
  if (!holder)
    return refusal(holder.error());
  if (!holder.value().empty())
    return pass(holder.value(), x);
  auto said = news.has_finish() ? news.finish().outcome()
                                : proto::TASK_STATE_UNSPECIFIED;
  return answer_of_ended(*store, key, said, {});
}

caf::result<proto::Reply> client_desk_state::pass(const std::string& who,
                                                  proto::Request& x) {
  auto i = clients.find(who);
  if (i == clients.end()) {
    if (clients.size() >= options.max_clients)
      return refusal(ec::overloaded,
                     options.group + " serves "
                       + std::to_string(options.max_clients)
                       + " scheduling clients already; ask again later");
    i = clients.try_emplace(who).first;
    begin(who, i->second);
  }
  ++i->second.requests;
  return self->delegate(i->second.handle, std::move(x));
}

void client_desk_state::begin(const std::string& who, client& out) {
  scheduling_client_options own;
  own.group = options.group;
  own.client = who;
  own.connection = ++begun << connection_bits;
  own.lease = options.lease;
  out.handle = self->spawn<caf::linked>(
    scheduling_client, own,
    scheduling_client_contacts{tracker, scheduler,
                               caf::actor_cast<client_owner>(self)},
    store);
}

result<std::string>
client_desk_state::find_holder(const attempt_key& key) const {
  std::string holder;
  auto read = store->read([&](const table_view& view, uint64_t) {
    auto row = get_task(view, key.task);
    if (!row || row->state() != proto::LEASED || row->attempt() != key.attempt)
      return;
    auto node = get_node(view, row->node());
    if (auto who = node ? client_of(node->name()) : std::nullopt)
      holder = *who;
  });
  if (!read)
    return read.error();
  return holder;
}

// -- client_desk --------------------------------------------------------------

client_desk_impl::behavior_type
client_desk(client_desk_impl::stateful_pointer<client_desk_state> self,
            client_desk_options options, std::shared_ptr<const tables> store,
            local_task_tracker_actor tracker,
            local_job_scheduler_actor scheduler) {
  auto& state = self->state;
  state.options = std::move(options);
  state.store = std::move(store);
  state.tracker = std::move(tracker);
  state.scheduler = std::move(scheduler);
  self->set_exit_handler([self](caf::exit_msg& x) { self->state.on_exit(x); });
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](const client_idle& x) { self->state.on_idle(x); },
  };
}

} // namespace coppice
