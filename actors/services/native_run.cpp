// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/native_run.hpp"

#include "actors/replies.hpp"
#include "runtime/duration.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

namespace coppice {

namespace {

using ms = std::chrono::milliseconds;

/// More calls wait for their turn than this, and further ones are refused.
constexpr size_t most_waiting_calls = 20'000;
constexpr size_t most_waiting_bytes = size_t{64} << 20;

/// What waits in the mailbox of a service, or to become durable.
struct call_load {
  std::atomic<size_t> calls = 0;
  std::atomic<size_t> bytes = 0;
};

native_limits limits_of(const proto::ServiceSpec& x) {
  native_limits result;
  result.reply_when_durable = x.durability() != proto::DURABLE_INTERVAL;
  if (x.capture_interval_ms() > 0)
    result.capture_interval = ms{x.capture_interval_ms()};
  if (x.dedupe_window_ms() > 0)
    result.dedupe_window = ms{x.dedupe_window_ms()};
  return result;
}

bool is_hopeless(ec code) {
  return code == ec::fenced || code == ec::corrupt_store
         || code == ec::invalid_argument;
}

} // namespace

native_run_state::~native_run_state() {
  // However it ends: nobody may wait for ever.
  if (options.here.services)
    options.here.services->erase(options.start.who, options.start.epoch);
  for (auto& [ticket, answer] : tickets)
    answer({std::nullopt, service_refusal::unknown});
}

// -- initialization -----------------------------------------------------------

void native_run_state::init(native_run_options xs) {
  options = std::move(xs);
  place = {options.start.shard, options.start.number, options.start.epoch};
  began = clock::now();
  pause = options.first_pause;
  snapshot_pause = options.first_snapshot_pause;
  on_open();
}

// -- handlers: the journal ----------------------------------------------------

void native_run_state::on_open() {
  if (over || leaving)
    return;
  proto::JournalCommand command;
  command.set_take(true);
  ask(journal_request(place, command),
      [this](const proto::Reply& x) { on_taken(x); });
}

void native_run_state::on_taken(const proto::Reply& x) {
  if (over || leaving)
    return;
  if (x.has_error())
    return on_trouble(to_error(x.error()));
  head = x.journal().head();
  auto fresh = make_service();
  if (!fresh)
    return on_trouble(fresh.error());
  auto loader = std::make_shared<journal_loader>(
    place, head, std::move(fresh.value()), true);
  loader->run([this](auto y, auto f) { ask(std::move(y), std::move(f)); },
              [this](auto y) { on_loaded(std::move(y)); });
}

void native_run_state::on_loaded(result<journal_loader::loaded> x) {
  if (over || leaving)
    return;
  if (!x)
    return on_trouble(x.error());
  core.emplace(std::move(x.value().service), x.value().through,
               limits_of(options.start.spec), clock::now());
  core->remember(x.value().ids);
  local_service place_here;
  place_here.epoch = options.start.epoch;
  place_here.handle = make_handler();
  place_here.lease = options.start.lease;
  options.here.services->put(options.start.who, std::move(place_here));
  log::info("service {} runs here in epoch {}, after item {} of its journal, "
            "{} after its start",
            options.start.who.service, options.start.epoch, core->durable(),
            format_duration(std::chrono::ceil<ms>(clock::now() - began)));
  say(proto::SERVICE_READY);
  consider_snapshot();
}

service_handler native_run_state::make_handler() {
  return [me = caf::actor_cast<caf::actor_addr>(self),
          load = std::make_shared<call_load>()](proto::ServiceCall call,
                                                service_answer_handler answer) {
    auto to = caf::actor_cast<native_run_actor>(me);
    if (!to)
      return answer({std::nullopt, service_refusal::not_here});
    if (load->calls >= most_waiting_calls || load->bytes >= most_waiting_bytes)
      return answer({std::nullopt, service_refusal::not_ready});
    auto bytes = call.body().size();
    ++load->calls;
    load->bytes += bytes;
    auto counted = [load, bytes, answer = std::move(answer)](service_result x) {
      --load->calls;
      load->bytes -= bytes;
      answer(std::move(x));
    };
    caf::anon_send(to, native_call{std::move(call), std::move(counted)});
  };
}

result<std::unique_ptr<native_service>> native_run_state::make_service() const {
  std::string why = "it threw something that is no std::exception";
  try {
    return options.make();
  } catch (const std::exception& x) {
    why = x.what();
  } catch (...) {
    // Said above.
  }
  return error{ec::corrupt_store,
               "an object of its class cannot be made: " + why};
}

void native_run_state::on_trouble(const error& why) {
  if (is_hopeless(why.code))
    return finish(why.code == ec::fenced ? proto::SERVICE_STOPPED
                                         : proto::SERVICE_FAILED,
                  why.message);
  log::info("service {} cannot start yet, and tries again in {}: {}",
            options.start.who.service, format_duration(pause), why.message);
  say(proto::SERVICE_STARTING, why.message);
  self->delayed_send(self, pause, caf::open_atom::value);
  pause = std::min(pause * 2, options.last_pause);
}

// -- handlers: requests -------------------------------------------------------

void native_run_state::on_call(native_call& x) {
  auto& lease = options.start.lease;
  // It may have waited for its turn while the node was frozen.
  if (over || leaving || !core || (lease && lease->is_over()))
    return x.answer({std::nullopt, service_refusal::not_ready});
  tickets.emplace(++last_ticket, std::move(x.answer));
  core->handle(last_ticket, x.call, clock::now());
  pump();
}

void native_run_state::on_leave() {
  if (std::exchange(leaving, true) || over)
    return;
  options.here.services->erase(options.start.who, options.start.epoch);
  if (!core)
    return finish(proto::SERVICE_STOPPED, {});
  say(proto::SERVICE_LEAVING);
  pump();
}

void native_run_state::on_owner(clock::time_point since) {
  if (core)
    core->confirmed(since);
}

void native_run_state::on_tick() {
  ticking = false;
  pump();
}

void native_run_state::pump() {
  if (over || !core)
    return;
  auto now = clock::now();
  if (auto x = core->next_append(now, leaving))
    append(std::move(*x));
  for (auto sequence : core->take_lookups())
    look_up(sequence);
  answer_all();
  if (core->failure())
    return finish(proto::SERVICE_FAILED, core->failure()->message);
  // A snapshot that is under way is not waited for: it is refused as soon as
  // there is another owner.
  if (leaving && core->is_idle())
    return finish(proto::SERVICE_STOPPED, {});
  auto limits = limits_of(options.start.spec);
  if (limits.reply_when_durable || core->is_idle() || ticking)
    return;
  ticking = true;
  self->delayed_send(self, limits.capture_interval, caf::tick_atom::value);
}

void native_run_state::append(proto::JournalAppend x) {
  proto::JournalCommand command;
  *command.mutable_append() = std::move(x);
  ask(journal_request(place, command),
      [this](const proto::Reply& reply) { on_appended(reply); });
}

void native_run_state::on_appended(const proto::Reply& x) {
  if (over)
    return;
  if (!x.has_error()) {
    pause = options.first_pause;
    head = x.journal().head();
    core->appended();
    consider_snapshot();
    return pump();
  }
  auto why = to_error(x.error());
  // A conflict: somebody has written in this epoch who was not this object.
  if (is_hopeless(why.code) || why.code == ec::conflict)
    return finish(proto::SERVICE_STOPPED, why.message);
  core->append_lost();
  self->delayed_send(self, pause, caf::tick_atom::value);
  pause = std::min(pause * 2, options.last_pause);
}

void native_run_state::look_up(uint64_t sequence) {
  proto::Request request;
  auto& journal = *request.mutable_journal();
  journal.set_shard(place.shard);
  auto& read = *journal.mutable_read();
  read.set_service(place.service);
  read.set_epoch(place.epoch);
  read.set_what(proto::ReadJournal::REPLY);
  read.set_after(sequence);
  ask(std::move(request), [this, sequence](const proto::Reply& x) {
    if (!over)
      on_looked_up(sequence, x);
  });
}

void native_run_state::on_looked_up(uint64_t sequence, const proto::Reply& x) {
  if (x.has_error()) {
    auto why = to_error(x.error());
    // The reply is there, and the other owner has it.
    if (why.code == ec::fenced)
      return finish(proto::SERVICE_STOPPED, why.message);
    core->lookup_failed(sequence);
    return pump();
  }
  std::optional<proto::ServiceAnswer> found;
  if (x.journal().items_size() == 1) {
    found.emplace();
    if (!found->ParseFromString(x.journal().items(0).reply()))
      found.reset();
  }
  core->found_reply(sequence, std::move(found));
  pump();
}

void native_run_state::answer_all() {
  for (auto& x : core->take_answers()) {
    auto ticket = tickets.extract(x.ticket);
    if (!ticket.empty())
      ticket.mapped()(std::move(x.what));
  }
}

// -- snapshots ----------------------------------------------------------------

void native_run_state::consider_snapshot() {
  auto due = std::max(options.snapshot_bytes, head.snapshot_bytes());
  if (snapshot_under_way || leaving || head.event_bytes() <= due
      || clock::now() < snapshot_not_before)
    return;
  snapshot_under_way = true;
  auto fresh = make_service();
  if (!fresh)
    return on_snapshot({{}, fresh.error().message});
  snapshot_run_options x;
  x.place = place;
  x.head = head;
  x.fresh = std::make_shared<std::unique_ptr<native_service>>(
    std::move(fresh.value()));
  x.cluster = options.here.cluster;
  x.observer = caf::actor_cast<snapshot_observer>(self);
  if (options.threads)
    self->spawn<caf::detached + caf::linked>(snapshot_run, std::move(x));
  else
    self->spawn<caf::linked>(snapshot_run, std::move(x));
}

void native_run_state::on_snapshot(const snapshot_made& x) {
  snapshot_under_way = false;
  if (x.problem.empty()) {
    snapshot_pause = options.first_snapshot_pause;
    head = x.head;
    return;
  }
  // Each try reads the whole journal.
  log::warn("the state of service {} is not saved, that is tried again: {}",
            options.start.who.service, x.problem);
  snapshot_not_before = clock::now() + snapshot_pause;
  snapshot_pause = std::min(snapshot_pause * 2, options.last_snapshot_pause);
}

// -- parts --------------------------------------------------------------------

void native_run_state::ask(proto::Request x,
                           std::function<void(const proto::Reply&)> f) {
  // CLUSTER_LINK always answers.
  self->request(options.here.cluster, caf::infinite, std::move(x))
    .then([f](const proto::Reply& reply) { f(reply); },
          [f](const caf::error& why) {
            f(refusal(to_error(unknown_outcome(why))));
          });
}

void native_run_state::say(proto::ServiceStatus status, std::string why) {
  self->send(options.here.observer,
             instance_news{options.start.who, options.start.epoch, status,
                           std::move(why)});
}

void native_run_state::finish(proto::ServiceStatus status, std::string why) {
  if (std::exchange(over, true))
    return;
  options.here.services->erase(options.start.who, options.start.epoch);
  if (core) {
    core->end();
    answer_all();
  }
  say(status, std::move(why));
  self->quit();
}

// -- native_run ---------------------------------------------------------------

native_run_actor::behavior_type
native_run(native_run_actor::stateful_pointer<native_run_state> self,
           native_run_options options) {
  self->state.init(std::move(options));
  return {
    [self](leave_service) { self->state.on_leave(); },
    [self](const end_service& x) {
      self->state.finish(proto::SERVICE_STOPPED, x.why);
    },
    [self](still_owner x) { self->state.on_owner(x.since); },
    [self](native_call& x) { self->state.on_call(x); },
    [self](const snapshot_made& x) { self->state.on_snapshot(x); },
    [self](caf::tick_atom) { self->state.on_tick(); },
    [self](caf::open_atom) { self->state.on_open(); },
  };
}

} // namespace coppice
