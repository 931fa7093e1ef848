// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/key_codec.hpp"
#include "storage/service_tables.hpp"
#include "tests/storage/machine.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// What must hold of the tables after each entry.
class table_laws {
public:
  /// Looks at the tables after *entry* has been applied.
  void look(const machine& x, const proto::Entry& entry,
            const std::vector<proto::Outcome>& outcomes) {
    x.read([&](const table_view& view) {
      demand(state_time_ms(view) >= time_ms_, "state time went back");
      time_ms_ = state_time_ms(view);
      collect(view);
      std::map<task_id, proto::TaskRow> now;
      for_each_task(view, {}, 0, [&](const task_id& id, auto& row) {
        check_task(view, id, row);
        now.emplace(id, row);
        return true;
      });
      demand(queue_.empty() && due_.empty() && live_.empty(),
             "a row of a task that is not in that state");
      check_changes(now, entry);
      check_orphans(view, now);
      if (is_about_services(entry)) {
        check_services(view);
        check_journals(view);
      }
      before_ = std::move(now);
      return 0;
    });
    check_keys(entry, outcomes);
  }

private:
  static bool ended(proto::TaskState x) {
    return x != proto::WAITING && x != proto::LEASED;
  }

  void collect(const table_view& view) {
    for (auto& name : get_queues(view))
      for (auto& x : get_queued(view, name, 1'000))
        demand(queue_.emplace(x.id, x).second, "a task is queued twice");
    for (auto& x : get_due(view, std::numeric_limits<int64_t>::max(), 1'000))
      demand(due_.emplace(x.id, x).second, "a task pauses twice");
    for (auto& x : get_all_live(view))
      demand(live_.emplace(x.id, x).second, "a task is leased twice");
    demand(raw_rows(view, table::queue) == queue_.size(), "all queue rows");
  }

  static size_t raw_rows(const table_view& view, table where) {
    size_t n = 0;
    table_cursor cursor{view, where};
    for (auto row = cursor.seek({}); row; row = cursor.next())
      ++n;
    return n;
  }

  void check_task(const table_view& view, const task_id& id,
                  const proto::TaskRow& row) {
    auto queued = queue_.extract(id);
    auto due = due_.extract(id);
    auto live = live_.extract(id);
    auto places = !queued.empty() + !due.empty() + !live.empty();
    demand(places + ended(row.state()) == 1, "a task is in exactly one place");
    demand(live.empty()
             || (live.mapped().node == row.node()
                 && live.mapped().attempt == row.attempt()
                 && row.state() == proto::LEASED),
           "a lease is that of its task");
    demand(due.empty()
             || (due.mapped().due_ms == row.due_ms() && row.due_ms() > 0),
           "a pause is that of its task");
    demand(!due.empty() || row.due_ms() == 0, "due without a pause");
    demand(queued.empty()
             || queued.mapped()
                  == queued_task{id, row.task_class(), row.priority(),
                                 row.attempt()},
           "a queue row is that of its task");
    demand(row.ByteSizeLong() <= 128, "a row is small");
    demand(get_spec(view, id).has_value(), "a task has its spec");
    if (row.state() == proto::LEASED) {
      auto node = get_node(view, row.node());
      demand(node && node->incarnation() == row.incarnation(),
             "a lease is of the living incarnation");
    }
    check_attempts(view, id, row);
    check_checkpoints(view, id, row);
  }

  static void check_attempts(const table_view& view, const task_id& id,
                             const proto::TaskRow& row) {
    auto attempts = get_attempts(view, id);
    auto current = row.state() == proto::LEASED ? 1u : 0u;
    demand(attempts.size() + current == row.attempt(),
           "each attempt that ended is kept");
    for (size_t i = 0; i < attempts.size(); ++i)
      demand(attempts[i].number() == i + 1, "attempts count from 1");
    demand(row.tries() <= row.attempt(), "tries are attempts");
    if (row.state() == proto::SUCCEEDED)
      demand(attempts.back().outcome() == proto::SUCCEEDED,
             "a success is that of the last attempt");
  }

  static void check_checkpoints(const table_view& view, const task_id& id,
                                const proto::TaskRow& row) {
    std::set<checkpoint_name> staged;
    std::string prefix;
    append_key(prefix, id);
    table_cursor cursor{view, table::checkpoint_chunk};
    for (auto x = cursor.seek(prefix); x && x->first.starts_with(prefix);
         x = cursor.next())
      staged.insert({read_big_endian<uint32_t>(x->first, 16),
                     read_big_endian<uint32_t>(x->first, 20)});
    if (auto head = get_checkpoint(view, id)) {
      demand(row.state() != proto::SUCCEEDED, "a success has no checkpoint");
      checkpoint_name name{head->attempt(), head->version()};
      for (uint32_t i = 0; i < head->chunks(); ++i)
        demand(get_chunk(view, id, name, i).has_value(),
               "a checkpoint is whole");
      staged.erase(name);
    }
    demand(staged.size() <= 1, "at most one checkpoint is staged");
    for (auto& x : staged)
      demand(row.state() == proto::LEASED && x.attempt == row.attempt(),
             "only the current attempt stages");
  }

  void check_changes(const std::map<task_id, proto::TaskRow>& now,
                     const proto::Entry& entry) {
    std::set<task_id> retried;
    for (auto& command : entry.commands())
      for (auto& id : command.retry().ids())
        retried.insert(machine::key(id));
    gone_.clear();
    for (auto& [id, row] : before_) {
      auto i = now.find(id);
      if (i == now.end()) {
        demand(may_go(id, row, entry), "only what is to be forgotten goes");
        gone_.insert(id);
        continue;
      }
      demand(i->second.attempt() >= row.attempt(), "attempts only grow");
      demand(i->second.submitted_ms() == row.submitted_ms(), "once submitted");
      if (ended(row.state()) && !retried.count(id))
        demand(i->second.SerializeAsString() == row.SerializeAsString(),
               "an ended task does not change");
      if (row.state() == proto::SUCCEEDED)
        demand(i->second.state() == proto::SUCCEEDED, "success is for ever");
    }
  }

  /// Returns whether a command of *entry* says so.
  bool may_go(const task_id& id, const proto::TaskRow& row,
              const proto::Entry& entry) const {
    for (auto& command : entry.commands()) {
      auto keep = command.forget().keep_ms();
      auto due
        = keep > 0 && ended(row.state()) && time_ms_ - row.changed_ms() >= keep;
      for (auto& x : command.forget().ids())
        if (due && machine::key(x) == id)
          return true;
    }
    return false;
  }

  /// Each row that belongs to a task belongs to one that is there.
  static void check_orphans(const table_view& view,
                            const std::map<task_id, proto::TaskRow>& now) {
    for (auto where : {table::spec, table::attempt, table::checkpoint,
                       table::checkpoint_chunk, table::key}) {
      table_cursor cursor{view, where};
      for (auto row = cursor.seek({}); row; row = cursor.next()) {
        auto& id = where == table::key ? row->second : row->first;
        demand(now.count(task_id_from_key(id)),
               std::string{"no task for a row of "} + to_string(where));
      }
    }
  }

  static bool is_about_services(const proto::Entry& entry) {
    return std::any_of(
      entry.commands().begin(), entry.commands().end(),
      [](auto& x) { return x.has_service() || x.has_journal(); });
  }

  void check_services(const table_view& view) {
    auto version = get_services_head(view).version();
    demand(version >= services_version_, "services go forward");
    for (auto& row : get_services(view)) {
      demand(row.number() > 0 && row.changed() <= version, "a known service");
      std::set<uint32_t> instances;
      for (auto& x : row.places()) {
        demand(instances.insert(x.instance()).second, "one place an instance");
        std::string where = row.spec().name() + '/'
                            + std::to_string(x.instance()) + '/' + x.node()
                            + '/' + std::to_string(x.incarnation());
        auto known = epochs_.emplace(x.epoch(), where).first;
        demand(known->second == where, "an epoch is of one place");
        demand(x.epoch() > 0 && x.epoch() <= version, "an epoch was given");
      }
    }
    services_version_ = version;
  }

  static void check_journals(const table_view& view) {
    std::map<uint32_t, proto::JournalHead> heads;
    for (auto& [service, head] : get_journals(view)) {
      heads.emplace(service, head);
      check_journal(view, service, head);
    }
    for (auto where : {table::journal_event, table::journal_reply,
                       table::journal_id, table::journal_chunk}) {
      table_cursor cursor{view, where};
      for (auto row = cursor.seek({}); row; row = cursor.next())
        demand(heads.count(read_big_endian<uint32_t>(row->first, 0)) > 0,
               std::string{"no journal for a row of "} + to_string(where));
    }
  }

  static void check_journal(const table_view& view, uint32_t service,
                            const proto::JournalHead& head) {
    auto next = head.snapshot();
    uint64_t bytes = 0;
    for_each_journal_event(view, service, next, [&](auto& x) {
      demand(x.sequence() == ++next, "events have no gap");
      for (auto& event : x.events())
        bytes += event.size();
      return true;
    });
    demand(next == head.last(), "the last event");
    demand(bytes == head.event_bytes(), "the bytes of the events");
    auto first = head.last() + 1;
    std::map<std::string, uint64_t> ids;
    for_each_journal_reply(view, service, 0, [&](auto& x) {
      first = std::min(first, x.sequence());
      auto named = find_journal_id(view, service, x.id());
      demand(named && *named >= x.sequence(), "a reply has its id");
      ids[x.id()] = x.sequence();
      return true;
    });
    demand(first >= head.first_reply(), "no reply before the first");
    size_t named = 0;
    std::string prefix;
    append_big_endian(prefix, service);
    table_cursor cursor{view, table::journal_id};
    for (auto row = cursor.seek(prefix); row && row->first.starts_with(prefix);
         row = cursor.next(), ++named) {
      auto known = ids.find(std::string{row->first.substr(prefix.size())});
      demand(known != ids.end()
               && known->second == read_big_endian<uint64_t>(row->second, 0),
             "an id names its last item");
    }
    demand(named == ids.size(), "each id is there once");
    for (uint32_t i = 0; i < head.chunks(); ++i)
      demand(get_journal_chunk(view, {service, head.snapshot(), i}).has_value(),
             "a snapshot is whole");
  }

  /// Takes note of the keys that went with their tasks.
  void forget_keys(const proto::ForgetCommand& command) {
    for (auto& id : command.ids())
      if (gone_.count(machine::key(id)))
        std::erase_if(
          keys_, [&](auto& x) { return x.second.first == machine::key(id); });
  }

  void check_keys(const proto::Entry& entry,
                  const std::vector<proto::Outcome>& outcomes) {
    demand(outcomes.size() == static_cast<size_t>(entry.commands_size()),
           "one outcome per command");
    for (int i = 0; i < entry.commands_size(); ++i) {
      auto& command = entry.commands(i);
      auto& outcome = outcomes[static_cast<size_t>(i)];
      demand(static_cast<int>(command.kind_case())
               == static_cast<int>(outcome.kind_case()),
             "the outcome is of the command's kind");
      if (outcome.forget().forgotten() > 0)
        forget_keys(command.forget());
      for (int j = 0; j < command.submit().items_size(); ++j)
        check_key(command.submit().items(j), outcome.submit().items(j));
    }
  }

  void check_key(const proto::SubmitCommand::Item& item,
                 const proto::SubmitOutcome::Item& out) {
    if (out.has_error() || out.moved())
      return;
    auto id = machine::key(out.id());
    demand(out.duplicate() || ids_.insert(id).second, "an id is given once");
    if (item.idempotency_key().empty())
      return demand(!out.duplicate(), "no key, no duplicate");
    auto name = item.product() + "/" + item.idempotency_key();
    auto [known, added] = keys_.emplace(name, std::pair{id, item.spec()});
    demand(added != out.duplicate(), "duplicate if and only if known");
    demand(known->second == std::pair{id, item.spec()},
           "a key names one task and one spec");
  }

  std::map<task_id, queued_task> queue_;
  std::map<task_id, due_task> due_;
  std::map<task_id, live_attempt> live_;
  std::map<task_id, proto::TaskRow> before_;
  std::map<std::string, std::pair<task_id, std::string>> keys_;
  std::set<task_id> ids_;
  /// What the last entry removed.
  std::set<task_id> gone_;
  int64_t time_ms_ = 0;
  uint64_t services_version_ = 0;
  /// What each epoch of a service was given to.
  std::map<uint64_t, std::string> epochs_;
};

} // namespace coppice::test
