// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_overview.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace coppice {

namespace {

void add_work(proto::Node& out, proto::Node& work) {
  out.set_fenced(work.fenced());
  *out.mutable_kinds() = std::move(*work.mutable_kinds());
  out.set_quarantined(work.quarantined());
  out.mutable_notes()->MergeFrom(work.notes());
  if (out.incarnation() != work.incarnation())
    return; // What an earlier start holds is not its.
  out.set_connected(work.connected());
  out.set_leased(work.leased());
  out.set_heard_ms(std::max(out.heard_ms(), work.heard_ms()));
}

} // namespace

proto::Reply node_overview(proto::Reply list, proto::Reply work) {
  if (list.has_error())
    return list;
  std::map<std::string, proto::Node> nodes;
  auto& out = *list.mutable_nodes();
  for (auto& x : *out.mutable_nodes())
    nodes[x.name()] = std::move(x);
  for (auto& x : *work.mutable_nodes()->mutable_nodes()) {
    auto [known, fresh] = nodes.try_emplace(x.name());
    if (fresh)
      known->second = std::move(x);
    else
      add_work(known->second, x);
  }
  out.clear_nodes();
  for (auto& [name, x] : nodes)
    *out.add_nodes() = std::move(x);
  if (work.has_error())
    out.add_notes("What the nodes run is not known: " + work.error().message());
  return list;
}

} // namespace coppice
