// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/scheduling_client.hpp"

#include "actors/replies.hpp"
#include "runtime/duration.hpp"
#include "runtime/log.hpp"
#include "runtime/task/attempt_ref.hpp"
#include "runtime/task/kind_table.hpp"
#include "runtime/task/lease_rules.hpp"
#include "storage/task_query.hpp"
#include "storage/task_tables.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

using ms = std::chrono::milliseconds;

/// A client never starts again, as far as the rules for workers go.
constexpr uint64_t incarnation = 1;

/// How long who does not want to wait waits for a task that is there: the lease
/// has to be durable first.
constexpr auto commit_patience = 1'000ms;

/// No answer has more, unless one task alone is larger: it would hold up the
/// heartbeats of the connection.
constexpr size_t max_answer_bytes = size_t{4} << 20;

ms tick_interval(ms lease) {
  return std::clamp<ms>(lease / 10, 10ms, 1'000ms);
}

std::vector<std::string> sorted(const auto& xs) {
  std::set<std::string> ys(xs.begin(), xs.end());
  return {ys.begin(), ys.end()};
}

/// Returns what is known of a kind. A client knows nothing of it, and must not
/// overwrite what the nodes said that run it, too.
proto::KindInfo info_of(const table_view& view, const std::string& kind) {
  if (auto known = get_kind(view, kind))
    return *known;
  auto built_in = built_in_kinds();
  if (auto* known = built_in.find(kind))
    return *known;
  proto::KindInfo x;
  x.set_name(kind);
  return x;
}

/// Reads what a client has to know of an attempt that is leased to it.
std::optional<proto::TaskLease> read_lease(const table_view& view,
                                           const attempt_key& key) {
  auto spec = get_parsed_spec(view, key.task);
  if (!spec)
    return std::nullopt;
  proto::TaskLease x;
  x.set_id(to_lease_id(key));
  x.set_task(to_string(key.task));
  x.set_attempt(key.attempt);
  *x.mutable_spec() = std::move(*spec);
  auto head = get_checkpoint(view, key.task);
  if (!head)
    return x;
  checkpoint_name name{head->attempt(), head->version()};
  x.set_has_checkpoint(true);
  for (uint32_t i = 0; i < head->chunks(); ++i) {
    auto chunk = get_chunk(view, key.task, name, i);
    if (!chunk)
      return std::nullopt;
    x.mutable_checkpoint()->append(*chunk);
  }
  return x;
}

proto::Reply no_leases() {
  proto::Reply x;
  x.mutable_lease_tasks();
  return x;
}

} // namespace

// -- initialization -----------------------------------------------------------

void scheduling_client_state::init(scheduling_client_options xs,
                                   scheduling_client_contacts ys,
                                   std::shared_ptr<const tables> db) {
  options = std::move(xs);
  contacts = std::move(ys);
  store = std::move(db);
  connection = options.connection;
  book = client_leases{options.lease, tick_interval(options.lease)};
  asked_at = reported_at = self->clock().now();
  // Until it asks for tasks it takes what it took before.
  auto read = store->read([&](const table_view& view, uint64_t) {
    if (auto known = find_node(view, node()))
      if (auto row = get_node(view, known->number)) {
        kinds = sorted(row->kinds());
        labels = sorted(row->labels());
      }
  });
  if (!read)
    log::error("{} cannot read what client {} takes: {}", options.group,
               options.client, to_string(read.error()));
  self->delayed_send(self, tick_interval(options.lease), atom::tick::value);
  if (!kinds.empty())
    connect();
}

std::string scheduling_client_state::node() const {
  return client_node(options.client);
}

// -- handlers -----------------------------------------------------------------

caf::result<proto::Reply>
scheduling_client_state::on_request(proto::Request& x) {
  ++requests;
  asked_at = self->clock().now();
  auto promise = self->make_response_promise<proto::Reply>();
  if (x.has_lease_tasks())
    lease_tasks(x.lease_tasks(), promise);
  else if (x.has_client_lease())
    take_news(std::move(*x.mutable_client_lease()), promise);
  else
    promise.deliver(refusal(ec::protocol_violation,
                            "a client's leases do not know this request"));
  return promise;
}

void scheduling_client_state::on_assignments(const proto::Assignments& xs) {
  seen = std::max(seen, xs.number());
  if (state == phase::connected)
    return hand_out({xs.items().begin(), xs.items().end()});
  // Whether they are its own only the welcome says.
  early.insert(early.end(), xs.items().begin(), xs.items().end());
}

void scheduling_client_state::on_stop(const proto::StopAttempts& x) {
  for (auto& ref : x.refs()) {
    auto key = to_attempt_key(ref);
    auto* held = book.find(key);
    if (x.reason() != proto::LEASE_EXPIRED)
      book.stop(key, x.reason());
    else if (!held || !held->end) // An end is judged when it is acknowledged.
      book.refuse(key);
  }
}

void scheduling_client_state::on_wait_over(uint64_t number) {
  auto i = asks.find(number);
  if (i == asks.end())
    return;
  if (state != phase::connected
      && !std::exchange(i->second.registering, true)) {
    self->delayed_send(self, commit_patience, lease_wait_over{number});
    return;
  }
  if (state != phase::connected)
    i->second.reply
      = refusal(ec::overloaded, "client '" + options.client
                                  + "' is not registered yet; ask again");
  answer(i);
  send_pull(); // What crosses it is given back.
}

void scheduling_client_state::on_tick() {
  self->delayed_send(self, tick_interval(options.lease), atom::tick::value);
  auto now = self->clock().now();
  auto silent = book.expired(now);
  for (auto& key : silent)
    book.finish(key, end_of_silence(key, options.client));
  if (!silent.empty())
    log::warn("{} ends {} leases of client {}: it was silent for too long",
              options.group, silent.size(), options.client);
  if (state == phase::idle && (book.size() > 0 || !asks.empty()))
    connect();
  auto due = now - reported_at >= options.lease / 4;
  if (!silent.empty() || (due && !reporting))
    send_report();
  else if (due)
    send_keepalive();
  auto busy = book.size() > 0 || !asks.empty() || !unheard.empty()
              || !waiting.empty() || !reported.empty() || !uploads.empty();
  if (!busy && now - asked_at >= options.idle)
    self->send(contacts.owner, client_idle{options.client, requests});
}

void scheduling_client_state::on_exit() {
  auto gone = refusal(ec::not_leader, options.group
                                        + " is not led by this manager any "
                                          "more; ask again");
  for (auto& [number, x] : asks)
    for (auto& promise : x.promises)
      promise.deliver(gone);
  for (auto& x : unheard)
    x.promise.deliver(gone);
  for (auto* xs : {&waiting, &reported})
    for (auto& x : *xs)
      x.promise.deliver(gone);
  for (auto& [key, x] : uploads)
    x.promise.deliver(gone);
  asks.clear();
  unheard.clear();
  waiting.clear();
  reported.clear();
  uploads.clear();
}

// -- parts: connection --------------------------------------------------------

void scheduling_client_state::connect() {
  state = phase::greeting;
  ++connection;
  proto::Hello hello;
  hello.set_node(node());
  hello.set_incarnation(incarnation);
  hello.set_protocol(protocol_version);
  hello.set_connection(connection);
  hello.set_slots(max_client_leases);
  for (auto& label : labels)
    hello.add_labels(label);
  auto read = store->read([&](const table_view& view, uint64_t) {
    for (auto& kind : kinds)
      *hello.add_kinds() = info_of(view, kind);
    // Also what is on its way here.
    for (auto& lease : get_leases_of(view, node()))
      assign_ref(*hello.add_holds(), {lease.task, lease.attempt});
  });
  if (!read) {
    proto::Error why;
    set_error(why, read.error());
    return lose(why);
  }
  // No deadline: who answers is of the same leader and ends with it.
  self
    ->request(contacts.tracker, caf::infinite, hello,
              caf::actor_cast<worker_actor>(self))
    .then([this, hello](const proto::Welcome& x) { on_welcome(hello, x); },
          [this, hello](const caf::error& err) {
            if (hello.connection() == connection)
              lose(unknown_outcome(err));
          });
}

void scheduling_client_state::on_welcome(const proto::Hello& hello,
                                         const proto::Welcome& x) {
  // They are over, whatever has become of this connection.
  for (auto& ref : x.missing())
    book.refuse(to_attempt_key(ref));
  if (hello.connection() != connection)
    return;
  if (x.has_error())
    return lose(x.error());
  state = phase::connected;
  auto now = self->clock().now();
  std::set<attempt_key> current;
  for (auto& ref : hello.holds())
    current.insert(to_attempt_key(ref));
  for (auto& ref : x.obsolete())
    current.erase(to_attempt_key(ref));
  for (auto& key : current)
    if (!book.find(key))
      book.grant(key, wall_clock_ms(), now);
  // What the tables do not have is over, but for what was leased since.
  std::set<attempt_key> over;
  for (auto& [key, held] : book.all())
    if (current.count(key) == 0 && !held.end)
      over.insert(key);
  for (auto& key : over)
    book.erase(key);
  for (auto& ref : x.cancelled())
    book.stop(to_attempt_key(ref), proto::CANCEL_REQUESTED);
  hand_out(std::exchange(early, {}));
  for (auto& news : std::exchange(unheard, {}))
    take_news(std::move(news.what), news.promise);
  send_pull();
  send_report();
}

void scheduling_client_state::lose(const proto::Error& why) {
  state = phase::idle; // The next tick tries it again.
  log::warn("{} cannot speak for client {}: {}", options.group, options.client,
            why.message());
  proto::Reply refused;
  *refused.mutable_error() = why;
  for (auto i = asks.begin(); i != asks.end(); i = asks.begin()) {
    i->second.reply = refused;
    answer(i);
  }
  for (auto& x : std::exchange(unheard, {}))
    x.promise.deliver(refused);
  for (auto& x : std::exchange(waiting, {}))
    x.promise.deliver(refused);
}

void scheduling_client_state::send_pull() {
  if (state != phase::connected)
    return;
  uint32_t wanted = 0;
  for (auto& [number, x] : asks)
    wanted += x.limit;
  auto room = max_client_leases - std::min(max_client_leases, book.size());
  proto::Pull x;
  x.set_node(node());
  x.set_incarnation(incarnation);
  x.set_connection(connection);
  x.set_seen(seen);
  // All that there are: none is saved for a task that takes more of them.
  x.set_free(std::min(wanted, static_cast<uint32_t>(room)));
  x.set_idle(x.free());
  x.set_slots(std::max(x.free(), 1u));
  for (auto& kind : kinds)
    x.add_kinds(kind);
  for (auto& label : labels)
    x.add_labels(label);
  self->send(contacts.scheduler, std::move(x),
             caf::actor_cast<worker_actor>(self));
}

// -- parts: requests for tasks ------------------------------------------------

void scheduling_client_state::lease_tasks(const proto::LeaseTasksRequest& x,
                                          reply_promise promise) {
  if (auto keys = book.recall(x.request_id()))
    return repeat(*keys, promise);
  if (is_recall(x))
    return deliver(promise, no_leases());
  for (auto& [number, other] : asks)
    if (!x.request_id().empty() && other.request_id == x.request_id())
      return other.promises.push_back(promise);
  if (book.size() >= max_client_leases)
    return deliver(promise,
                   refusal(ec::overloaded,
                           "client '" + options.client + "' has 100 leases in "
                             + options.group + "; finish some first"));
  auto wait = lease_wait(x);
  if (wait < commit_patience && has_to_wait(x))
    wait = commit_patience;
  if (wait.count() == 0)
    return deliver(promise, no_leases());
  take_kinds(x);
  auto number = ++last_ask;
  auto& own = asks[number];
  own.request_id = x.request_id();
  own.limit = lease_limit(x);
  own.promises.push_back(promise);
  own.reply = no_leases();
  self->delayed_send(self, wait, lease_wait_over{number});
  if (state == phase::idle)
    connect();
  else
    send_pull();
}

void scheduling_client_state::repeat(const std::vector<attempt_key>& keys,
                                     reply_promise promise) {
  ask again;
  again.reply = no_leases();
  for (auto& key : keys) {
    book.heard(key, self->clock().now());
    if (!add_lease(again, key))
      log::warn("{} cannot tell client {} of lease {} again", options.group,
                options.client, to_lease_id(key));
  }
  promise.deliver(std::move(again.reply));
}

void scheduling_client_state::take_kinds(const proto::LeaseTasksRequest& x) {
  auto new_kinds = sorted(x.kinds());
  auto new_labels = sorted(x.labels());
  if (new_kinds == kinds && new_labels == labels)
    return;
  // What it waited for before it does not want any more.
  for (auto i = asks.begin(); i != asks.end(); i = asks.begin())
    answer(i);
  kinds = std::move(new_kinds);
  labels = std::move(new_labels);
  connect();
}

bool scheduling_client_state::has_to_wait(
  const proto::LeaseTasksRequest& x) const {
  std::set<uint32_t> classes;
  auto kinds_known = true;
  auto found = false;
  auto takes = [&](const std::string& kind) {
    return std::find(x.kinds().begin(), x.kinds().end(), kind)
           != x.kinds().end();
  };
  auto read = store->read([&](const table_view& view, uint64_t) {
    for (auto& queue : get_queues(view))
      if (!found && classes.insert(queue.task_class).second)
        if (auto row = get_class(view, queue.task_class))
          found = takes(row->kind());
    for (auto& kind : x.kinds())
      kinds_known = kinds_known && get_kind(view, kind);
  });
  // The failure shows where it matters.
  return !read || found || !kinds_known;
}

void scheduling_client_state::hand_out(
  const std::vector<proto::Assignment>& xs) {
  if (xs.empty())
    return;
  auto now = self->clock().now();
  for (auto& x : xs) {
    auto key = to_attempt_key(x.ref());
    proto::TaskSpec spec;
    // It may have crossed the news that the client takes others.
    auto is_wanted
      = spec.ParseFromString(x.spec())
        && std::binary_search(kinds.begin(), kinds.end(), spec.kind());
    auto fits = [&](auto& y) { return add_lease(y.second, key); };
    if (!book.grant(key, wall_clock_ms(), now))
      continue;
    if (!is_wanted || std::none_of(asks.begin(), asks.end(), fits))
      book.give_back(key, end_of_unwanted(key, options.client));
  }
  std::vector<uint64_t> served;
  for (auto& [number, x] : asks)
    if (!x.got.empty())
      served.push_back(number);
  for (auto number : served)
    answer(asks.find(number));
  send_pull();
  send_report(); // They have started, or were not wanted.
}

bool scheduling_client_state::add_lease(ask& to, const attempt_key& key) {
  if (to.got.size() >= to.limit && !to.promises.empty())
    return false;
  std::optional<proto::TaskLease> lease;
  auto read = store->read(
    [&](const table_view& view, uint64_t) { lease = read_lease(view, key); });
  auto* held = book.find(key);
  if (!read || !lease || !held)
    return false;
  auto bytes = lease->ByteSizeLong();
  if (!to.got.empty() && to.bytes + bytes > max_answer_bytes)
    return false;
  auto size = static_cast<int64_t>(lease->checkpoint().size());
  held->resumed_bytes = lease->has_checkpoint() ? size : -1;
  *lease->mutable_duration() = to_proto(options.lease);
  to.bytes += bytes;
  to.got.push_back(key);
  *to.reply.mutable_lease_tasks()->add_leases() = std::move(*lease);
  return true;
}

void scheduling_client_state::answer(std::map<uint64_t, ask>::iterator i) {
  auto x = std::move(asks.extract(i).mapped());
  if (!x.got.empty())
    book.remember(x.request_id, std::move(x.got), self->clock().now());
  for (auto& promise : x.promises)
    promise.deliver(x.reply);
}

// -- scheduling_client --------------------------------------------------------

scheduling_client_impl::behavior_type scheduling_client(
  scheduling_client_impl::stateful_pointer<scheduling_client_state> self,
  scheduling_client_options options, scheduling_client_contacts contacts,
  std::shared_ptr<const tables> store) {
  self->state.init(std::move(options), std::move(contacts), std::move(store));
  self->set_exit_handler([self](const caf::exit_msg& x) {
    self->state.on_exit();
    self->quit(x.reason);
  });
  return {
    [self](const proto::Assignments& xs) { self->state.on_assignments(xs); },
    [self](const proto::StopAttempts& x) { self->state.on_stop(x); },
    [](const proto::LogRequest& x) {
      proto::Reply reply; // What a client prints, it keeps.
      reply.mutable_log()->set_attempt(x.attempt());
      reply.mutable_log()->set_missing(true);
      return reply;
    },
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](lease_wait_over x) { self->state.on_wait_over(x.number); },
    [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace coppice
