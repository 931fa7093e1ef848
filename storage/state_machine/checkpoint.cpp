// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/commands.hpp"

#include <algorithm>

namespace coppice::state_machine {

namespace {

checkpoint_name name_of(const proto::CheckpointHead& x) {
  return {x.attempt(), x.version()};
}

std::string to_text(const checkpoint_name& x, const task_id& id) {
  return "checkpoint " + std::to_string(x.version) + " of attempt "
         + std::to_string(x.attempt) + " of task " + to_string(id);
}

/// Refuses what an attempt sends that is not the current one, and counts it on
/// its node, if that attempt is known.
void fence(context ctx, const task_id& id, uint32_t attempt,
           proto::Error& error) {
  set_error(error, ec::fenced,
            "attempt " + std::to_string(attempt) + " of task " + to_string(id)
              + " is not the current one");
  if (auto ended = get_attempt(ctx.view, id, attempt))
    count_fenced(ctx, ended->node());
}

/// Returns the size of chunks 0 to *last*, or nothing if one is missing.
std::optional<uint64_t> staged_size(context ctx, const task_id& id,
                                    const checkpoint_name& name, uint32_t last,
                                    proto::CheckpointOutcome& outcome) {
  uint64_t size = 0;
  for (uint32_t i = 0; i <= last; ++i) {
    auto chunk = get_chunk(ctx.view, id, name, i);
    if (!chunk) {
      set_error(*outcome.mutable_error(), ec::conflict,
                "chunk " + std::to_string(i) + " of " + to_text(name, id)
                  + " is missing");
      return std::nullopt;
    }
    size += chunk->size();
  }
  return size;
}

/// Makes a staged checkpoint the current one.
void complete(context ctx, const task_id& id,
              const proto::CheckpointCommand& command,
              proto::CheckpointOutcome& outcome) {
  checkpoint_name name{command.attempt(), command.version()};
  auto size = staged_size(ctx, id, name, command.chunk(), outcome);
  if (!size)
    return;
  if (*size != command.size())
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     to_text(name, id) + " has " + std::to_string(*size)
                       + " bytes, not " + std::to_string(command.size()));
  proto::CheckpointHead head;
  head.set_attempt(name.attempt);
  head.set_version(name.version);
  head.set_chunks(command.chunk() + 1);
  head.set_size(*size);
  head.set_saved_ms(ctx.now_ms);
  if (command.has_progress())
    *head.mutable_progress() = bounded(command.progress());
  put_checkpoint(ctx.view, id, head);
  erase_chunks(ctx.view, id,
               [&](const checkpoint_name& x) { return x != name; });
}

} // namespace

void apply_checkpoint(context ctx, const proto::CheckpointCommand& command,
                      proto::CheckpointOutcome& outcome) {
  auto id = to_id(command.id());
  auto row = get_task(ctx.view, id);
  if (!row || row->state() != proto::LEASED
      || row->attempt() != command.attempt())
    return fence(ctx, id, command.attempt(), *outcome.mutable_error());
  checkpoint_name name{command.attempt(), command.version()};
  if (command.chunk() >= max_chunks || command.data().size() > max_chunk_bytes)
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     to_text(name, id) + " is larger than "
                       + std::to_string(max_checkpoint_bytes)
                       + " bytes, or a chunk of it larger than "
                       + std::to_string(max_chunk_bytes));
  auto head = get_checkpoint(ctx.view, id);
  // A repetition, or overtaken by a newer one: nothing is left to do.
  if (head && name <= name_of(*head))
    return;
  // At most one checkpoint is staged, the newest, so that an attempt that never
  // completes one does not fill the disk.
  auto newest = name;
  erase_chunks(ctx.view, id, [&](const checkpoint_name& x) {
    newest = std::max(newest, x);
    return x < name && (!head || x != name_of(*head));
  });
  if (newest != name)
    return set_error(*outcome.mutable_error(), ec::conflict,
                     to_text(name, id) + " is overtaken by checkpoint "
                       + std::to_string(newest.version));
  put_chunk(ctx.view, id, name, command.chunk(), command.data());
  if (command.last())
    complete(ctx, id, command, outcome);
}

} // namespace coppice::state_machine
