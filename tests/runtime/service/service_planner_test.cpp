// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/service_planner.hpp"

#include "proto/node_list.pb.h"

#include <caf/test/unit_test.hpp>

#include <random>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using step_kind = service_step::kind_type;

/// Carries out what the planner says, as the tables would.
struct fixture {
  fixture() {
    make_planner();
  }

  void make_planner() {
    planner.emplace(limits, service_retry_limits{}, now);
  }

  // -- nodes ------------------------------------------------------------------

  node_entry entry(const std::string& node, uint64_t incarnation) {
    node_entry x;
    x.start = {node, incarnation};
    x.changed = {1, ++list_version_counter};
    proto::NodeCard card;
    card.set_worker(true);
    for (auto& label : labels[node])
      card.add_labels(label);
    x.card = card.SerializeAsString();
    return x;
  }

  void learn(const node_entry& x) {
    planner->hosts.learn(x);
  }

  /// A healthy node that asks.
  void enter(const std::string& node, uint64_t incarnation = 1) {
    learn(entry(node, incarnation));
    alive[node] = incarnation;
    poll(node);
  }

  void end(const std::string& node, node_state state,
           down_cause cause = down_cause::none) {
    auto x = entry(node, alive[node]);
    x.state = state;
    x.cause = cause;
    alive.erase(node);
    learn(x);
  }

  void drain(const std::string& node) {
    auto x = entry(node, alive[node]);
    x.hold = node_hold{1, 0};
    learn(x);
  }

  /// The node has what is placed on it, as *reports* says or else ready.
  void poll(const std::string& node) {
    proto::ServicesRequest x;
    x.set_node(node);
    x.set_incarnation(alive.at(node));
    x.set_known(version);
    for (auto& row : rows)
      for (auto& place : row.places()) {
        if (place.node() != node || place.incarnation() != alive.at(node))
          continue;
        auto& out = *x.add_reports();
        out.set_service(row.spec().name());
        out.set_instance(place.instance());
        out.set_epoch(place.epoch());
        out.set_address(node + ":80");
        auto said = reports.find(node);
        out.set_status(said != reports.end() ? said->second
                       : place.status() == proto::SERVICE_LEAVING
                         ? proto::SERVICE_STOPPED
                         : proto::SERVICE_READY);
      }
    planner->hosts.heard(x, now);
  }

  void poll_all() {
    for (auto& [node, incarnation] : alive)
      poll(node);
  }

  // -- services ---------------------------------------------------------------

  proto::ServiceRow& add(const std::string& name, uint32_t instances = 1) {
    auto& row = rows.emplace_back();
    row.mutable_spec()->set_name(name);
    row.mutable_spec()->set_form(proto::PROCESS_SERVICE);
    row.mutable_spec()->add_command("run");
    row.mutable_spec()->set_instances(instances);
    row.set_number(static_cast<uint32_t>(rows.size()));
    row.set_revision(1);
    row.set_changed(++version);
    return row;
  }

  std::optional<service_step> step() {
    auto x = planner->next(rows, dropped, {}, now);
    if (!x || x->kind == step_kind::drop)
      return x;
    auto row = std::find_if(rows.begin(), rows.end(), [&](auto& y) {
      return y.spec().name() == x->service;
    });
    if (x->kind == step_kind::erase) {
      rows.erase(row);
      return x;
    }
    row->clear_places();
    for (auto place : x->places) {
      if (place.epoch() == 0)
        place.set_epoch(++version);
      *row->add_places() = place;
    }
    row->set_changed(++version);
    ++commands;
    return x;
  }

  /// Lets all be done that can be done now, and nodes ask at once.
  void settle() {
    for (auto i = 0; i < 100; ++i) {
      auto idle = !step();
      poll_all();
      if (idle && !planner->next(rows, dropped, {}, now))
        return;
    }
    CAF_FAIL("it never comes to rest");
  }

  void pass(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 500ms) {
      now += 500ms;
      poll_all();
      step();
    }
  }

  const proto::ServicePlace& place(size_t row = 0, int i = 0) {
    static const proto::ServicePlace nothing;
    return rows.at(row).places_size() > i ? rows.at(row).places(i) : nothing;
  }

  const std::string& node(size_t row = 0, int i = 0) {
    return place(row, i).node();
  }

  service_host_limits limits;
  service_planner::time_point now{1h};
  std::optional<service_planner> planner;
  std::vector<proto::ServiceRow> rows;
  std::set<std::string> dropped;
  std::map<std::string, uint64_t> alive;
  std::map<std::string, proto::ServiceStatus> reports;
  std::map<std::string, std::vector<std::string>> labels;
  uint64_t version = 1;
  uint64_t list_version_counter = 0;
  int commands = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(service_planner_tests, fixture)

CAF_TEST(services spread over the nodes and stay there) {
  enter("a");
  enter("b");
  add("x");
  add("y");
  add("z", 2);
  settle();
  CAF_CHECK_EQUAL(place(0).status(), proto::SERVICE_READY);
  CAF_CHECK_EQUAL(place(0).address(), "a:80");
  CAF_CHECK(node(0) != node(1));
  CAF_CHECK(node(2, 0) != node(2, 1));
  auto before = commands;
  enter("c");
  pass(60s);
  CAF_CHECK_EQUAL(commands, before);
}

CAF_TEST(only nodes with its labels and that ask are given a service) {
  labels["b"] = {"disk=ssd"};
  enter("a");
  add("x").mutable_spec()->add_labels("disk=ssd");
  settle();
  CAF_CHECK(node().empty());
  learn(entry("b", 1)); // It has registered, and did not ask yet.
  settle();
  CAF_CHECK(node().empty());
  pass(6s);
  CAF_CHECK(place().why().find("disk=ssd") != std::string::npos);
  enter("b");
  settle();
  CAF_CHECK_EQUAL(node(), "b");
  CAF_CHECK(place().why().empty());
}

CAF_TEST(what was on a node that is down or left goes elsewhere at once) {
  enter("a");
  enter("b");
  add("x");
  settle();
  auto epoch = place().epoch();
  end("a", node_state::down, down_cause::refused);
  settle();
  CAF_CHECK_EQUAL(node(), "b");
  CAF_CHECK(place().epoch() > epoch);
  enter("a", 2);
  end("b", node_state::left);
  settle();
  CAF_CHECK_EQUAL(node(), "a");
  CAF_CHECK_EQUAL(place().incarnation(), 2u);
}

CAF_TEST(a new start of a node has nothing of the one before) {
  enter("a");
  add("x");
  settle();
  auto epoch = place().epoch();
  enter("a", 2);
  settle();
  CAF_CHECK_EQUAL(place().incarnation(), 2u);
  CAF_CHECK(place().epoch() > epoch);
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_READY);
}

CAF_TEST(an exclusive service waits for the lease of a silent node) {
  enter("a");
  enter("b");
  add("x").mutable_spec()->set_exclusive(true);
  settle();
  pass(30s);
  auto epoch = place().epoch();
  // A refused connection proves nothing either: its process may live.
  end("a", node_state::down, down_cause::refused);
  pass(limits.lease - 500ms);
  CAF_CHECK_EQUAL(place().epoch(), epoch);
  pass(1s);
  CAF_CHECK_EQUAL(node(), "b");
}

CAF_TEST(an exclusive service does not wait for a node that began anew) {
  enter("a");
  enter("b");
  add("x").mutable_spec()->set_exclusive(true);
  settle();
  auto first = node();
  enter(first, 2);
  settle();
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_READY);
  CAF_CHECK(node() != first || place().incarnation() == 2);
}

CAF_TEST(a new leader lets the leases of a former one end) {
  enter("a");
  add("x").mutable_spec()->set_exclusive(true);
  settle();
  end("a", node_state::down, down_cause::silent);
  auto down = entry("a", 1);
  down.state = node_state::down;
  make_planner();
  learn(down);
  enter("b");
  pass(limits.lease - 1s);
  CAF_CHECK_EQUAL(node(), "a");
  pass(2s);
  CAF_CHECK_EQUAL(node(), "b");
}

CAF_TEST(a new leader gives nodes time to find it) {
  enter("a");
  enter("b");
  add("x");
  settle();
  auto before = rows[0].SerializeAsString();
  auto row = entry("a", 1);
  make_planner();
  learn(row);
  CAF_CHECK(!step());
  now += 4s;
  CAF_CHECK(!step());
  poll("a");
  settle();
  CAF_CHECK(rows[0].SerializeAsString() == before);
}

CAF_TEST(a healthy node that does not ask for long loses what it has) {
  enter("a");
  enter("b");
  add("x");
  settle();
  alive.erase("a");
  pass(limits.patience - 1s);
  CAF_CHECK_EQUAL(node(), "a");
  pass(2s);
  CAF_CHECK_EQUAL(node(), "b");
}

CAF_TEST(a drained node finishes what it has first) {
  enter("a");
  enter("b");
  add("x");
  settle();
  drain("a");
  auto said = step();
  CAF_REQUIRE(said);
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_LEAVING);
  CAF_CHECK_EQUAL(node(), "a");
  CAF_CHECK(!step());
  poll("a");
  step();
  CAF_CHECK_EQUAL(node(), "b");
}

CAF_TEST(a drained node keeps what nobody else can have) {
  enter("a");
  add("x");
  settle();
  drain("a");
  pass(5s);
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_READY);
  enter("b");
  settle();
  CAF_CHECK_EQUAL(node(), "b");
}

CAF_TEST(a node that never began has nothing to stop) {
  enter("a");
  enter("b");
  add("x");
  step();
  drain("a");
  step();
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_LEAVING);
  proto::ServicesRequest x;
  x.set_node("a");
  x.set_incarnation(1);
  x.set_known(version - 1);
  planner->hosts.heard(x, now);
  CAF_CHECK(!step()); // It does not know yet.
  x.set_known(version);
  planner->hosts.heard(x, now);
  step();
  CAF_CHECK_EQUAL(node(), "b");
}

CAF_TEST(what fails is tried again elsewhere and ever more slowly) {
  enter("a");
  enter("b");
  add("x");
  reports["a"] = proto::SERVICE_FAILED;
  step();
  poll("a");
  step();
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_FAILED);
  CAF_CHECK(!step());
  now += 900ms;
  CAF_CHECK(!step());
  now += 100ms;
  poll_all();
  step();
  CAF_CHECK_EQUAL(node(), "b");
  reports["b"] = proto::SERVICE_FAILED;
  commands = 0;
  pass(120s);
  // Two commands for each try; pauses of 2, 4, 8, 16, 32, 60 seconds.
  CAF_CHECK(commands >= 8 && commands <= 16);
}

CAF_TEST(what stops in order has not failed and comes back at once) {
  enter("a");
  add("x");
  settle();
  for (auto i = 0; i < 3; ++i) {
    auto epoch = place().epoch();
    reports["a"] = proto::SERVICE_STOPPED;
    poll("a");
    step();
    CAF_CHECK(place().epoch() > epoch);
    CAF_CHECK_EQUAL(node(), "a");
    reports.clear();
    settle();
  }
}

CAF_TEST(who has a place to go does not wait for one where it has failed) {
  enter("a");
  add("x");
  reports["a"] = proto::SERVICE_FAILED;
  step();
  poll("a");
  step();
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_FAILED);
  reports.clear();
  enter("b");
  enter("a", 2);
  settle();
  CAF_CHECK_EQUAL(node(), "b");
  auto moved = planner->move(rows[0], now);
  CAF_REQUIRE(moved);
  *rows[0].mutable_places(0) = moved.value()[0];
  settle();
  CAF_CHECK_EQUAL(node(), "b");
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_READY);
}

CAF_TEST(a new leader does not start at once what has failed) {
  enter("a");
  add("x");
  settle();
  reports["a"] = proto::SERVICE_FAILED;
  poll_all();
  step();
  CAF_CHECK_EQUAL(rows[0].places(0).status(), proto::SERVICE_FAILED);
  auto epoch = rows[0].places(0).epoch();
  make_planner();
  enter("a");
  CAF_CHECK(!step());
  reports.clear();
  pass(2s);
  CAF_CHECK(rows[0].places(0).epoch() > epoch);
}

CAF_TEST(what a node says of another epoch does not count) {
  enter("a");
  add("x");
  settle();
  proto::ServicesRequest x;
  x.set_node("a");
  x.set_incarnation(1);
  auto& report = *x.add_reports();
  report.set_service("x");
  report.set_epoch(place().epoch() - 1);
  report.set_status(proto::SERVICE_FAILED);
  planner->hosts.heard(x, now);
  CAF_CHECK(!step());
  report.set_epoch(place().epoch());
  x.set_incarnation(0);
  planner->hosts.heard(x, now);
  CAF_CHECK(!step());
}

CAF_TEST(nothing is written that has not changed) {
  enter("a");
  add("x");
  settle();
  auto before = commands;
  pass(30s);
  CAF_CHECK_EQUAL(commands, before);
}

CAF_TEST(a new spec restarts one instance after the other) {
  enter("a");
  enter("b");
  enter("c");
  add("x", 3);
  settle();
  auto epochs = rows[0].places(0).epoch();
  rows[0].set_revision(2);
  size_t least = 3;
  for (auto i = 0; i < 50; ++i) {
    step();
    auto ready = std::count_if(
      rows[0].places().begin(), rows[0].places().end(),
      [](auto& x) { return x.status() == proto::SERVICE_READY; });
    least = std::min(least, static_cast<size_t>(ready));
    poll_all();
  }
  CAF_CHECK_EQUAL(least, 2u);
  for (auto& x : rows[0].places()) {
    CAF_CHECK_EQUAL(x.revision(), 2u);
    CAF_CHECK_EQUAL(x.status(), proto::SERVICE_READY);
    CAF_CHECK(x.epoch() > epochs);
  }
}

CAF_TEST(people move a service if there is a place for it) {
  enter("a");
  add("x");
  settle();
  CAF_CHECK(!planner->move(rows[0], now));
  enter("b");
  auto moved = planner->move(rows[0], now);
  CAF_REQUIRE(moved);
  for (auto& x : moved.value())
    *rows[0].mutable_places(0) = x;
  settle();
  CAF_CHECK_EQUAL(node(), "b");
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_READY);
}

CAF_TEST(fewer instances are those with the lowest numbers) {
  enter("a");
  add("x", 3);
  settle();
  CAF_CHECK_EQUAL(rows[0].places_size(), 3);
  rows[0].mutable_spec()->set_instances(1);
  settle();
  CAF_CHECK_EQUAL(rows[0].places_size(), 1);
  CAF_CHECK_EQUAL(place().instance(), 0u);
}

CAF_TEST(a removed service is stopped first and then its journal goes) {
  enter("a");
  auto& row = add("x");
  row.mutable_spec()->set_form(proto::NATIVE_SERVICE);
  row.set_shard(3);
  settle();
  rows[0].set_removed(true);
  step();
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_LEAVING);
  poll("a");
  step();
  CAF_CHECK_EQUAL(rows[0].places_size(), 0);
  auto said = step();
  CAF_REQUIRE(said);
  CAF_CHECK(said->kind == step_kind::drop);
  CAF_CHECK_EQUAL(said->number, 1u);
  CAF_CHECK_EQUAL(said->shard, 3u);
  dropped.insert("x");
  step();
  CAF_CHECK(rows.empty());
}

CAF_TEST(a busy service does not hold up the others) {
  enter("a");
  add("x");
  add("y");
  auto said = planner->next(rows, {}, {"x"}, now);
  CAF_REQUIRE(said);
  CAF_CHECK_EQUAL(said->service, "y");
}

CAF_TEST(whatever happens to nodes all services run in the end) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    fixture x;
    std::minstd_rand rng{seed};
    auto below = [&](uint32_t n) { return static_cast<uint32_t>(rng() % n); };
    std::map<std::string, uint64_t> last;
    for (auto i = 0u; i < 4; ++i)
      x.add("s" + std::to_string(i), 1 + below(3))
        .mutable_spec()
        ->set_exclusive(below(3) == 0);
    for (auto i = 0; i < 200; ++i) {
      auto name = "n" + std::to_string(below(4));
      if (x.alive.count(name) == 0)
        x.enter(name, ++last[name]);
      else if (below(6) == 0)
        x.end(name, below(3) == 0 ? node_state::left : node_state::down,
              down_cause::silent);
      else if (below(3) == 0)
        x.reports[name] = static_cast<proto::ServiceStatus>(below(7));
      else
        x.reports.erase(name);
      x.pass(std::chrono::milliseconds{500 * below(5)});
    }
    x.reports.clear();
    for (auto i = 0; i < 4; ++i)
      x.enter("n" + std::to_string(i), ++last["n" + std::to_string(i)]);
    x.pass(120s);
    for (auto& row : x.rows) {
      CAF_CHECK_EQUAL(row.places_size(),
                      static_cast<int>(row.spec().instances()));
      for (auto& place : row.places())
        CAF_CHECK_EQUAL(place.status(), proto::SERVICE_READY);
    }
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
