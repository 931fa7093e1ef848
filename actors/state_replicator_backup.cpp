// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/replies.hpp"
#include "actors/state_replicator.hpp"
#include "runtime/log.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace coppice {

namespace {

/// Each may take as much room on the disk as the tables do.
constexpr size_t max_backups = 4;

/// Says so if a copy could fill the disk, which the log needs more.
std::optional<error> lacks_room(const state_replicator_options& options) {
  namespace fs = std::filesystem;
  std::error_code err;
  auto file = options.dir / tables_folder_name / tables_file_name;
  auto size = fs::file_size(file, err);
  if (err)
    return std::nullopt;
  auto space = fs::space(options.dir, err);
  if (err || space.available >= size + options.reserve_bytes)
    return std::nullopt;
  return error{ec::storage_failure,
               "the copy for a backup may take " + std::to_string(size >> 20)
                 + " MiB on the disk of " + options.dir.string()
                 + " of manager " + options.node
                 + ", which are not free beside storage.reserve"};
}

} // namespace

caf::result<proto::Reply>
state_replicator_state::on_backup(const proto::BackupRequest& x) {
  if (x.copy() != 0)
    return backup_part(x);
  if (backups.size() >= max_backups)
    return refusal(ec::overloaded,
                   "as many backups as can be are being made; try again later");
  auto reply_to = self->make_response_promise<proto::Reply>();
  // A local actor answers, or fails when it ends; nothing else can be waited
  // for.
  self
    ->request(caf::actor_cast<state_replicator_actor>(self), caf::infinite,
              atom::barrier::value)
    .then(
      [this, reply_to](const proto::Outcome& proof) mutable {
        reply_to.deliver(proof.has_error() ? refusal(to_error(proof.error()))
                                           : begin_backup());
      },
      [reply_to](const caf::error& err) mutable {
        reply_to.deliver(refusal(to_error(lost_read(err))));
      });
  return reply_to;
}

proto::Reply state_replicator_state::begin_backup() {
  auto number = draw_number();
  backups[number].used = self->clock().now();
  next_backups.push_back(number);
  copy_for_backups();
  proto::Reply reply;
  reply.mutable_backup()->set_node(options.node);
  reply.mutable_backup()->mutable_part()->set_copy(number);
  return reply;
}

proto::Reply
state_replicator_state::backup_part(const proto::BackupRequest& x) {
  auto i = backups.find(x.copy());
  if (i == backups.end())
    return refusal(ec::not_found,
                   "manager " + options.node + " has no such copy any more");
  i->second.used = self->clock().now();
  if (auto& why = i->second.why) {
    auto reply = refusal(*why);
    backups.erase(i);
    return reply;
  }
  proto::Reply reply;
  auto& out = *reply.mutable_backup();
  out.set_node(options.node);
  if (auto& made = i->second.copy) {
    auto part = made->read(x.offset(), options.max_part_bytes);
    if (!part)
      return refusal(part.error());
    *out.mutable_part() = std::move(part.value());
    out.set_tables_format(tables_format);
    out.set_tasks(made->tasks());
  }
  // One copy may be for several that asked at the same time.
  out.mutable_part()->set_copy(x.copy());
  return reply;
}

void state_replicator_state::copy_for_backups() {
  if (copying || next_backups.empty())
    return;
  copied_backups = std::exchange(next_backups, {});
  if (auto why = lacks_room(options))
    return deliver_to_backups({nullptr, *why});
  // The copy is of what is on disk.
  if (auto flushed = store->flush_now(); !flushed)
    return deliver_to_backups({nullptr, flushed.error()});
  copying = true;
  log::info("{} copies its tables for a backup", options.group);
  start_copy();
}

void state_replicator_state::deliver_to_backups(const copied_tables& x) {
  if (!x.copy)
    log::error("{} has no copy of its tables for a backup: {}", options.group,
               x.why.message);
  for (auto number : std::exchange(copied_backups, {})) {
    auto i = backups.find(number);
    if (i == backups.end())
      continue; // Dropped meanwhile.
    i->second.copy = x.copy;
    if (!x.copy)
      i->second.why = x.why;
  }
}

void state_replicator_state::drop_backups() {
  auto now = self->clock().now();
  auto leads = member->current_role() == role::leader;
  std::erase_if(backups, [&](auto& x) {
    return !leads || now > x.second.used + options.copy_kept;
  });
}

} // namespace coppice
