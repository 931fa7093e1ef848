// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_overview.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

CAF_TEST(a node is what its list and the shards say of it) {
  proto::Reply list;
  auto& healthy = *list.mutable_nodes()->add_nodes();
  healthy.set_name("n1");
  healthy.set_incarnation(2);
  healthy.set_state("healthy");
  healthy.add_notes("It is healthy.");
  proto::Reply work;
  for (auto* name : {"n1", "n2"}) {
    auto& x = *work.mutable_nodes()->add_nodes();
    x.set_name(name);
    x.set_incarnation(1); // What an earlier start did counts, too.
    x.set_quarantined(true);
    x.add_notes("It is quarantined.");
  }
  auto nodes = node_overview(list, work).nodes();
  CAF_REQUIRE_EQUAL(nodes.nodes_size(), 2);
  for (auto& x : nodes.nodes())
    CAF_CHECK(x.quarantined());
  CAF_CHECK_EQUAL(nodes.nodes(0).state(), "healthy");
  CAF_REQUIRE_EQUAL(nodes.nodes(0).notes_size(), 2);
  CAF_CHECK_EQUAL(nodes.nodes(0).notes(1), "It is quarantined.");
  CAF_CHECK_EQUAL(nodes.nodes(1).name(), "n2");
}
