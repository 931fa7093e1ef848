// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/restore.hpp"

#include "runtime/task/kind_table.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/service_tables.hpp"
#include "storage/state_machine/commands.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace coppice::state_machine {

namespace {

/// How far the numbers of attempts are raised if the clock has gone back.
constexpr uint32_t attempt_step = 1'000'000;

constexpr int64_t max_attempt
  = std::numeric_limits<uint32_t>::max() - attempt_step;

/// How far the epochs of services are raised beyond the time of the restore,
/// for the clock may have gone back.
constexpr uint64_t service_epoch_step = 1'000'000'000;

constexpr auto max_journal_epoch
  = std::numeric_limits<uint64_t>::max() - service_epoch_step;

/// Ends everything that was leased: with a reason of its own, and without
/// counting as a try.
void end_leases(context ctx, restore_counts& counts) {
  proto::FinishCommand::Item item;
  item.set_outcome(proto::FAILED);
  item.set_reason(proto::RESTORED);
  item.mutable_error()->set_code("restored");
  item.mutable_error()->set_message("the cluster was restored from a backup");
  for (auto& x : get_all_live(ctx.view)) {
    auto row = get_task(ctx.view, x.id);
    if (!row || row->state() != proto::LEASED)
      continue;
    auto node = get_node(ctx.view, x.node);
    proto::FinishOutcome::Item ignored;
    end_attempt(ctx, x.id, *row, item, node ? node->name() : "", ignored);
    ++counts.interrupted;
  }
}

/// Gives every place of a service a new epoch, and every journal one that is
/// above all that were given: who had them is refused. Where an exclusive one
/// may still run it stays, so that it is not given to another node too early.
void raise_epochs(context ctx, int64_t now_ms) {
  auto micros = static_cast<uint64_t>(std::max<int64_t>(now_ms, 0)) * 1'000;
  auto head = get_services_head(ctx.view);
  auto rows = get_services(ctx.view);
  if (head.version() != 0)
    head.set_version(std::max(head.version(), micros) + service_epoch_step);
  for (auto& row : rows) {
    for (auto& place : *row.mutable_places()) {
      head.set_version(head.version() + 1);
      place.set_epoch(head.version());
      place.set_status(place.status() == proto::SERVICE_LEAVING
                         ? proto::SERVICE_LEAVING
                         : proto::SERVICE_PLACED);
      place.set_changed_ms(ctx.now_ms);
      place.clear_address();
    }
    head.set_version(head.version() + 1);
    row.set_changed(head.version());
    put_service(ctx.view, row);
  }
  if (head.version() != 0)
    put_services_head(ctx.view, head);
  // Below every epoch that the cluster group gives from now on: its backup is
  // the last one, so its version is not below the epoch of any journal.
  for (auto& [service, journal] : get_journals(ctx.view)) {
    if (journal.epoch() > max_journal_epoch)
      continue; // It is being dropped.
    journal.set_epoch(std::max(journal.epoch(), micros)
                      + service_epoch_step / 2);
    put_journal(ctx.view, service, journal);
  }
}

/// Returns how long no attempt of a task may begin, because an exclusive one
/// may still run that nobody here knows of.
class exclusive_pauses {
public:
  exclusive_pauses(const table_view& view, std::chrono::milliseconds lease)
    : view_(view),
      lease_(lease) {
    // nop
  }

  std::chrono::milliseconds of(const task_id& id, const proto::TaskRow& row) {
    auto [known, fresh] = kinds_.try_emplace(row.task_class());
    if (fresh)
      if (auto task_class = get_class(view_, row.task_class()))
        known->second = get_kind(view_, task_class->kind());
    auto& kind = known->second;
    if (!kind || !kind->exclusive())
      return {};
    auto spec = get_parsed_spec(view_, id).value_or(proto::TaskSpec{});
    return std::max(lease_, effective_clocks(spec, *kind).no_answer);
  }

private:
  const table_view& view_;

  std::chrono::milliseconds lease_;

  std::map<uint32_t, std::optional<proto::KindInfo>> kinds_; ///< By class.
};

void raise_number(proto::TaskRow& row, int64_t now_ms) {
  auto count = attempt_count(row);
  auto seconds = static_cast<uint32_t>(
    std::clamp<int64_t>(now_ms / 1'000, 0, max_attempt));
  auto last = last_number(row);
  row.set_numbered_after(seconds > last ? seconds : last + attempt_step);
  row.set_skipped(row.numbered_after() - count);
}

/// Puts a waiting task to where it waits, with its new number.
void place_again(context ctx, const task_id& id, const proto::TaskRow& before,
                 proto::TaskRow& row, std::chrono::milliseconds pause) {
  auto until = ctx.now_ms + pause.count();
  if (before.due_ms() != 0)
    erase_due(ctx.view, {before.due_ms(), id});
  else
    erase_queued(ctx.view, to_queued(id, before));
  if (pause.count() > 0)
    row.set_due_ms(std::max(row.due_ms(), until));
  if (row.due_ms() != 0)
    put_due(ctx.view, {row.due_ms(), id});
  else
    put_queued(ctx.view, to_queued(id, row));
}

} // namespace

void restoration::begin(table_view& view) {
  auto before = state_time_ms(view);
  auto now_ms = std::max(before, terms_.now_ms);
  gap_ms_ = before == 0 ? 0 : now_ms - before;
  put_state_time_ms(view, now_ms);
  put_lineage(view, terms_.lineage);
  // Nodes may know changes of the list that came after the backup.
  if (auto head = get_node_list_head(view); head.version.epoch != 0) {
    auto seconds = std::max<int64_t>(terms_.now_ms, 0) / 1'000;
    head.version
      = {std::max(head.version.epoch + 1, static_cast<uint64_t>(seconds)), 0};
    head.forgotten = head.version;
    put_node_list_head(view, head);
  }
  // No product gets more than one task each microsecond: whatever was given
  // since the backup, or after an earlier restore of it, is below.
  raise_sequences(
    view, static_cast<uint64_t>(std::max<int64_t>(terms_.now_ms, 0)) * 1'000);
  // Who the managers are is for the config file to say: they have other
  // addresses now, or their former selves must not be spoken to.
  for (auto& x : get_managers(view))
    erase_manager(view, x.name());
  // A shard that was made while the backup was is not in it, and begins anew.
  for (auto& x : get_shards(view)) {
    x.clear_founders();
    x.add_founders(terms_.member);
    put_shard(view, x);
  }
  raise_epochs({view, now_ms}, terms_.now_ms);
  end_leases({view, now_ms}, counts_);
}

bool restoration::go_on(table_view& view, size_t limit) {
  std::vector<std::pair<task_id, proto::TaskRow>> rows;
  size_t seen = 0;
  for_each_task(view, last_, 0, [&](const task_id& id, auto& row) {
    // One that succeeded never runs again; all others may.
    if (row.state() != proto::SUCCEEDED)
      rows.emplace_back(id, row);
    last_ = id;
    return ++seen < limit;
  });
  counts_.tasks += seen;
  context ctx{view, state_time_ms(view)};
  exclusive_pauses pauses{view, terms_.lease};
  for (auto& [id, before] : rows) {
    auto row = before;
    raise_number(row, terms_.now_ms);
    // The total clock stood still while there was no cluster.
    if (row.first_leased_ms() != 0)
      row.set_first_leased_ms(row.first_leased_ms() + gap_ms_);
    if (row.state() == proto::WAITING) {
      place_again(ctx, id, before, row, pauses.of(id, row));
      ++counts_.unfinished;
    }
    put_task(view, id, row);
  }
  return seen == limit;
}

} // namespace coppice::state_machine
