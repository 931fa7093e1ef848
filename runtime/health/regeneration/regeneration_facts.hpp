// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "proto/service.pb.h"
#include "runtime/health/node_entry.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace coppice {

/// What is known of something that is regenerated.
struct regeneration_facts {
  /// Its node, as in the list; null: it is not in there.
  const node_entry* node = nullptr;
  /// What its node said last, whichever start of it; null: nothing, to this
  /// leader.
  const proto::VitalsRequest* said = nullptr;
  /// Of a service: where the instance is now; null: nowhere.
  const proto::ServicePlace* place = nullptr;
  /// Of a service: it is to be no more.
  bool removed = false;
  /// Of a node: how many instances of services it has.
  size_t services_here = 0;
  /// Of a node: another one could have one of them.
  bool others_serve = false;
  /// Of a node: there are services that have no place, or begin on it.
  bool services_begin = false;
};

/// What all regenerations are looked at by.
struct regeneration_view {
  /// The list of nodes.
  const std::vector<node_entry>& nodes;
  const std::vector<proto::ServiceRow>& services;
  /// What each node said last.
  const std::map<std::string, proto::VitalsRequest>& said;
};

/// Returns what is known of *row*; points into *all*.
regeneration_facts facts_of(const proto::RegenerationRow& row,
                            const regeneration_view& all);

} // namespace coppice
