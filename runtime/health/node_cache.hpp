// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/node_entry.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// When a node asks for the list of nodes.
struct cache_limits {
  /// How often it asks although it knows of no gap.
  std::chrono::milliseconds period{10'000};
  /// How long it waits for an answer before it asks again.
  std::chrono::milliseconds retry{500};
};

/// What a node knows of the nodes of its cluster.
///
/// Pure, and owned by the state monitor of each node. Events and answers are
/// the same message, and may come in any order, late, twice or not at all: the
/// cache knows everything up to one version (`version`), and of single nodes
/// more. What is not newer than both changes nothing. The node keeps its rows
/// and its version on disk, so that it knows its peers while no manager
/// answers.
class node_cache {
public:
  // -- member types -----------------------------------------------------------

  using time_point = std::chrono::steady_clock::time_point;

  // -- constructors, destructors, and assignment operators --------------------

  node_cache(std::string cluster, cache_limits limits);

  // -- modifiers --------------------------------------------------------------

  /// Takes over the rows and the version that an earlier start of this node has
  /// saved. Rows may be newer than the version.
  /// @param age How old that view is, by the wall clock.
  /// @pre The cache is new.
  void load(const std::vector<node_entry>& rows, list_version version,
            std::chrono::milliseconds age, time_point now);

  /// Takes over an event or an answer.
  /// @returns The entries that are news here: what is to be saved, with
  ///          `version`. Those that are `forgotten` are in the cache no more.
  std::vector<node_entry> apply(const node_changes& x);

  /// Takes note that the information centre had *version*, in an answer to what
  /// was asked at *asked*: to a query, after `apply`, or to a keep-alive.
  void confirmed(list_version version, time_point asked);

  /// Takes note that an information centre was found: it is to be asked.
  void centre_found();

  /// Returns whether it is time to ask what changed since `version`, and takes
  /// it for asked.
  bool query_due(time_point now);

  // -- properties -------------------------------------------------------------

  /// Returns the version up to which everything is known.
  list_version version() const {
    return complete_;
  }

  /// Returns whether there are changes that are known not to be known.
  bool has_gap() const {
    return seen_ > complete_;
  }

  /// Returns for how long nobody has confirmed that the view is complete, or
  /// nothing if nobody ever has.
  std::optional<std::chrono::milliseconds> age(time_point now) const;

  /// Returns what is known of *node*, or null. Valid until the next modifier.
  const node_entry* find(const std::string& node) const;

  /// Returns the nodes that are healthy as far as is known, in order of their
  /// names.
  std::vector<node_entry> healthy() const;

  /// Returns all rows, in order of their names.
  std::vector<node_entry> rows() const;

private:
  // -- member functions -------------------------------------------------------

  /// Returns when *node* changed last as far as is known, forgotten or not.
  list_version changed(const std::string& node) const;

  bool is_news(const node_entry& x, const node_changes& from) const;

  void put(const node_entry& x, std::vector<node_entry>& news);

  /// Forgets what a whole list does not name.
  void forget_others(const node_changes& x, std::vector<node_entry>& news);

  void complete(list_version version);

  // -- member variables -------------------------------------------------------

  std::string cluster_;

  cache_limits limits_;

  /// Everything up to it is known.
  list_version complete_;

  /// The highest that was ever heard of.
  list_version seen_;

  std::map<std::string, node_entry> nodes_;

  /// Nodes that were forgotten behind a gap, and when: what was before must not
  /// bring them back.
  std::map<std::string, list_version> forgotten_;

  std::optional<time_point> confirmed_;

  std::optional<time_point> asked_;

  /// It is to be asked, gap or not.
  bool wants_answer_ = true;
};

} // namespace coppice
