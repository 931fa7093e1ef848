// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/state_monitor.hpp"

#include "runtime/health/node_message.hpp"
#include "tests/actors/health_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// What a listener and the disk were told.
struct told_rows {
  std::vector<std::string> rows;
  std::vector<saved_view> saved;
};

using rows_ptr = std::shared_ptr<told_rows>;

node_listener::behavior_type fake_listener(node_listener::pointer,
                                           rows_ptr out) {
  return {
    [out](const node_news& x) {
      for (auto& row : *x.rows)
        out->rows.push_back(row.start.node + " " + to_string(row.state));
    },
  };
}

view_saver::behavior_type fake_saver(view_saver::pointer, rows_ptr out) {
  return {
    [out](const saved_view& x) { out->saved.push_back(x); },
  };
}

/// What a frozen centre says to those that register; unset: nothing.
using last_word = std::optional<proto::RegistrationReply>;

/// A centre that stands still, but may register nodes before that.
local_information_centre_actor::behavior_type
frozen_centre(local_information_centre_actor::pointer self, last_word said) {
  return {
    [self](const proto::KeepAlive&) -> caf::result<proto::KeepAliveAck> {
      return self->make_response_promise<proto::KeepAliveAck>();
    },
    [](const proto::NodeQuery&) {},
    [](const proto::Leave&) { return proto::LeaveAck{}; },
    [self, said](const proto::Registration&, const state_monitor_actor&)
      -> caf::result<proto::RegistrationReply> {
      if (said)
        return *said;
      return self->make_response_promise<proto::RegistrationReply>();
    },
    [](const proto::Request&) { return proto::Reply{}; },
    [](const proto::Command&) { return proto::Outcome{}; },
  };
}

struct fixture : health_fixture {
  fixture() {
    listener = sys.spawn(fake_listener, out);
    options.start = {"w", 1};
    options.saver = sys.spawn(fake_saver, out);
    options.over = [this] { ++overs; };
    options.seed = 1;
  }

  ~fixture() {
    end(monitor);
    end(frozen);
    self->send_exit(listener, caf::exit_reason::kill);
    self->send_exit(options.saver, caf::exit_reason::kill);
    consume_messages();
  }

  /// Starts the STATE_MONITOR of the node w.
  void start_monitor() {
    monitor = sys.spawn(state_monitor, options);
    self->send(monitor, listener);
    self->send(monitor, node_place{card_of("w"), {front, {}}});
    listening["w:1"] = net::probe_result::reached;
    consume_messages();
  }

  /// Makes *x* the centre that nodes are sent to.
  void lead(const local_information_centre_actor& x) {
    self->send(
      front,
      lead_info{cluster_group, {}, {}, x, cluster, cluster_store, 1, true});
    consume_messages();
  }

  static proto::RegistrationReply welcome() {
    proto::RegistrationReply x;
    x.set_limit_ms(1'000);
    return x;
  }

  /// Has a centre lead that stands still.
  void freeze(const last_word& said) {
    frozen = sys.spawn(frozen_centre, said);
    lead(frozen);
    options.limits.limit = 1s;
  }

  /// Has another centre take over.
  void succeed() {
    end(centre);
    consume_messages();
    centre
      = sys.spawn(information_centre, centre_options, cluster_store, cluster);
    lead(centre);
  }

  /// Returns the names of the nodes that w knows, with their states.
  std::vector<std::string> known() {
    proto::Request x;
    x.mutable_nodes();
    auto reply = need(request<proto::Reply>(monitor, x));
    std::vector<std::string> result;
    for (auto& node : reply.nodes().nodes())
      result.push_back(node.name() + " " + node.state());
    return result;
  }

  using names = std::vector<std::string>;

  state_monitor_options options;
  state_monitor_impl monitor;
  local_information_centre_actor frozen;
  node_listener listener;
  rows_ptr out = std::make_shared<told_rows>();
  int overs = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_monitor_tests, fixture)

CAF_TEST(a node knows those that were there and those that come) {
  start();
  enter("a", 1);
  start_monitor();
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
  CAF_CHECK(known() == names({"a healthy", "w healthy"}));
  enter("b", 1);
  CAF_CHECK(known() == names({"a healthy", "b healthy", "w healthy"}));
  CAF_CHECK_EQUAL(out->rows.back(), "b healthy");
  CAF_REQUIRE(!out->saved.empty());
  CAF_CHECK_EQUAL(out->saved.back().rows.back().start.node, "b");
}

CAF_TEST(a node gives signs of life) {
  start();
  enter("a", 1);
  start_monitor();
  pass_alive(3s, {"a"});
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
  CAF_CHECK(!look("w").suspected());
}

CAF_TEST(a node keeps to the limit of the centre from the beginning) {
  start();
  enter("a", 1);
  options.limits.limit = 30s; // Signs of life each 6 s.
  start_monitor();
  auto before = look("w").changed_ms();
  for (auto i = 0; i < 10; ++i) {
    pass_alive(100ms, {"a"});
    CAF_CHECK(!look("w").suspected());
  }
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
  CAF_CHECK_EQUAL(look("w").changed_ms(), before);
}

CAF_TEST(a node registers again with the next centre) {
  start();
  start_monitor();
  end(centre);
  pass(100ms);
  succeed();
  pass(3s);
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
  CAF_CHECK(!look("w").suspected());
  enter("b", 1);
  CAF_CHECK(known() == names({"b healthy", "w healthy"}));
}

CAF_TEST(a centre that stands still is left before the next one has to judge) {
  start();
  enter("w", 1); // So that the next one expects to hear of it.
  freeze(welcome());
  start_monitor();
  // The node has just spoken to the one that stands still.
  pass(200ms);
  succeed();
  pass(900ms);
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
  CAF_CHECK(!look("w").suspected());
}

CAF_TEST(a manager that does not register a node has half a limit for it) {
  start();
  freeze({});
  start_monitor();
  lead(centre);
  pass(600ms);
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
}

CAF_TEST(a centre that does not know whether it registers refuses nobody) {
  start();
  proto::RegistrationReply unsure;
  set_error(*unsure.mutable_error(), {ec::deadline_exceeded, "who knows"});
  freeze(unsure);
  start_monitor();
  lead(centre);
  pass(200ms);
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
}

CAF_TEST(a node that was taken for dead says that it lives) {
  start();
  enter("a", 1);
  start_monitor();
  proto::Command command;
  command.mutable_node()->set_node("w");
  command.mutable_node()->set_incarnation(1);
  command.mutable_node()->set_down(1);
  // The centre of another manager has said so meanwhile.
  need(request<proto::Outcome>(cluster, command));
  succeed();
  CAF_CHECK_EQUAL(state_of("w"), "down");
  pass_alive(3s, {"a"});
  CAF_CHECK_EQUAL(state_of("w"), "healthy");
}

CAF_TEST(a start that is over ends its node) {
  start();
  start_monitor();
  CAF_CHECK(!enter("w", 2)->said.has_error());
  pass(1s);
  CAF_CHECK_EQUAL(overs, 1);
}

CAF_TEST(a node that ends leaves first) {
  start();
  enter("a", 1);
  start_monitor();
  self->send_exit(monitor, caf::exit_reason::user_shutdown);
  consume_messages();
  monitor = nullptr;
  CAF_CHECK_EQUAL(state_of("w"), "left");
}

CAF_TEST(what was saved is known before anybody answers) {
  node_entry row;
  row.start = {"a", 1};
  row.changed = {1, 1};
  options.saved = {options.cluster, {row}, {1, 1}, wall_clock_ms() - 90'000};
  monitor = sys.spawn(state_monitor, options);
  consume_messages();
  CAF_CHECK(known() == names({"a healthy"}));
  proto::Request x;
  x.mutable_nodes();
  auto reply = need(request<proto::Reply>(monitor, x));
  CAF_REQUIRE_EQUAL(reply.nodes().notes_size(), 1);
  auto note = reply.nodes().notes(0);
  CAF_CHECK(note.find("1m30s") != std::string::npos);
}

CAF_TEST(the view of another cluster is not believed) {
  node_entry row;
  row.start = {"a", 1};
  row.changed = {1, 1};
  options.saved = {"bank", {row}, {1, 1}, wall_clock_ms()};
  monitor = sys.spawn(state_monitor, options);
  consume_messages();
  CAF_CHECK(known().empty());
}

CAF_TEST(changes that make no sense change nothing) {
  start();
  enter("a", 1);
  start_monitor();
  auto before = known();
  proto::NodeChangesPart x;
  x.set_cluster(options.cluster);
  x.set_count(1);
  x.set_whole(true);
  x.mutable_version()->set_epoch(9);
  auto& row = *x.add_rows();
  row.set_node("evil");
  row.set_state(77);
  row.mutable_changed()->set_epoch(9);
  self->send(monitor, x);
  x.set_cluster("bank");
  x.clear_rows();
  self->send(monitor, x);
  x.set_cluster(options.cluster);
  x.set_count(0xffffffff);
  self->send(monitor, x);
  consume_messages();
  CAF_CHECK(known() == before);
}

CAF_TEST_FIXTURE_SCOPE_END()
