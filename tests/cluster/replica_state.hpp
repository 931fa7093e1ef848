// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "storage/overlay.hpp"
#include "storage/state_machine/state_machine.hpp"
#include "storage/table_view.hpp"
#include "tests/cluster/invariants.hpp"
#include "tests/cluster/simulated_member.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace coppice::test {

/// The state of one replica, by the rules of the product, in memory: two layers
/// over nothing. The lower one survives a crash.
class replica_state {
public:
  /// What became of an entry.
  struct effect {
    proto::Command command;
    proto::Outcome outcome;
  };

  /// Applies what *x* has in its tables and was not applied yet.
  /// @returns What became of the last entry; nothing if it has no command.
  effect follow(const simulated_member& x) {
    catch_up(x);
    effect last;
    while (applied_ < x.tables.rows.size())
      last = apply({upper_.get(), lower_.get()}, x.tables.rows[applied_++].op);
    return last;
  }

  template <class F>
  auto read(F fun) const {
    table_view view{{upper_.get(), lower_.get()}};
    auto result = fun(view);
    check(view);
    return result;
  }

private:
  /// Loses what a crash of *x* takes, and all if it got other tables.
  void catch_up(const simulated_member& x) {
    if (x.crashes == crashes_)
      return;
    crashes_ = x.crashes;
    if (std::exchange(installs_, x.installs) != x.installs) {
      lower_ = std::make_unique<overlay>();
      durable_ = 0;
    }
    while (durable_ < x.tables.durable_rows)
      apply({lower_.get()}, x.tables.rows[durable_++].op);
    upper_ = std::make_unique<overlay>();
    applied_ = durable_;
  }

  static effect apply(const table_view::layers& layers, std::string_view op) {
    effect result;
    auto space = op.find(' ');
    if (space == std::string_view::npos)
      return result; // An entry without data.
    proto::Entry entry;
    op.remove_prefix(space + 1);
    if (!entry.ParseFromArray(op.data(), static_cast<int>(op.size()))
        || entry.commands_size() != 1)
      return result; // An op that means nothing.
    table_view view{layers};
    auto outcomes = state_machine::apply(view, 0, entry);
    check(view);
    result.command = std::move(*entry.mutable_commands(0));
    result.outcome = std::move(outcomes.at(0));
    return result;
  }

  static void check(const table_view& view) {
    if (view.failure())
      throw violation{"a row is damaged: " + to_string(*view.failure())};
  }

  std::unique_ptr<overlay> upper_ = std::make_unique<overlay>();
  std::unique_ptr<overlay> lower_ = std::make_unique<overlay>();
  size_t applied_ = 0; ///< Rows of the member, in both layers together.
  size_t durable_ = 0; ///< The same for the lower one.
  size_t crashes_ = 0;
  size_t installs_ = 0;
};

} // namespace coppice::test
