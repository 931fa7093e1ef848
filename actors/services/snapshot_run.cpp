// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/snapshot_run.hpp"

#include "actors/replies.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace coppice {

namespace {

constexpr size_t chunk_bytes = size_t{256} << 10;

/// What a journal takes.
constexpr size_t most_bytes = size_t{256} << 20;

} // namespace

void snapshot_run_state::on_open() {
  auto loader = std::make_shared<journal_loader>(
    options.place, options.head, std::move(*options.fresh), false);
  loader->run([this](auto x, auto f) { ask(std::move(x), std::move(f)); },
              [this](auto x) { on_loaded(std::move(x)); });
}

void snapshot_run_state::on_loaded(result<journal_loader::loaded> x) {
  if (!x)
    return finish({}, x.error().message);
  through = x.value().through;
  if (through == options.head.snapshot())
    return finish(options.head, {});
  try {
    bytes = x.value().service->save();
  } catch (const std::exception& why) {
    return finish({}, "its state cannot be saved: " + std::string{why.what()});
  } catch (...) {
    return finish({}, "its state cannot be saved: it threw something that is no"
                      " std::exception");
  }
  if (bytes.size() > most_bytes)
    return finish({}, "its state has " + std::to_string(bytes.size())
                        + " bytes, more than 256 MiB");
  send_chunk();
}

void snapshot_run_state::send_chunk() {
  auto from = size_t{chunk} * chunk_bytes;
  proto::JournalCommand command;
  auto& x = *command.mutable_snapshot();
  x.set_through(through);
  x.set_chunk(chunk);
  x.set_data(bytes.substr(from, chunk_bytes));
  x.set_last(from + chunk_bytes >= bytes.size());
  x.set_size(bytes.size());
  ask(journal_request(options.place, command),
      [this](const proto::Reply& reply) { on_sent(reply); });
}

void snapshot_run_state::on_sent(const proto::Reply& x) {
  if (x.has_error())
    return finish({}, x.error().message());
  if (size_t{++chunk} * chunk_bytes >= std::max<size_t>(bytes.size(), 1))
    return finish(x.journal().head(), {});
  send_chunk();
}

void snapshot_run_state::ask(proto::Request x,
                             std::function<void(const proto::Reply&)> f) {
  // CLUSTER_LINK always answers.
  self->request(options.cluster, caf::infinite, std::move(x))
    .then([f](const proto::Reply& reply) { f(reply); },
          [f](const caf::error& why) {
            f(refusal(to_error(unknown_outcome(why))));
          });
}

void snapshot_run_state::finish(proto::JournalHead head, std::string problem) {
  self->send(options.observer, snapshot_made{std::move(head), problem});
  self->quit();
}

snapshot_run_actor::behavior_type
snapshot_run(snapshot_run_actor::stateful_pointer<snapshot_run_state> self,
             snapshot_run_options options) {
  self->state.options = std::move(options);
  self->send(self, caf::open_atom::value);
  return {[self](caf::open_atom) { self->state.on_open(); }};
}

} // namespace coppice
