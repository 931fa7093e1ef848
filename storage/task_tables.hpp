// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "proto/task.pb.h"
#include "proto/token.pb.h"
#include "runtime/task/task_id.hpp"
#include "storage/table_view.hpp"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The rows of a shard's tables, typed. Readers take a const view, from
// `tables::read`; only the state machine changes rows. A row that does not
// decode looks absent and becomes the failure of the view (`corrupt_store` with
// table and key), so that the call of `tables` returns it.

namespace coppice {

// -- time ---------------------------------------------------------------------

/// Returns the state time: the highest wall time of all entries so far, Unix
/// time in milliseconds.
int64_t state_time_ms(const table_view& view);

void put_state_time_ms(table_view& view, int64_t x);

// -- tasks --------------------------------------------------------------------

std::optional<proto::TaskRow> get_task(const table_view& view,
                                       const task_id& id);

void put_task(table_view& view, const task_id& id, const proto::TaskRow& x);

/// Returns the encoded `TaskSpec`, as it was submitted.
std::optional<std::string_view> get_spec(const table_view& view,
                                         const task_id& id);

void put_spec(table_view& view, const task_id& id, std::string_view encoded);

/// Returns the `TaskSpec`.
std::optional<proto::TaskSpec> get_parsed_spec(const table_view& view,
                                               const task_id& id);

/// Calls *fun* for the tasks behind *after*, in the order of their ids, until
/// it returns false. `task_id{}` is before all of them.
/// @param product Number of the product to stay in; 0 means all.
void for_each_task(
  const table_view& view, const task_id& after, uint32_t product,
  const std::function<bool(const task_id&, const proto::TaskRow&)>& fun);

/// Returns the number behind which the next attempt of a task is numbered.
inline uint32_t last_number(const proto::TaskRow& x) {
  return std::max(x.attempt(), x.numbered_after());
}

/// Returns how many attempts a task has had.
inline uint32_t attempt_count(const proto::TaskRow& x) {
  return last_number(x) - std::min(x.skipped(), last_number(x));
}

/// Erases every row of a task that has ended: its own, spec, attempts,
/// checkpoint, and the idempotency key that names it.
void erase_task(table_view& view, const task_id& id);

/// Says that there is no such task, to people: `not_found`.
error no_such_task(const task_id& id);

/// Takes the next sequence number of a product's binding.
uint64_t next_sequence(table_view& view, uint32_t product, uint32_t epoch);

/// Sees to it that no product gets a sequence number again that it may have got
/// after a backup: all go on behind *base*, or behind their own last number if
/// that is higher.
void raise_sequences(table_view& view, uint64_t base);

/// Returns which restore the state has come from: a number that was drawn for
/// it; 0 if there was none. Replicas of one group agree on it.
uint64_t lineage_of(const table_view& view);

void put_lineage(table_view& view, uint64_t x);

// -- attempts -----------------------------------------------------------------

std::optional<proto::Attempt> get_attempt(const table_view& view,
                                          const task_id& id, uint32_t number);

/// Returns the attempts of a task that have ended, the first one first.
std::vector<proto::Attempt> get_attempts(const table_view& view,
                                         const task_id& id);

void put_attempt(table_view& view, const task_id& id, const proto::Attempt& x);

void erase_attempts(table_view& view, const task_id& id);

// -- queue --------------------------------------------------------------------

/// Names a queue: the waiting tasks of a product that the same nodes can run.
struct queue_name {
  uint32_t product = 0;
  uint32_t task_class = 0;

  auto operator<=>(const queue_name&) const = default;
};

/// A task that waits for a node.
struct queued_task {
  task_id id;
  uint32_t task_class = 0;
  int32_t priority = 0;
  /// See `last_number`; a lease starts the next one.
  uint32_t attempt = 0;

  bool operator==(const queued_task&) const = default;
};

void put_queued(table_view& view, const queued_task& x);

void erase_queued(table_view& view, const queued_task& x);

/// Returns whether the task is in the queue that *x* names, at that priority.
bool is_queued(const table_view& view, const queued_task& x);

/// Returns the head of a queue: the highest priority, then the lowest id.
std::optional<queued_task> first_queued(const table_view& view,
                                        const queue_name& name);

/// Returns the task behind *x* in the same queue, whether or not *x* is still
/// in it.
std::optional<queued_task> next_queued(const table_view& view,
                                       const queued_task& x);

/// Returns up to *limit* tasks of a queue, from its head or from behind
/// *after*. One walk: much cheaper than `next_queued` for each.
std::vector<queued_task>
get_queued(const table_view& view, const queue_name& name, size_t limit,
           const std::optional<queued_task>& after = {});

/// Returns all queues with waiting tasks, ordered. One seek for each, however
/// long they are.
std::vector<queue_name> get_queues(const table_view& view);

// -- pauses -------------------------------------------------------------------

/// A task that is not queued before its time.
struct due_task {
  int64_t due_ms = 0;
  task_id id;

  bool operator==(const due_task&) const = default;
};

void put_due(table_view& view, const due_task& x);

void erase_due(table_view& view, const due_task& x);

/// Returns the pause that ends first.
std::optional<due_task> first_due(const table_view& view);

/// Returns up to *limit* tasks whose pause ends at *now_ms* or before, the
/// longest overdue one first.
std::vector<due_task> get_due(const table_view& view, int64_t now_ms,
                              size_t limit);

// -- leases -------------------------------------------------------------------

/// An attempt that is leased.
struct live_attempt {
  /// Number of the node that holds it.
  uint32_t node = 0;
  task_id id;
  uint32_t attempt = 0;

  bool operator==(const live_attempt&) const = default;
};

void put_live(table_view& view, const live_attempt& x);

void erase_live(table_view& view, const live_attempt& x);

/// Returns what a node holds, ordered by task.
std::vector<live_attempt> get_live(const table_view& view, uint32_t node);

/// Returns what all nodes hold, ordered by node and task.
std::vector<live_attempt> get_all_live(const table_view& view);

// -- products, classes, keys --------------------------------------------------

/// Returns the number of a product.
std::optional<uint32_t> find_product(const table_view& view,
                                     std::string_view name);

std::optional<proto::ProductRow> get_product(const table_view& view,
                                             uint32_t number);

/// Returns all products, ordered by number.
std::vector<proto::ProductRow> get_products(const table_view& view);

void put_product(table_view& view, const proto::ProductRow& x);

/// Takes the next number for a product; only in the cluster group.
uint32_t next_product_number(table_view& view);

std::optional<proto::ClassRow> get_class(const table_view& view,
                                         uint32_t number);

/// Returns the number of a class, which it gets if it has none. The order of
/// the labels, and labels that are there twice, make no difference.
uint32_t intern_class(table_view& view, proto::ClassRow x);

/// Returns the task that was submitted with an idempotency key.
std::optional<task_id> find_key(const table_view& view, uint32_t product,
                                std::string_view key);

void put_key(table_view& view, uint32_t product, std::string_view key,
             const task_id& id);

/// Erases the idempotency key of a spec, if it names the task *id*.
/// @param spec The encoded spec of the task.
void erase_key(table_view& view, const task_id& id, std::string_view spec);

// -- shards -------------------------------------------------------------------

/// Returns the shards that the cluster group knows, ordered by number.
std::vector<proto::ShardRow> get_shards(const table_view& view);

void put_shard(table_view& view, const proto::ShardRow& x);

// -- nodes and kinds ----------------------------------------------------------

/// What most rules need to know of a node, without its row.
struct node_registration {
  uint32_t number = 0;
  uint64_t incarnation = 0;
};

std::optional<node_registration> find_node(const table_view& view,
                                           std::string_view name);

std::optional<proto::NodeRow> get_node(const table_view& view, uint32_t number);

/// Returns all nodes that ever registered, ordered by number.
std::vector<proto::NodeRow> get_nodes(const table_view& view);

/// Writes a node; it gets a number if *x* has none.
/// @returns The number.
uint32_t put_node(table_view& view, proto::NodeRow x);

std::optional<proto::KindInfo> get_kind(const table_view& view,
                                        std::string_view name);

/// Returns all kinds that a node ever registered, ordered by name.
std::vector<proto::KindInfo> get_kinds(const table_view& view);

void put_kind(table_view& view, const proto::KindInfo& x);

/// Returns the managers that the log knows, ordered by name.
std::vector<proto::ManagerRow> get_managers(const table_view& view);

void put_manager(table_view& view, const proto::ManagerRow& x);

void erase_manager(table_view& view, std::string_view name);

// -- tokens -------------------------------------------------------------------

std::optional<proto::TokenRow> get_token(const table_view& view,
                                         std::string_view name);

/// Returns the tokens of the HTTP API, ordered by name; only in the cluster
/// group.
std::vector<proto::TokenRow> get_tokens(const table_view& view);

void put_token(table_view& view, const proto::TokenRow& x);

void erase_token(table_view& view, std::string_view name);

// -- checkpoints --------------------------------------------------------------

/// Names a checkpoint of a task: that of an attempt, with its number in it.
struct checkpoint_name {
  uint32_t attempt = 0;
  uint32_t version = 0;

  auto operator<=>(const checkpoint_name&) const = default;
};

/// Returns the current checkpoint.
std::optional<proto::CheckpointHead> get_checkpoint(const table_view& view,
                                                    const task_id& id);

void put_checkpoint(table_view& view, const task_id& id,
                    const proto::CheckpointHead& x);

void erase_checkpoint(table_view& view, const task_id& id);

/// Returns a chunk of a checkpoint, current or not.
std::optional<std::string_view>
get_chunk(const table_view& view, const task_id& id,
          const checkpoint_name& name, uint32_t chunk);

void put_chunk(table_view& view, const task_id& id, const checkpoint_name& name,
               uint32_t chunk, std::string_view data);

/// Erases the chunks of a task whose checkpoint *condemned* returns true for.
void erase_chunks(table_view& view, const task_id& id,
                  const std::function<bool(const checkpoint_name&)>& condemned);

} // namespace coppice
