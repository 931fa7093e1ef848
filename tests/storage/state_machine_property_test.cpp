// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/key_codec.hpp"
#include "tests/storage/machine.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace coppice;
using test::demand;

namespace {

#if defined(COPPICE_SANITIZE_THREAD) // One thread: it finds nothing here.
constexpr uint32_t short_runs = 20;
constexpr uint32_t long_runs = 1;
constexpr int long_history = 300;
#elif defined(COPPICE_SANITIZE_ADDRESS)
constexpr uint32_t short_runs = 300;
constexpr uint32_t long_runs = 2;
constexpr int long_history = 1'500;
#else
constexpr uint32_t short_runs = 2'000;
constexpr uint32_t long_runs = 4;
constexpr int long_history = 1'500;
#endif

bool ended(proto::TaskState x) {
  return x != proto::WAITING && x != proto::LEASED;
}

// -- random entries -----------------------------------------------------------

/// Makes commands that are often right and sometimes wrong in some detail.
class generator {
public:
  generator(uint32_t seed, const test::machine& peek)
    : rng_(seed),
      peek_(peek) {
    // nop
  }

  proto::Entry entry() {
    tasks_ = peek_.read([](const table_view& view) {
      std::vector<std::pair<task_id, proto::TaskRow>> out;
      for_each_task(view, {}, 0, [&](const task_id& id, auto& row) {
        out.emplace_back(id, row);
        return true;
      });
      return out;
    });
    // Mostly forward, sometimes back: another leader's clock.
    now_ms_ += static_cast<int64_t>(below(3'000)) - 300;
    proto::Entry x;
    x.set_wall_ms(now_ms_);
    for (auto n = below(4); n > 0; --n)
      fill(*x.add_commands());
    return x;
  }

private:
  uint32_t below(uint32_t n) {
    return static_cast<uint32_t>(rng_() % n);
  }

  std::string node() {
    return "n" + std::to_string(1 + below(3));
  }

  /// A task, preferably one in *state*; sometimes one that is not there.
  std::pair<task_id, proto::TaskRow> task(proto::TaskState state) {
    if (tasks_.empty() || below(20) == 0)
      return {{1 + below(2), 1, 1 + below(9)}, {}};
    for (auto tries = 0; tries < 6; ++tries) {
      auto& x = tasks_[below(static_cast<uint32_t>(tasks_.size()))];
      if (x.second.state() == state)
        return x;
    }
    return tasks_[below(static_cast<uint32_t>(tasks_.size()))];
  }

  void set(proto::TaskRef& to, const task_id& x) {
    to.set_product(x.product);
    to.set_epoch(x.epoch);
    to.set_sequence(x.sequence);
  }

  /// *x*, sometimes one more or less.
  uint32_t about(uint32_t x) {
    auto dice = below(12);
    return dice == 0 ? x + 1 : dice == 1 && x > 0 ? x - 1 : x;
  }

  void fill(proto::Command& x) {
    switch (below(10)) {
      case 0:
        return fill(*x.mutable_register_());
      case 1:
        return fill(*x.mutable_submit());
      case 2:
      case 3:
        return fill(*x.mutable_lease());
      case 4:
      case 5:
        return fill(*x.mutable_finish());
      case 6:
        if (below(2) == 0)
          return set(*x.mutable_cancel()->add_ids(), task(proto::LEASED).first);
        return set(*x.mutable_retry()->add_ids(), task(proto::FAILED).first);
      case 7:
        for (auto& [id, row] : tasks_)
          if (row.due_ms() != 0)
            set(*x.mutable_wake()->add_ids(), id);
        return;
      case 8:
        return fill(*x.mutable_checkpoint());
      default:
        return; // A command from a newer peer.
    }
  }

  void fill(proto::RegisterCommand& x) {
    x.set_node(node());
    x.set_incarnation(1 + below(4) + static_cast<uint32_t>(now_ms_ / 20'000));
    auto& kind = *x.add_kinds();
    kind.set_name(below(2) ? "noop" : "exec");
    kind.mutable_retry()->set_attempts(1 + below(4));
  }

  void fill(proto::SubmitCommand& x) {
    for (auto n = below(3) + 1; n > 0; --n) {
      auto key = below(2) ? "k" + std::to_string(below(6)) : std::string{};
      auto& item = *x.add_items();
      item = test::machine::item(key);
      item.set_product(below(3) ? "p" : "q");
      item.set_product_number(item.product() == "p" ? 1 : 2);
      item.set_epoch(1 + below(2));
      item.set_newest_epoch(item.epoch() + (below(20) == 0 ? 1 : 0));
      if (below(4) == 0)
        item.set_spec(item.spec() + item.spec());
      item.set_priority(static_cast<int32_t>(below(23)) - 11);
      if (below(3) == 0)
        item.add_labels("gpu=yes");
      if (below(3) == 0) {
        item.set_lease_to_node(node());
        item.set_lease_to_incarnation(incarnation(item.lease_to_node()));
      }
    }
  }

  uint64_t incarnation(const std::string& name) {
    return about(static_cast<uint32_t>(peek_.node(name).incarnation()));
  }

  void fill(proto::LeaseCommand& x) {
    for (auto n = below(4); n > 0; --n) {
      auto [id, row] = task(proto::WAITING);
      auto& item = *x.add_items();
      set(*item.mutable_id(), id);
      item.set_attempt(about(row.attempt() + 1));
      item.set_node(node());
      item.set_incarnation(incarnation(item.node()));
    }
  }

  void fill(proto::FinishCommand& x) {
    for (auto n = below(3); n > 0; --n) {
      auto [id, row] = task(proto::LEASED);
      auto& item = *x.add_items();
      set(*item.mutable_id(), id);
      item.set_attempt(about(row.attempt()));
      item.set_outcome(static_cast<proto::TaskState>(below(10)));
      item.set_started(below(4) != 0);
      if (below(4) == 0)
        item.set_reason(proto::NODE_STOPPED);
      item.set_result(std::string(below(3), 'r'));
      if (below(3))
        item.set_reporter(below(8) ? "n" + std::to_string(row.node()) : node());
      if (below(4) == 0)
        item.mutable_error()->set_code("exit_1");
    }
  }

  void fill(proto::CheckpointCommand& x) {
    auto [id, row] = task(proto::LEASED);
    set(*x.mutable_id(), id);
    x.set_attempt(about(row.attempt()));
    x.set_version(1 + below(4));
    x.set_chunk(below(3));
    x.set_data("c");
    x.set_last(below(2) == 0);
    x.set_size(x.chunk() + 1);
  }

  std::minstd_rand rng_;
  const test::machine& peek_;
  std::vector<std::pair<task_id, proto::TaskRow>> tasks_;
  int64_t now_ms_ = 1'000;
};

// -- what must hold after each entry ------------------------------------------

class judge {
public:
  /// Looks at the tables after *entry* has been applied.
  void look(const test::machine& x, const proto::Entry& entry,
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
      before_ = std::move(now);
      return 0;
    });
    check_keys(entry, outcomes);
  }

private:
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
        retried.insert({id.product(), id.epoch(), id.sequence()});
    for (auto& [id, row] : before_) {
      auto i = now.find(id);
      demand(i != now.end(), "a task never goes away");
      demand(i->second.attempt() >= row.attempt(), "attempts only grow");
      demand(i->second.submitted_ms() == row.submitted_ms(), "once submitted");
      if (ended(row.state()) && !retried.count(id))
        demand(i->second.SerializeAsString() == row.SerializeAsString(),
               "an ended task does not change");
      if (row.state() == proto::SUCCEEDED)
        demand(i->second.state() == proto::SUCCEEDED, "success is for ever");
    }
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
      for (int j = 0; j < command.submit().items_size(); ++j)
        check_key(command.submit().items(j), outcome.submit().items(j));
    }
  }

  void check_key(const proto::SubmitCommand::Item& item,
                 const proto::SubmitOutcome::Item& out) {
    if (out.has_error())
      return;
    auto id = test::machine::key(out.id());
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
  int64_t time_ms_ = 0;
};

std::string bytes(const std::vector<proto::Outcome>& xs) {
  std::string out;
  for (auto& x : xs)
    out += x.SerializeAsString() + "|";
  return out;
}

/// Lets one machine flush and fall over at random, and replay its log.
class shaky_replica {
public:
  explicit shaky_replica(uint32_t seed)
    : rng_(seed),
      machine_(options(static_cast<uint32_t>(rng_()))) {
    // nop
  }

  std::string apply(const proto::Entry& entry) {
    log_.push_back(entry);
    if (rng_() % 12 == 0)
      fall_over();
    if (rng_() % 8 == 0)
      test::unwrap(machine_.store().flush_now());
    return bytes(machine_.apply(log_.size(), entry));
  }

  const test::machine& machine() const {
    return machine_;
  }

  test::machine& machine() {
    return machine_;
  }

private:
  static tables_options options(uint32_t dice) {
    auto x = test::quick_tables();
    x.max_keys = 1 + dice % 60;
    return x;
  }

  void fall_over() {
    machine_.reopen();
    auto from = machine_.store().applied();
    demand(from < log_.size(), "nothing is applied that was not in the log");
    for (auto i = from + 1; i < log_.size(); ++i)
      machine_.apply(i, log_[i - 1]);
  }

  std::minstd_rand rng_;
  test::machine machine_;
  std::vector<proto::Entry> log_;
};

void run(uint32_t seed, int entries) {
  auto options = test::quick_tables();
  options.max_keys = 1'000'000; // Never flushes: all of it in memory.
  test::machine steady{options};
  shaky_replica shaky{seed * 31 + 7};
  generator random{seed, steady};
  judge law;
  for (auto i = 1; i <= entries; ++i) {
    auto entry = random.entry();
    // As it would come off the wire.
    proto::Entry received;
    demand(received.ParseFromString(entry.SerializeAsString()), "parse");
    auto outcomes = steady.apply(static_cast<uint64_t>(i), entry);
    demand(bytes(outcomes) == shaky.apply(received), "equal outcomes");
    law.look(steady, entry, outcomes);
    if (i % 8 == 0)
      demand(test::dump(steady.store()) == test::dump(shaky.machine().store()),
             "equal tables");
  }
  test::unwrap(shaky.machine().store().flush_now());
  shaky.machine().reopen();
  demand(test::dump(steady.store()) == test::dump(shaky.machine().store()),
         "equal tables after a flush and a new start");
}

} // namespace

CAF_TEST(random commands keep the rules on each replica alike) {
  for (auto seed : test::seeds(short_runs)) {
    try {
      run(seed, 64);
    } catch (std::exception& e) {
      CAF_FAIL("seed " << seed << ": " << e.what());
    }
  }
}

CAF_TEST(long histories keep the rules as well) {
  for (auto seed : test::seeds(long_runs)) {
    try {
      run(1'000'000 + seed, long_history);
    } catch (std::exception& e) {
      CAF_FAIL("seed " << seed << ": " << e.what());
    }
  }
}
