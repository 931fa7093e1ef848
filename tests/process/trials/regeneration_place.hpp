// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/process/support/real_cluster.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace coppice::trial {

/// Longer than any regeneration may take until it has an end.
inline constexpr auto end_of_regeneration = std::chrono::minutes{4};

/// Where regenerations are tried: three managers that are workers, and a
/// gateway, each a process of its own.
class regeneration_place {
public:
  /// @param service Its name; the only one.
  /// @param binary The program of managers and workers, which knows its class.
  explicit regeneration_place(std::string service,
                              const std::string& binary = COPPICE_BINARY);

  /// Starts all, declares the service, and waits until it answers.
  void start();

  /// Asks for a regeneration.
  /// @returns what has begun, or why it is refused or not known.
  result<std::vector<proto::RegenerationRow>> begin(const std::string& target,
                                                    const std::string& reason);

  /// Returns the regenerations behind *number*, in their order.
  std::vector<proto::RegenerationRow> since(uint64_t number);

  /// Waits until the regenerations behind *number* have ended, and returns
  /// them.
  /// @throws std::runtime_error if they do not.
  std::vector<proto::RegenerationRow> await_ends(uint64_t number);

  /// Waits until the list of nodes has another process of *x* than *killed*,
  /// which may be taken for well for a moment.
  /// @throws std::runtime_error if that does not come.
  void await_successor(const test::real_node& x, pid_t killed);

  /// Waits until all nodes are well, managers vote and the service answers.
  /// @throws std::runtime_error if that does not come.
  void await_wholeness();

  /// Returns the node that has the service, or null.
  test::real_node* owner();

  uint16_t http() const {
    return http_;
  }

  const std::string& service() const {
    return service_;
  }

  std::vector<std::unique_ptr<test::real_node>>& nodes() {
    return cluster_.nodes;
  }

  test::real_node& gateway() {
    return *gateway_;
  }

private:
  bool is_whole();

  std::string service_;
  test::real_cluster cluster_;
  uint16_t http_ = test::free_port();
  std::unique_ptr<test::real_node> gateway_;
  std::unique_ptr<client> client_;
};

/// Prints how long regenerations took, in all and in their phases.
/// @param what Whose they are.
void print_durations(const std::string& what,
                     const std::vector<proto::RegenerationRow>& rows);

} // namespace coppice::trial
