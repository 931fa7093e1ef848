// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/state_keeper.hpp"

#include "actors/replies.hpp"
#include "actors/services/local_http.hpp"

#include <caf/actor_cast.hpp>

#include <stdexcept>
#include <utility>

namespace coppice {

namespace {

/// What a journal keeps of a process: bytes that only the process understands.
class process_state : public native_service {
public:
  service_effect handle(const service_request&) const override {
    throw std::logic_error{"the state of a process handles nothing"};
  }

  void apply(std::string_view) override {
    throw std::logic_error{"the state of a process has no events"};
  }

  std::string save() const override {
    return bytes;
  }

  result<> load(std::string_view state) override {
    bytes = state;
    return ok();
  }

  std::string bytes;
};

/// A state that is to replace the one in the journal.
class new_process_state : public process_state {
public:
  explicit new_process_state(std::string x) {
    bytes = std::move(x);
  }

  result<> load(std::string_view) override {
    return ok();
  }
};

} // namespace

// -- restoring ----------------------------------------------------------------

caf::result<std::string> state_keeper_state::restore(uint16_t to) {
  if (waiting)
    return std::string{"its state is being saved or restored already"};
  port = to;
  waiting = self->make_response_promise<std::string>();
  proto::JournalCommand take;
  take.set_take(true);
  ask(journal_request(options.place, take),
      [this](const proto::Reply& x) { on_taken(x); });
  return *waiting;
}

void state_keeper_state::on_taken(const proto::Reply& x) {
  if (x.has_error())
    return finish(x.error().message());
  head = x.journal().head();
  if (head.snapshot() == 0)
    return finish({}); // It begins without a state.
  auto loader = std::make_shared<journal_loader>(
    options.place, head, std::make_unique<process_state>(), false);
  loader->run([this](auto y, auto f) { ask(std::move(y), std::move(f)); },
              [this](auto y) { on_loaded(std::move(y)); });
}

void state_keeper_state::on_loaded(result<journal_loader::loaded> x) {
  if (!x)
    return finish(x.error().message);
  saved = x.value().service->save();
  auto put = ask_local({port, "PUT", options.path, saved, options.patience});
  finish(put ? "" : put.error().message);
}

// -- capturing ----------------------------------------------------------------

caf::result<std::string> state_keeper_state::capture(uint16_t from) {
  if (waiting)
    return std::string{"its state is being saved or restored already"};
  waiting = self->make_response_promise<std::string>();
  auto answer = *waiting;
  auto got = ask_local({from, "GET", options.path, {}, options.patience});
  if (!got) {
    finish(got.error().message);
    return answer;
  }
  bytes = std::move(got.value());
  if (head.snapshot() != 0 && bytes == saved) {
    finish({});
    return answer;
  }
  proto::JournalCommand command;
  auto& item = *command.mutable_append()->add_items();
  item.set_sequence(head.last() + 1);
  item.set_id("state-" + std::to_string(options.place.epoch) + '-'
              + std::to_string(item.sequence()));
  ask(journal_request(options.place, command),
      [this](const proto::Reply& x) { on_appended(x); });
  return answer;
}

void state_keeper_state::on_appended(const proto::Reply& x) {
  if (x.has_error())
    return finish(x.error().message());
  head = x.journal().head();
  snapshot_run_options how;
  how.place = options.place;
  how.head = head;
  how.fresh = std::make_shared<std::unique_ptr<native_service>>(
    std::make_unique<new_process_state>(bytes));
  how.cluster = options.cluster;
  how.observer = caf::actor_cast<snapshot_observer>(self);
  self->spawn<caf::linked>(snapshot_run, std::move(how));
}

void state_keeper_state::on_snapshot(const snapshot_made& x) {
  if (!x.problem.empty())
    return finish(x.problem);
  head = x.head;
  saved = std::move(bytes);
  finish({});
}

// -- parts --------------------------------------------------------------------

void state_keeper_state::ask(proto::Request x,
                             std::function<void(const proto::Reply&)> f) {
  // CLUSTER_LINK always answers.
  self->request(options.cluster, caf::infinite, std::move(x))
    .then([f](const proto::Reply& reply) { f(reply); },
          [f](const caf::error& why) {
            f(refusal(to_error(unknown_outcome(why))));
          });
}

void state_keeper_state::finish(std::string problem) {
  if (auto who = std::exchange(waiting, std::nullopt))
    who->deliver(std::move(problem));
}

// -- state_keeper -------------------------------------------------------------

state_keeper_impl::behavior_type
state_keeper(state_keeper_impl::stateful_pointer<state_keeper_state> self,
             state_keeper_options options) {
  self->state.options = std::move(options);
  return {
    [self](caf::put_atom, uint16_t port) { return self->state.restore(port); },
    [self](caf::get_atom, uint16_t port) { return self->state.capture(port); },
    [self](const snapshot_made& x) { self->state.on_snapshot(x); },
  };
}

} // namespace coppice
