// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/worker.hpp"

#include "runtime/group_name.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <filesystem>
#include <system_error>
#include <utility>

namespace coppice {

namespace {

/// A manager that names more is mistaken.
constexpr uint32_t most_shards = 1'024;

} // namespace

void worker_node_state::on_shards(uint32_t n) {
  for (; !stopping && executors.size() < n && n <= most_shards; ++alive) {
    auto shard = static_cast<uint32_t>(executors.size());
    auto own = options;
    own.shard = shard;
    own.data_dir = options.data_dir / "work" / shard_group(shard);
    std::error_code err;
    std::filesystem::create_directories(own.data_dir, err);
    if (err)
      log::error("{} cannot make {}: {}", name, own.data_dir.string(),
                 err.message());
    auto here = caf::actor_cast<worker_node_actor>(self);
    own.on_shards = [here](uint32_t x) { caf::anon_send(here, x); };
    own.on_slots
      = [here, shard] { caf::anon_send(here, atom::slots::value, shard); };
    auto hdl = self->spawn(executor, std::move(own), managers);
    self->monitor(hdl);
    executors.push_back(hdl);
  }
}

void worker_node_state::on_slots(uint32_t shard) {
  for (uint32_t i = 0; i < executors.size(); ++i)
    if (i != shard)
      self->send(executors[i], atom::slots::value);
}

void worker_node_state::on_exit(caf::exit_msg& x) {
  if (std::exchange(stopping, true))
    return;
  stop_reason = std::move(x.reason);
  for (auto& hdl : executors)
    self->send_exit(hdl, stop_reason);
  if (alive == 0)
    self->quit(stop_reason);
}

void worker_node_state::on_down(const caf::down_msg& x) {
  --alive;
  if (!stopping) {
    log::error("{} lost an executor", name);
    self->quit(x.reason);
  } else if (alive == 0) {
    self->quit(stop_reason);
  }
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
  self->state.on_shards(1);
  return {
    [self](uint32_t shards) { self->state.on_shards(shards); },
    [self](atom::slots, uint32_t shard) { self->state.on_slots(shard); },
  };
}

} // namespace coppice
