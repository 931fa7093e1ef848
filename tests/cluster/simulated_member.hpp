// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/consensus/replica.hpp"
#include "tests/cluster/simulated_disk.hpp"
#include "tests/cluster/simulated_network.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coppice::test {

/// The tables behind a log: they record what was applied, in order, and are
/// written behind, so that a crash sets them back.
struct simulated_tables {
  struct row {
    log_position position;
    std::string op;
  };

  log_position applied() const {
    return rows.empty() ? log_position{} : rows.back().position;
  }

  log_position durable() const {
    return durable_rows == 0 ? log_position{} : rows[durable_rows - 1].position;
  }

  std::vector<row> rows; ///< Of every entry, barriers too.
  size_t durable_rows = 0;

  /// What came with the tables, if they are those of a leader.
  log_base installed;
};

/// A read that was asked of a leader and waits for its barrier.
struct waiting_read {
  uint64_t must_see = 0; ///< The last entry acknowledged before it came.
};

/// One member of a simulated group: what survives a crash, and what does not.
struct simulated_member {
  uint64_t id() const {
    return options.id;
  }

  bool alive() const {
    return aut.has_value();
  }

  void crash() {
    ++crashes;
    aut.reset();
    pending.clear();
    reads.clear();
    tables.rows.resize(tables.durable_rows);
  }

  replica_options options;
  simulated_disk disk;
  simulated_tables tables;

  std::optional<replica> aut;
  std::map<uint64_t, log_position> pending;                    ///< By index.
  std::map<uint64_t, std::pair<uint64_t, waiting_read>> reads; ///< Term, read.
  std::optional<snapshot_offer> missing_snapshot; ///< The last one.
  size_t installs = 0;
  size_t crashes = 0;
  uint64_t seen_commit = 0;
  time_point busy_until{};
  time_point restart_at{};
};

} // namespace coppice::test
