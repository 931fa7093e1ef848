// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/launch/unique_fd.hpp"
#include "tests/process/support/node_place.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// Takes this process away from the network of the machine, so that it can have
/// networks that nobody else sees. Call it while there is one thread only.
/// @returns Why it cannot, or nothing.
std::string allow_networks();

/// Hosts, each in a network namespace of its own, with a router between them;
/// this process is one of them. The namespaces have no names: the kernel takes
/// them away with the last process and descriptor, however the test ends.
///
/// A cut is what a broken network is: packets vanish, and nobody is told.
class network {
public:
  /// @pre `allow_networks` has succeeded.
  network();

  network(const network&) = delete;

  network& operator=(const network&) = delete;

  /// Adds a host that all others reach.
  node_place add();

  /// Returns the address of this process.
  std::string here() const {
    return hosts_.front();
  }

  /// Loses what *from* sends to *to*, until `heal`.
  void cut_one_way(const std::string& from, const std::string& to);

  /// Loses what two hosts send each other, until `heal`.
  void cut(const std::string& x, const std::string& y);

  /// Cuts *x* off from all other hosts but *spared*, until `heal`.
  void isolate(const std::string& x, const std::string& spared = {});

  /// Ends all cuts.
  void heal();

private:
  using link = std::pair<std::string, std::string>;

  /// Joins the namespace with the router, and gives it the next address.
  std::string join(int net_namespace, bool is_own);

  /// Adds or deletes the rules of the router that lose packets.
  void change_rules(const std::string& verb, const std::set<link>& links);

  /// The first three numbers of all addresses.
  std::string prefix_;
  unique_fd router_;
  std::vector<unique_fd> namespaces_;
  std::vector<std::string> hosts_;
  std::set<link> cuts_;
};

} // namespace coppice::test
