// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Regenerations as they are carried out, over the real tables, with nodes and
// leaders that are killed at any moment, and with messages that come late,
// twice or never.

#include "runtime/health/regeneration/regeneration_facts.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/health/regeneration/regeneration_steps.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/regeneration_tables.hpp"
#include "tests/cluster/seed_count.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;

namespace {

constexpr int64_t tick_ms = 100;

/// A process of a node, and its keeper.
struct simulated_node {
  uint64_t incarnation = 1;
  /// It starts again then; 0: it lives.
  int64_t starts_at = 0;
  /// When its tasks have moved, once it was told to give them up.
  int64_t empty_at = 0;
  uint64_t emptied_for = 0;
};

class world {
public:
  explicit world(uint64_t seed) : random_(seed) {
    for (auto* name : {"a", "b", "c"}) {
      nodes_[name] = {};
      tell_centre(name, true);
    }
  }

  /// @param faults Whether anything may be killed, or lost.
  void run(int ticks, bool faults) {
    for (auto i = 0; i < ticks; ++i) {
      m_.now_ms += tick_ms;
      for (auto& [name, x] : nodes_) {
        live(name, x);
        if (faults && chance(0.01))
          kill(name, x);
      }
      if (faults && chance(0.02))
        said_.clear(); // Another manager leads.
      if (faults && chance(0.03))
        begin();
      lead(faults);
      look();
    }
  }

  /// Returns whether nothing is under way.
  bool is_calm() {
    auto all = rows();
    return late_.empty() && std::none_of(all.begin(), all.end(), is_under_way);
  }

  size_t begun() const {
    return begun_;
  }

  std::vector<proto::RegenerationRow> rows() {
    return m_.read(
      [](const table_view& view) { return get_regenerations(view); });
  }

private:
  bool chance(double x) {
    return std::uniform_real_distribution<>{0, 1}(random_) < x;
  }

  int64_t some_ms(int64_t most) {
    return std::uniform_int_distribution<int64_t>{0, most}(random_);
  }

  std::vector<node_entry> list() {
    return m_.read([](const table_view& view) { return get_list_rows(view); });
  }

  void tell_centre(const std::string& name, bool lives) {
    proto::Command x;
    auto& change = *x.mutable_node();
    change.set_node(name);
    change.set_incarnation(nodes_[name].incarnation);
    if (lives)
      change.set_registered(proto::NodeCard{}.SerializeAsString());
    else
      change.set_down(1);
    m_.run(x);
  }

  void kill(const std::string& name, simulated_node& x) {
    if (x.starts_at != 0)
      return;
    x.starts_at = m_.now_ms + 1 + some_ms(5'000);
    // Perhaps it is back before anybody notices.
    if (chance(0.5))
      tell_centre(name, false);
  }

  /// What the node does in a tick, and what it says.
  void live(const std::string& name, simulated_node& x) {
    if (x.starts_at != 0) {
      if (m_.now_ms < x.starts_at)
        return;
      x = {x.incarnation + 1, 0, 0, 0};
      tell_centre(name, true);
    }
    auto own = row_of(name);
    proto::VitalsRequest out;
    out.set_node(name);
    out.set_incarnation(x.incarnation);
    if (own.regeneration && own.start.incarnation == x.incarnation) {
      auto& order = *own.regeneration;
      if (order.phase == proto::RESTART && order.incarnation == x.incarnation)
        return kill(name, x);
      if (x.emptied_for != order.number) {
        x.emptied_for = order.number;
        x.empty_at = m_.now_ms + some_ms(3'000);
      }
      auto busy = order.phase == proto::DRAIN && m_.now_ms < x.empty_at;
      out.set_regeneration(order.number);
      out.set_done(busy ? proto::QUIESCE : order.phase);
    }
    if (chance(0.7))
      said_[name] = out;
  }

  node_entry row_of(const std::string& name) {
    for (auto& x : list())
      if (x.start.node == name)
        return x;
    return {};
  }

  void begin() {
    auto i = nodes_.begin();
    std::advance(i, some_ms(2));
    proto::Command x;
    auto& row = *x.mutable_regeneration()->mutable_begun();
    row.set_node(i->first);
    row.set_cause(proto::ASKED);
    row.set_drain_deadline_ms(m_.now_ms + 1'000);
    begun_ += m_.run(x).regeneration().has_error() ? 0 : 1;
  }

  /// Takes the next steps, as a leader does; what it proposes may come twice,
  /// late or never.
  void lead(bool faults) {
    auto nodes = list();
    for (auto& row : rows()) {
      auto step = next_step(row, facts_of(row, {nodes, services_, said_}), {},
                            m_.now_ms);
      if (!step)
        continue;
      proto::Command x;
      *x.mutable_regeneration()->mutable_step() = *step;
      if (faults && chance(0.1))
        late_.push_back(x);
      else
        m_.run(x);
      if (faults && chance(0.1))
        m_.run(x);
    }
    if (late_.empty() || !chance(0.2))
      return;
    m_.run(late_.back());
    late_.pop_back();
  }

  /// What holds at any time.
  void look() {
    std::map<std::string, size_t> under_way;
    for (auto& row : rows()) {
      auto phase = proto::NO_PHASE;
      for (auto& step : row.steps()) {
        CAF_REQUIRE(step.phase() > phase);
        phase = step.phase();
      }
      if (is_under_way(row))
        CAF_REQUIRE_EQUAL(++under_way[row.node()], 1u);
      else if (row.outcome() == proto::REGENERATED)
        CAF_REQUIRE(row.successor() > row.incarnation());
    }
    for (auto& x : list())
      CAF_REQUIRE_EQUAL(x.regeneration.has_value(),
                        under_way.count(x.start.node) > 0);
  }

  std::mt19937_64 random_;
  machine m_;
  std::map<std::string, simulated_node> nodes_;
  std::map<std::string, proto::VitalsRequest> said_;
  std::vector<proto::ServiceRow> services_;
  std::vector<proto::Command> late_;
  size_t begun_ = 0;
};

} // namespace

CAF_TEST(whatever is killed a regeneration goes on and has an end) {
  size_t begun = 0;
  std::map<proto::RegenerationEnd, size_t> ends;
  for (uint64_t seed = 1; seed <= seed_count(200); ++seed) {
    CAF_MESSAGE("seed " << seed);
    world x{seed};
    x.run(600, true);
    // Four minutes: more than any phase may take.
    for (auto i = 0; i < 240 && !x.is_calm(); ++i)
      x.run(10, false);
    for (auto& row : x.rows()) {
      CAF_REQUIRE(!is_under_way(row));
      ++ends[row.outcome()];
    }
    begun += x.begun();
  }
  CAF_MESSAGE("begun " << begun << ", regenerated "
                       << ends[proto::REGENERATED]);
  // No node stays away for long, so nearly all of them succeed.
  CAF_CHECK(begun > 0);
  CAF_CHECK(ends[proto::REGENERATED] * 10 > begun * 9);
}
