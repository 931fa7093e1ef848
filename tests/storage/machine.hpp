// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "storage/state_machine/state_machine.hpp"
#include "storage/tables.hpp"
#include "storage/task_tables.hpp"
#include "tests/storage/table_dump.hpp"
#include "tests/support/temp_folder.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// Takes the value of a result that must not have failed.
template <class T>
T unwrap(result<T> x) {
  if (!x)
    throw std::runtime_error(to_string(x.error()));
  if constexpr (!std::is_void_v<T>)
    return std::move(x).value();
}

/// Like CAF_REQUIRE, for checks that are made so often that naming each one
/// would take most of the time.
inline void demand(bool x, const std::string& what) {
  if (!x)
    throw std::runtime_error(what);
}

/// Options for tables in tests: no thread, no wait for the disk.
inline tables_options quick_tables() {
  tables_options x;
  x.background = false;
  x.environment.flags = MDB_NOSYNC;
  x.environment.map_size_bytes = size_t{16} << 20;
  return x;
}

/// All rows of all tables but the flush's own, by "table/key".
inline std::map<std::string, std::string> dump(const tables& from) {
  return unwrap(
    from.read([](const table_view& view, uint64_t) { return dump(view); }));
}

/// A state machine over tables in a folder of its own, with a clock that only
/// the test moves.
class machine {
public:
  /// @param where The tables; empty: in a folder of its own.
  explicit machine(tables_options options = quick_tables(),
                   std::filesystem::path where = {})
    : dir_(where.empty() ? folder_.path() / "tables" : std::move(where)),
      options_(options),
      tables_(unwrap(tables::open(dir(), options))) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  /// Closes and opens the tables: what was not flushed is gone.
  void reopen() {
    tables_.reset();
    tables_ = unwrap(tables::open(dir(), options_));
  }

  std::vector<proto::Outcome> apply(uint64_t index, const proto::Entry& entry) {
    std::vector<proto::Outcome> out;
    unwrap(tables_->apply(
      [&](table_view& view) { out = state_machine::apply(view, index, entry); },
      {{index, 1}, {}}));
    return out;
  }

  /// Applies an entry with one command at the present time.
  proto::Outcome run(proto::Command x) {
    proto::Entry entry;
    entry.set_wall_ms(now_ms);
    *entry.add_commands() = std::move(x);
    return apply(tables_->applied() + 1, entry).at(0);
  }

  // -- shorthands for commands ------------------------------------------------

  proto::RegisterOutcome enrol(const std::string& node, uint64_t incarnation) {
    proto::Command x;
    x.mutable_register_()->set_node(node);
    x.mutable_register_()->set_incarnation(incarnation);
    x.mutable_register_()->add_kinds()->set_name("noop");
    return run(x).register_();
  }

  static proto::SubmitCommand::Item item(const std::string& key = "") {
    proto::TaskSpec spec;
    spec.set_kind("noop");
    spec.mutable_retry()->set_attempts(2);
    spec.set_idempotency_key(key);
    proto::SubmitCommand::Item x;
    x.set_spec(spec.SerializeAsString());
    x.set_product("p");
    x.set_product_number(1);
    x.set_epoch(1);
    x.set_newest_epoch(1);
    x.set_kind("noop");
    x.set_idempotency_key(key);
    return x;
  }

  /// An item of a product, which gets the next number if it is new.
  proto::SubmitCommand::Item item_of(const std::string& product) {
    auto next = static_cast<uint32_t>(products_.size()) + 1;
    auto x = item();
    x.set_product(product);
    x.set_product_number(products_.try_emplace(product, next).first->second);
    return x;
  }

  proto::SubmitOutcome::Item submit(proto::SubmitCommand::Item x = item()) {
    proto::Command command;
    *command.mutable_submit()->add_items() = std::move(x);
    return run(command).submit().items(0);
  }

  proto::LeaseOutcome::Item lease(const proto::TaskRef& id, uint32_t attempt,
                                  const std::string& node = "n1",
                                  uint64_t incarnation = 1) {
    proto::Command command;
    auto& x = *command.mutable_lease()->add_items();
    *x.mutable_id() = id;
    x.set_attempt(attempt);
    x.set_node(node);
    x.set_incarnation(incarnation);
    return run(command).lease().items(0);
  }

  static proto::FinishCommand::Item
  ending(const proto::TaskRef& id, uint32_t attempt, proto::TaskState outcome,
         const std::string& node = "n1") {
    proto::FinishCommand::Item x;
    *x.mutable_id() = id;
    x.set_attempt(attempt);
    x.set_outcome(outcome);
    x.set_started(true);
    x.set_reporter(node);
    return x;
  }

  proto::FinishOutcome::Item finish(proto::FinishCommand::Item x) {
    proto::Command command;
    *command.mutable_finish()->add_items() = std::move(x);
    return run(command).finish().items(0);
  }

  proto::FinishOutcome::Item finish(const proto::TaskRef& id, uint32_t attempt,
                                    proto::TaskState outcome,
                                    const std::string& node = "n1") {
    return finish(ending(id, attempt, outcome, node));
  }

  proto::CancelOutcome::Item cancel(const proto::TaskRef& id) {
    proto::Command command;
    *command.mutable_cancel()->add_ids() = id;
    return run(command).cancel().items(0);
  }

  proto::RetryOutcome::Item retry(const proto::TaskRef& id) {
    proto::Command command;
    *command.mutable_retry()->add_ids() = id;
    return run(command).retry().items(0);
  }

  proto::ForgetOutcome forget(const std::vector<proto::TaskRef>& ids,
                              int64_t keep_ms) {
    proto::Command command;
    for (auto& id : ids)
      *command.mutable_forget()->add_ids() = id;
    command.mutable_forget()->set_keep_ms(keep_ms);
    return run(command).forget();
  }

  proto::WakeOutcome::Item wake(const proto::TaskRef& id) {
    proto::Command command;
    *command.mutable_wake()->add_ids() = id;
    return run(command).wake().items(0);
  }

  proto::Error save(const proto::TaskRef& id, uint32_t attempt,
                    uint32_t version, uint32_t chunk, const std::string& data,
                    uint64_t whole = 0) {
    proto::Command command;
    auto& x = *command.mutable_checkpoint();
    *x.mutable_id() = id;
    x.set_attempt(attempt);
    x.set_version(version);
    x.set_chunk(chunk);
    x.set_data(data);
    x.set_last(whole > 0);
    x.set_size(whole);
    return run(command).checkpoint().error();
  }

  /// Submits a task and leases it to node n1, incarnation 1.
  proto::TaskRef leased_task() {
    enrol("n1", 1);
    auto id = submit().id();
    lease(id, 1);
    return id;
  }

  // -- properties -------------------------------------------------------------

  /// Reads, and throws if something was damaged.
  template <class F>
  auto read(F fun) const {
    return unwrap(tables_->read(
      [&](const table_view& view, uint64_t) { return fun(view); }));
  }

  static task_id key(const proto::TaskRef& x) {
    return {x.product(), x.epoch(), x.sequence()};
  }

  static proto::TaskRef ref(const task_id& x) {
    proto::TaskRef out;
    out.set_product(x.product);
    out.set_epoch(x.epoch);
    out.set_sequence(x.sequence);
    return out;
  }

  proto::TaskRow row(const proto::TaskRef& id) const {
    return read([&](const table_view& view) {
      return get_task(view, key(id)).value_or(proto::TaskRow{});
    });
  }

  bool queued(const proto::TaskRef& id) const {
    return read([&](const table_view& view) {
      auto x = get_task(view, key(id)).value_or(proto::TaskRow{});
      return is_queued(view,
                       {key(id), x.task_class(), x.priority(), x.attempt()});
    });
  }

  std::vector<proto::Attempt> attempts(const proto::TaskRef& id) const {
    return read(
      [&](const table_view& view) { return get_attempts(view, key(id)); });
  }

  proto::NodeRow node(const std::string& name) const {
    return read([&](const table_view& view) {
      auto found = find_node(view, name);
      return found ? get_node(view, found->number).value_or(proto::NodeRow{})
                   : proto::NodeRow{};
    });
  }

  tables& store() {
    return *tables_;
  }

  std::filesystem::path dir() const {
    return dir_;
  }

  /// What the next entries say the time is.
  int64_t now_ms = 1'000'000;

private:
  temp_folder folder_;

  std::filesystem::path dir_;

  tables_options options_;

  std::unique_ptr<tables> tables_;

  /// Number by name.
  std::map<std::string, uint32_t> products_;
};

} // namespace coppice::test
