// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/state_replicator.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"
#include "storage/state_machine/state_machine.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// Applied in one go: readers wait meanwhile.
constexpr size_t apply_bytes = size_t{1} << 20;

constexpr auto disk_check_interval = std::chrono::seconds{1};

/// Returns whether *x* adds to what is kept.
bool grows(const proto::Command& x) {
  return x.has_submit() || x.has_checkpoint() || x.journal().has_append()
         || x.journal().has_snapshot();
}

proto::Outcome refused(const error& why) {
  proto::Outcome x;
  set_error(*x.mutable_error(), why);
  return x;
}

void answer(std::vector<state_replicator_state::promise>& xs,
            const proto::Outcome& what) {
  for (auto& x : xs)
    x.deliver(what);
}

} // namespace

// -- initialization -----------------------------------------------------------

result<> state_replicator_state::init(state_replicator_options xs,
                                      std::shared_ptr<log_store> log,
                                      std::shared_ptr<tables> db) {
  options = std::move(xs);
  log_disk = std::move(log);
  store = std::move(db);
  trimmed = store->durable_index();
  auto started = replica::start(options.raft, *log_disk, store->position(),
                                self->clock().now());
  if (!started)
    return started.error();
  member.emplace(std::move(started.value()));
  cutter.emplace(options.max_part_bytes);
  joiner.emplace(options.max_message_bytes);
  self->delayed_send(self, options.tick, atom::tick::value);
  self->send(self, atom::flush::value);
  flush_scheduled = true;
  return ok();
}

// -- handlers -----------------------------------------------------------------

caf::result<proto::Outcome>
state_replicator_state::on_command(proto::Command& x) {
  auto size = x.ByteSizeLong();
  if (auto why = refuse(x, size))
    return refused(*why);
  waiting_bytes += size;
  waiting.push_back(
    {std::move(x), self->make_response_promise<proto::Outcome>()});
  schedule_flush();
  return waiting.back().answer;
}

void state_replicator_state::schedule_flush() {
  // Behind everything that waits in the mailbox: it all becomes one turn.
  if (!std::exchange(flush_scheduled, true))
    self->send(self, atom::flush::value);
}

std::optional<error> state_replicator_state::refuse(const proto::Command& x,
                                                    size_t size) const {
  if (size > options.raft.max_entry_bytes - 64)
    return error{ec::invalid_argument,
                 "this change has " + std::to_string(size)
                   + " bytes, more than fit into one entry of the log"};
  if (waiting_bytes + size > options.max_waiting_bytes)
    return error{ec::overloaded, "too much waits for the disk of this manager; "
                                 "try again a little later"};
  if (disk_full && grows(x))
    return error{ec::storage_failure,
                 "less than storage.reserve is free on the disk of "
                   + options.dir.string()
                   + ": free some space; nothing that is accepted is lost"};
  return std::nullopt;
}

caf::result<proto::Outcome> state_replicator_state::on_barrier() {
  waiting_barriers.push_back(self->make_response_promise<proto::Outcome>());
  schedule_flush();
  return waiting_barriers.back();
}

void state_replicator_state::on_peer(proto::PeerMessage& x) {
  if (x.has_tables_wanted())
    return on_tables_wanted(x);
  if (x.has_tables_part())
    return on_tables_part(x);
  auto ignore = [this](const error& why) {
    log::debug("{} ignores a message: {}", options.group, to_string(why));
  };
  auto whole = joiner->join(std::move(x));
  if (!whole)
    return ignore(whole.error());
  if (!whole.value())
    return;
  auto message = decode_peer_message(*whole.value());
  if (!message)
    return ignore(message.error());
  auto taken = member->receive(message.value(), self->clock().now());
  if (!taken && taken.error().code != ec::protocol_violation)
    return fail(taken.error());
  if (!taken)
    return ignore(taken.error());
  schedule_flush();
}

void state_replicator_state::on_link(peer_link_state& x) {
  if (x.replica)
    peers[x.member] = std::move(x.replica);
  else
    peers.erase(x.member);
}

void state_replicator_state::on_listener(lead_listener x) {
  listener = std::move(x);
  told.reset();
  roster_changed = true;
  tell_listener();
}

void state_replicator_state::on_facts(cluster_facts& x) {
  options.managers = std::move(x.managers);
}

void state_replicator_state::on_flush() {
  flush_scheduled = false;
  // While the disk refuses, new commands stay where their bytes are limited. A
  // member that is alone needs no disk to prove that it leads.
  if (!failing)
    propose_waiting();
  if (!failing || member->alone())
    propose_barriers();
  if (!failing)
    end_turn();
}

void state_replicator_state::on_tick() {
  self->delayed_send(self, options.tick, atom::tick::value);
  auto now = self->clock().now();
  watch_disk();
  store->flush_due(now);
  look_after_tables();
  if (auto done = trim_log(); !done)
    return fail(done.error());
  if (auto done = review_members(); !done)
    return fail(done.error());
  if (now >= member->next_timeout()) {
    if (auto done = member->tick(now); !done)
      return fail(done.error());
    stuck = true;
  }
  if (std::exchange(stuck, false) || !backlog.empty())
    end_turn();
  if (!failing && !(waiting.empty() && waiting_barriers.empty()))
    schedule_flush();
}

void state_replicator_state::on_exit() {
  // Only for a quick start: what is not flushed is in the log.
  if (auto done = store->flush_now(); !done)
    log::warn("{} could not flush its tables: {}", options.group,
              to_string(done.error()));
}

// -- a turn -------------------------------------------------------------------

void state_replicator_state::propose_waiting() {
  flight next;
  size_t size = 0;
  for (auto& x : std::exchange(waiting, {})) {
    auto bytes = x.command.ByteSizeLong();
    if (size > 0 && size + bytes > options.pack_bytes) {
      propose_entry(std::exchange(next, {}));
      size = 0;
    }
    size += bytes;
    next.entry.add_commands()->Swap(&x.command);
    next.answers.push_back(std::move(x.answer));
  }
  waiting_bytes = 0;
  if (next.entry.commands_size() > 0)
    propose_entry(std::move(next));
}

void state_replicator_state::propose_entry(flight x) {
  x.entry.set_wall_ms(wall_clock_ms());
  std::string data;
  x.entry.SerializeToString(&data);
  auto where = member->propose(std::move(data));
  if (!where) {
    for (auto& answer : x.answers)
      answer.deliver(refused(where.error()));
    return;
  }
  x.where = where.value();
  flights.push_back(std::move(x));
}

void state_replicator_state::propose_barriers() {
  if (waiting_barriers.empty())
    return;
  auto xs = std::exchange(waiting_barriers, {});
  if (!member->ready_to_lead())
    return answer(xs, refused({ec::not_leader, "this manager does not lead"}));
  if (member->alone())
    return answer(xs, {});
  // Any entry will do that was proposed after the question.
  auto last = log_position{member->last_index(), member->term()};
  if (!flights.empty() && flights.back().where.index > last.index) {
    last = flights.back().where;
  } else {
    auto proposed = member->propose_barrier();
    if (!proposed)
      return answer(xs, refused(proposed.error()));
    last = proposed.value();
  }
  barriers.push_back({last, std::move(xs)});
}

void state_replicator_state::send_out(peer_message&& x) {
  auto to = peers.find(x.to);
  if (to == peers.end())
    return; // As if it were lost.
  for (auto& part : cutter->cut(encode(x)))
    self->send(to->second, std::move(part));
}

void state_replicator_state::fail_flights() {
  for (auto& x : std::exchange(flights, {}))
    for (auto& y : x.answers)
      y.deliver(caf::make_error(caf::sec::runtime_error));
  for (auto& x : std::exchange(barriers, {}))
    answer(x.answers,
           refused({ec::not_leader, "this manager does not lead any more"}));
}

void state_replicator_state::end_turn() {
  auto send = [this](peer_message&& x) { send_out(std::move(x)); };
  auto ended = member->finish_turn(self->clock().now(), send);
  if (!ended) {
    if (ended.error().code != ec::storage_failure)
      return fail(ended.error());
    return struggle("log", ended.error());
  }
  if (auto& offer = ended.value().missing_snapshot)
    on_behind(*offer);
  if (ended.value().leadership_lost) {
    log::warn("{} lost the lead; the term is {} now", options.group,
              ended.value().term);
    fail_flights();
  }
  if (auto done = apply_committed(); !done) {
    if (done.error().code != ec::storage_failure)
      return fail(done.error());
    return struggle("tables", done.error());
  }
  if (std::exchange(failing, false))
    log::info("{} can write again", options.group);
  tell_listener();
}

void state_replicator_state::struggle(const char* what, const error& why) {
  stuck = true;
  if (!std::exchange(failing, true))
    log::error("{} cannot write its {} and tries again; nothing is answered "
               "meanwhile: {}",
               options.group, what, to_string(why));
}

result<> state_replicator_state::apply_committed() {
  for (;;) {
    if (backlog.empty()) {
      auto next = member->next_committed(apply_bytes);
      if (!next)
        return next.error();
      backlog = std::move(next.value());
      if (backlog.empty())
        return ok();
    }
    if (auto done = apply(backlog); !done)
      return done.error();
    member->applied(backlog.back().index);
    backlog.clear();
  }
}

result<> state_replicator_state::apply(const std::vector<committed_entry>& xs) {
  std::vector<std::pair<promise, proto::Outcome>> out;
  auto done = store->apply(
    [&](table_view& view) {
      for (auto& x : xs) {
        if (x.entry.type == entry_type::command)
          apply_entry(view, x, out);
        else if (x.entry.type == entry_type::configuration)
          roster_changed = true;
      }
    },
    member->position_at(xs.back().index));
  if (!done)
    return done.error();
  for (auto& [answer, outcome] : out)
    answer.deliver(std::move(outcome));
  answer_barriers(xs.back().index);
  return ok();
}

void state_replicator_state::apply_entry(
  table_view& view, const committed_entry& x,
  std::vector<std::pair<promise, proto::Outcome>>& out) {
  while (!flights.empty() && flights.front().where.index < x.index)
    flights.pop_front();
  auto ours = !flights.empty() && flights.front().where.index == x.index
              && flights.front().where.term == x.entry.term;
  if (!ours) {
    proto::Entry entry;
    if (!entry.ParseFromString(*x.entry.data))
      return view.fail({ec::corrupt_store, "entry " + std::to_string(x.index)
                                             + " of the log does not decode"});
    state_machine::apply(view, x.index, entry);
    note_roster(entry);
    return;
  }
  auto& own = flights.front();
  auto outcomes = state_machine::apply(view, x.index, own.entry);
  note_roster(own.entry);
  for (size_t i = 0; i < outcomes.size() && i < own.answers.size(); ++i)
    out.emplace_back(std::move(own.answers[i]), std::move(outcomes[i]));
  flights.pop_front();
}

void state_replicator_state::fail(const error& why) {
  log::error("{} gives up: {}", options.group, to_string(why));
  self->quit(caf::make_error(caf::sec::runtime_error));
}

void state_replicator_state::answer_barriers(uint64_t applied) {
  while (!barriers.empty() && barriers.front().where.index <= applied) {
    answer(barriers.front().answers, {});
    barriers.pop_front();
  }
}

void state_replicator_state::tell_listener() {
  auto now = lead_change{member->term(), member->leader(),
                         member->ready_to_lead(), member->alone()};
  if (!listener)
    return;
  if (std::exchange(roster_changed, false))
    tell_roster();
  if (told == now)
    return;
  told = now;
  self->send(listener, now);
}

void state_replicator_state::watch_disk() {
  auto now = self->clock().now();
  if (now < disk_checked + disk_check_interval)
    return;
  disk_checked = now;
  std::error_code err;
  auto space = std::filesystem::space(options.dir, err);
  if (err)
    return; // The disk says so itself when it is written to.
  auto full = space.available < options.reserve_bytes;
  if (full != disk_full)
    log::warn("{} {}", options.group,
              full ? "accepts no new work: less than storage.reserve is free"
                   : "accepts new work again: there is free space");
  disk_full = full;
}

// -- state_replicator ---------------------------------------------------------

state_replicator_impl::behavior_type state_replicator(
  state_replicator_impl::stateful_pointer<state_replicator_state> self,
  state_replicator_options options, std::shared_ptr<log_store> log,
  std::shared_ptr<tables> store) {
  auto started
    = self->state.init(std::move(options), std::move(log), std::move(store));
  if (!started) {
    log::error("{} cannot start: {}", self->state.name,
               to_string(started.error()));
    self->quit(caf::make_error(caf::sec::runtime_error));
    return state_replicator_impl::behavior_type::make_empty_behavior();
  }
  self->set_exit_handler([self](caf::exit_msg& x) {
    self->state.on_exit();
    self->quit(std::move(x.reason));
  });
  return {
    [self](proto::Command& x) { return self->state.on_command(x); },
    [self](atom::barrier) { return self->state.on_barrier(); },
    [self](const proto::Request& x) { return self->state.on_request(x); },
    [self](proto::PeerMessage& x) { self->state.on_peer(x); },
    [self](peer_link_state& x) { self->state.on_link(x); },
    [self](lead_listener& x) { self->state.on_listener(std::move(x)); },
    [self](cluster_facts& x) { self->state.on_facts(x); },
    [self](atom::transfer, uint64_t to) { self->state.on_transfer(to); },
    [self](const copied_tables& x) { self->state.on_copied(x); },
    [self](atom::flush) { self->state.on_flush(); },
    [self](atom::tick) { self->state.on_tick(); },
  };
}

} // namespace coppice
