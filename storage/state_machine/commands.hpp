// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "runtime/error.hpp"
#include "runtime/health/node_entry.hpp"
#include "runtime/task/task_id.hpp"
#include "runtime/task/task_state.hpp"
#include "storage/state_machine/state_machine.hpp"
#include "storage/task_tables.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// What the commands of the state machine share. For them only.

namespace coppice::state_machine {

/// What a command is applied to.
struct context {
  table_view& view;

  /// The state time of the entry.
  int64_t now_ms;
};

// -- the commands -------------------------------------------------------------

void apply_submit(context ctx, const proto::SubmitCommand& command,
                  proto::SubmitOutcome& outcome);

void apply_lease(context ctx, const proto::LeaseCommand& command,
                 proto::LeaseOutcome& outcome);

void apply_finish(context ctx, const proto::FinishCommand& command,
                  proto::FinishOutcome& outcome);

void apply_cancel(context ctx, const proto::CancelCommand& command,
                  proto::CancelOutcome& outcome);

void apply_retry(context ctx, const proto::RetryCommand& command,
                 proto::RetryOutcome& outcome);

void apply_wake(context ctx, const proto::WakeCommand& command,
                proto::WakeOutcome& outcome);

void apply_checkpoint(context ctx, const proto::CheckpointCommand& command,
                      proto::CheckpointOutcome& outcome);

void apply_register(context ctx, const proto::RegisterCommand& command,
                    proto::RegisterOutcome& outcome);

void apply_forget(context ctx, const proto::ForgetCommand& command,
                  proto::ForgetOutcome& outcome);

// Of the cluster group only: cluster.cpp and nodes.cpp.

void apply_manager(context ctx, const proto::ManagerRow& command,
                   proto::ManagerOutcome& outcome);

void apply_shard(context ctx, const proto::ShardRow& command,
                 proto::ShardOutcome& outcome);

void apply_product(context ctx, const proto::ProductCommand& command,
                   proto::ProductOutcome& outcome);

void apply_node(context ctx, const proto::NodeCommand& command,
                proto::NodeOutcome& outcome);

void apply_note(context ctx, const proto::NoteCommand& command,
                proto::NoteOutcome& outcome);

void apply_token(context ctx, const proto::TokenCommand& command,
                 proto::TokenOutcome& outcome);

void apply_service(context ctx, const proto::ServiceCommand& command,
                   proto::ServiceOutcome& outcome);

void apply_regeneration(context ctx, const proto::RegenerationCommand& command,
                        proto::RegenerationOutcome& outcome);

// Of a shard: journals.cpp.

void apply_journal(context ctx, const proto::JournalCommand& command,
                   proto::JournalOutcome& outcome);

// -- what they share ----------------------------------------------------------

/// Writes the next version of a node's row, and an event, if there is one,
/// behind all others.
/// @returns the row as it is now.
node_entry write_node(context ctx, node_entry row,
                      std::optional<proto::Event> event);

/// Writes the row of a service as the newest one.
/// @param head As it was before.
/// @returns the row as it is now.
proto::ServiceRow write_service(context ctx, proto::ServicesHead head,
                                proto::ServiceRow row);

/// Keeps the event behind all others, and forgets the oldest one.
void write_event(context ctx, proto::Event event);

/// Remembers the node that was asked for last: the items of a batch mostly name
/// the same one. Only within a command that changes no node.
class node_memo {
public:
  explicit node_memo(const table_view& view) : view_(view) {
    // nop
  }

  /// Returns the number of the node, 0 if it is not registered with exactly
  /// that incarnation.
  uint32_t find(std::string_view name, uint64_t incarnation);

private:
  const table_view& view_;

  std::string name_;

  std::optional<node_registration> found_;
};

/// Leases a waiting task that is in no table of waiting ones any more, and
/// writes its row.
void start_attempt(context ctx, const task_id& id, proto::TaskRow& row,
                   uint32_t node, uint64_t incarnation);

/// Ends the current attempt of a leased task as *item* says, decides what
/// follows, and writes all rows.
/// @param node_name Name of the node that held the lease.
void end_attempt(context ctx, const task_id& id, proto::TaskRow& row,
                 const proto::FinishCommand::Item& item,
                 std::string_view node_name, proto::FinishOutcome::Item& out);

/// Returns the place of a task in the queue.
queued_task to_queued(const task_id& id, const proto::TaskRow& row);

/// Counts a refused report on the row of its node.
void count_fenced(context ctx, std::string_view node_name);

task_id to_id(const proto::TaskRef& x);

void set_id(proto::TaskRef& to, const task_id& x);

void set_error(proto::Error& to, ec code, std::string message);

/// Returns progress without the parts that exceed what a row may hold.
proto::Progress bounded(const proto::Progress& x);

} // namespace coppice::state_machine
