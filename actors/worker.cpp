// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/worker.hpp"

#include "runtime/group_name.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace coppice {

namespace {

/// A manager that names more is mistaken.
constexpr uint32_t most_shards = 1'024;

/// An EXECUTOR keeps to its own limits; this is for one that cannot.
constexpr auto stop_reserve = std::chrono::seconds{5};

/// How often executors may fail.
constexpr supervision_limits borne{restart_strategy::one_for_one, 5,
                                   std::chrono::seconds{60}};

} // namespace

void worker_node_state::on_shards(uint32_t n) {
  while (!stopping && executors.size() < n && n <= most_shards) {
    auto shard = static_cast<uint32_t>(executors.size());
    executors.emplace_back();
    self->request(supervised, caf::infinite, make_executor(shard))
      .then(
        [this](const started_child& x) {
          if (x.handle || stopping)
            return;
          log::error("{}: {}", name, x.why->message);
          self->quit(caf::make_error(caf::sec::runtime_error, x.why->message));
        },
        [](const caf::error&) { /* It is gone: see on_down. */ });
  }
}

supervised_child worker_node_state::make_executor(uint32_t shard) {
  auto own = options;
  own.shard = shard;
  own.data_dir = options.data_dir / "work" / shard_group(shard);
  auto here = caf::actor_cast<worker_node_actor>(self);
  own.on_shards = [here](uint32_t x) { caf::anon_send(here, x); };
  own.on_slots
    = [here, shard] { caf::anon_send(here, atom::slots::value, shard); };
  auto lost_exclusive = std::make_shared<std::atomic<bool>>(false);
  own.on_lost_exclusive = [lost_exclusive] { *lost_exclusive = true; };
  supervised_child result;
  result.spec.name = "executor-" + std::to_string(shard);
  result.spec.shutdown = own.term_grace + own.stop_slack + stop_reserve;
  result.start
    = [=, sys = &self->system(), ms = managers,
       starts = uint64_t{0}]() mutable -> coppice::result<caf::actor> {
    if (*lost_exclusive)
      return error{ec::system_failure,
                   "exclusive attempts of the executor before it may still "
                   "run: only the end of the process ends them for certain"};
    std::error_code err;
    std::filesystem::create_directories(own.data_dir, err);
    if (err)
      log::error("{} cannot make {}: {}", name, own.data_dir.string(),
                 err.message());
    own.first_connection = (starts++ << 32) + 1;
    executor_actor hdl = sys->spawn(executor, own, ms);
    caf::anon_send(here, shard, hdl);
    return caf::actor_cast<caf::actor>(hdl);
  };
  return result;
}

void worker_node_state::on_executor(uint32_t shard, executor_actor x) {
  if (shard < executors.size())
    executors[shard] = std::move(x);
}

void worker_node_state::on_slots(uint32_t shard) {
  for (uint32_t i = 0; i < executors.size(); ++i)
    if (i != shard && executors[i])
      self->send(executors[i], atom::slots::value);
}

caf::result<proto::Reply>
worker_node_state::on_request(const proto::Request& x) {
  return self->delegate(caf::actor_cast<api_actor>(supervised), x);
}

void worker_node_state::on_exit(caf::exit_msg& x) {
  if (std::exchange(stopping, true))
    return;
  stop_reason = std::move(x.reason);
  // All at once, each may take its time; nothing is started again then.
  self->request(supervised, caf::infinite, stop_order{})
    .then([](bool) {}, [](const caf::error&) { /* See on_down. */ });
  for (auto& hdl : executors)
    if (hdl)
      self->send_exit(hdl, stop_reason);
  self->send_exit(supervised, stop_reason);
}

void worker_node_state::on_down(const caf::down_msg& x) {
  self->quit(stopping ? stop_reason : x.reason);
}

worker_node_actor::behavior_type
worker_node(worker_node_actor::stateful_pointer<worker_node_state> self,
            executor_options options, manager_contacts managers) {
  if (!options.pool)
    options.pool = std::make_shared<slot_pool>(options.slots);
  self->state.options = std::move(options);
  self->state.managers = std::move(managers);
  self->set_exit_handler([self](caf::exit_msg& x) { self->state.on_exit(x); });
  self->set_down_handler(
    [self](const caf::down_msg& x) { self->state.on_down(x); });
  supervisor_options limits;
  limits.name = self->state.name;
  limits.limits = borne;
  self->state.supervised = self->spawn(supervisor, std::move(limits),
                                       std::vector<supervised_child>{});
  self->monitor(self->state.supervised);
  self->state.on_shards(1);
  return {
    [self](uint32_t shards) { self->state.on_shards(shards); },
    [self](atom::slots, uint32_t shard) { self->state.on_slots(shard); },
    [self](uint32_t shard, executor_actor& x) {
      self->state.on_executor(shard, std::move(x));
    },
    [self](const proto::Request& x) { return self->state.on_request(x); },
  };
}

} // namespace coppice
