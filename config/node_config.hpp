// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/service.pb.h"
#include "runtime/health/quarantine.hpp"
#include "runtime/health/regeneration/regeneration_planner.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// Where somebody listens: `host:port`, or `[host]:port` for IPv6.
struct host_port {
  std::string host;
  uint16_t port = 0;

  friend bool operator==(const host_port&, const host_port&) = default;
};

/// Renders *x* as `parse_host_port` reads it.
/// @relates host_port
std::string to_string(const host_port& x);

/// Returns whether *x* can be reached from this machine only.
/// @relates host_port
bool is_loopback(const host_port& x);

/// How much is logged: this level and everything above it.
enum class log_level : uint8_t { debug, info, warn, error };

/// @relates log_level
const char* to_string(log_level x) noexcept;

/// What a node does in the cluster.
struct node_roles {
  bool manager = true;
  bool worker = true;
  /// Serves the HTTP API.
  bool gateway = false;

  friend bool operator==(const node_roles&, const node_roles&) = default;
};

/// @relates node_roles
std::string to_string(const node_roles& x);

/// Returns the number of processor cores, at least 1.
uint32_t core_count() noexcept;

/// Everything a node is told when it starts: the options of its config file
/// and command line, as `load` checked them.
///
/// A section of the file is a member, an option `a.b` its field `a.b` (or
/// `a.b_bytes`). The defaults of the options are the initialisers
/// below and nowhere else.
struct node_config {
  // -- member types -----------------------------------------------------------

  using ms = std::chrono::milliseconds;

  struct node_section {
    /// Unique in the cluster. 1 to 64 of `A-Za-z0-9._-`; no default.
    std::string id;
    node_roles roles;
    /// The node port, where nodes and clients connect. Port 0: any free one.
    host_port listen{"127.0.0.1", 7401};
    /// Confirms that *listen* may be an address that others can reach: the
    /// node port trusts whoever connects.
    bool insecure = false;
  };

  struct http_section {
    /// Where a gateway serves HTTP. Port 0: any free one.
    host_port listen{"127.0.0.1", 7480};
    /// More connections are turned away.
    uint32_t max_connections = 10'000;
  };

  struct data_section {
    /// Where the node keeps what survives it; no default.
    std::filesystem::path dir;
  };

  struct log_section {
    log_level level = log_level::info;
  };

  struct storage_section {
    /// Managers refuse new work when less than this is free on the disk.
    uint64_t reserve_bytes = uint64_t{1} << 30;
    /// How large the LMDB maps are at first; they grow by themselves.
    uint64_t map_size_bytes = uint64_t{1} << 30;
  };

  struct task_section {
    /// The largest encoded spec that is accepted.
    uint64_t max_payload_bytes = uint64_t{1} << 20;
    /// Between SIGTERM and SIGKILL of a command that is cancelled.
    ms term_grace{10'000};
  };

  struct history_section {
    /// How long a task and its attempts are kept after its end.
    ms keep{std::chrono::hours{7 * 24}};
  };

  struct dedupe_section {
    /// How long an idempotency key, and the task that it names, are kept at
    /// least after the end of that task.
    ms window{std::chrono::hours{24}};
  };

  struct lease_section {
    /// How long a worker may be silent before its attempts are given up.
    ms duration{10'000};
  };

  struct keepalive_section {
    /// How often a worker renews its leases and reports progress.
    ms interval{1'000};
    /// A node that was silent for so long is down.
    ms limit{3'000};
  };

  struct quarantine_section {
    /// So many tasks in a row have to fail fast on a node; 0: none is ever
    /// quarantined.
    size_t failures = quarantine_limits{}.failures;
    /// An attempt that failed so soon after its lease failed fast.
    ms fast = quarantine_limits{}.fast;
    /// The first quarantine; each trial that fails doubles it.
    ms backoff = quarantine_limits{}.backoff_min;
  };

  struct regeneration_section {
    /// Whether what is worn is cut back without being asked for.
    bool automatic = true;
    /// So many nodes at once.
    size_t max_parallel = regeneration_policy{}.max_parallel;
    /// The share of the workers that stays, in percent.
    uint32_t capacity_floor = 50;
    /// The same thing is not cut back again before, unless people ask.
    ms cooldown = regeneration_policy{}.cooldown;
    /// No node gets older; 0: as old as it can.
    ms every = regeneration_policy{}.every;
    /// Then only what is at its limit is cut back, unless people ask.
    std::optional<daily_hours> quiet{};
    /// How long tasks have to move; what did not is stopped, and tried again.
    ms drain{60'000};
  };

  struct ageing_section {
    /// Nothing is concluded from what is measured before.
    ms warm_up{600'000};
    /// The shortest span that is looked at as one.
    ms resolution{60'000};
    /// How much memory a node may have; 0: that of the machine.
    uint64_t memory_limit = 0;
    /// What takes a process so long is of no use; 0: that is no wear.
    ms latency_limit{2'000};
  };

  struct raft_section {
    /// How long a manager waits for its leader before it stands for election.
    ms election_timeout{500};
    /// How often a leader shows its followers that it is there.
    ms heartbeat{50};
    /// Entries that stay in the log for managers that are behind.
    uint32_t trailing_entries = 4'096;
  };

  /// A manager, as the others know it.
  struct manager_address {
    std::string node;
    host_port address;

    friend bool operator==(const manager_address&, const manager_address&)
      = default;
  };

  struct cluster_section {
    /// 1 to 64 of `A-Za-z0-9._-`.
    std::string name = "coppice";
    /// All managers that found the cluster together, this one among them.
    /// Empty: this one alone.
    std::vector<manager_address> managers;
    /// How many shards the tasks are spread over; can be raised, never lowered.
    uint32_t shards = 1;
  };

  struct worker_section {
    /// Managers to join. Empty: the manager in this very process.
    std::vector<host_port> managers;
    /// How many attempts run at the same time.
    uint32_t slots = core_count();
    /// What rules of a task's spec (`gpu=yes`) are held against.
    std::map<std::string, std::string> labels;
    /// How long output is kept, from the end of its attempt.
    ms logs_keep{std::chrono::hours{7 * 24}};
    /// How much output of attempts that have ended is kept.
    uint64_t logs_max_bytes = uint64_t{1} << 30;
    /// Where gateways bring the requests to the services of this node. Without
    /// a host: that of `node.listen`. Port 0: any free one.
    host_port service_listen{"", 0};
  };

  struct net_section {
    /// How often each end of a connection shows that it is there.
    ms heartbeat{500};
    /// After this much silence a connection is given up.
    ms timeout{3'000};
  };

  struct keeper_section {
    /// A node that ran this long has started well: the back-off begins anew.
    ms min_uptime{5'000};
    /// The pause after the first crash; each further one doubles it.
    ms backoff_min{100};
    /// The longest pause.
    ms backoff_max{30'000};
    /// The keeper gives up at more crashes than this within *period*.
    uint32_t max_restarts = 20;
    ms period{600'000};
    /// Between SIGTERM and SIGKILL of a node that is stopped.
    ms stop_timeout{30'000};
  };

  // -- member functions -------------------------------------------------------

  /// Names the option *key* and where it was set, for error messages:
  /// `config/single.conf:12: node.listen`, `--node.listen`, or `node.listen
  /// (default)`.
  std::string where(std::string_view key) const;

  /// Returns how long an ended task stays after its end: as long as it, or its
  /// idempotency key, is to be known.
  ms ended_kept() const;

  /// Returns `worker.service_listen` with a host.
  host_port service_address() const;

  // -- member variables -------------------------------------------------------

  node_section node;
  http_section http;
  data_section data;
  log_section log;
  storage_section storage;
  task_section task;
  history_section history;
  dedupe_section dedupe;
  lease_section lease;
  keepalive_section keepalive;
  quarantine_section quarantine;
  regeneration_section regeneration;
  ageing_section ageing;
  raft_section raft;
  cluster_section cluster;
  worker_section worker;
  net_section net;
  keeper_section keeper;
  /// Of the sections `[service.NAME]`. A manager makes those that do not exist
  /// when it begins to lead, and changes none.
  std::vector<proto::ServiceSpec> services;

  /// What `where` returns, of the options that were set.
  std::map<std::string, std::string, std::less<>> origins;
};

} // namespace coppice
