// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/information_centre.hpp"

#include "runtime/health/node_message.hpp"
#include "runtime/health/node_rules.hpp"
#include "tests/actors/health_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// A STATE_REPLICATOR that says once how many managers there are, if they are
/// not 0, and from then on waits for its disk.
state_replicator_actor::behavior_type
stuck_replicator(state_replicator_actor::pointer self, int managers) {
  return {
    [](const proto::PeerMessage&) {},
    [](const peer_link_state&) {},
    [](const lead_listener&) {},
    [](const cluster_facts&) {},
    [](atom::transfer, uint64_t) {},
    [self](const proto::Command&) -> caf::result<proto::Outcome> {
      return self->make_response_promise<proto::Outcome>();
    },
    [self](atom::barrier) -> caf::result<proto::Outcome> {
      return self->make_response_promise<proto::Outcome>();
    },
    [self,
     managers](const proto::Request&) mutable -> caf::result<proto::Reply> {
      auto promise = self->make_response_promise<proto::Reply>();
      proto::Reply reply;
      for (; managers > 0; --managers)
        reply.mutable_managers()->add_managers();
      if (reply.has_managers())
        promise.deliver(std::move(reply));
      return promise;
    },
  };
}

struct fixture : health_fixture {
  ~fixture() {
    end(stuck);
  }

  /// Lets the INFORMATION_CENTRE begin anew with a STATE_REPLICATOR that waits
  /// for its disk, and is suspected after 500 ms.
  void wait_for_disk(int managers) {
    end(centre);
    stuck = sys.spawn(stuck_replicator, managers);
    centre_options.deposed_after = 500ms;
    centre
      = sys.spawn(information_centre, centre_options, cluster_store, stuck);
    self->send(
      front, lead_info{
               cluster_group, {}, {}, centre, cluster, cluster_store, 1, true});
  }

  state_replicator_actor stuck;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(information_centre_tests, fixture)

CAF_TEST(a node registers and is told of the others) {
  start();
  auto a = enter("a", 1);
  CAF_CHECK(!a->said.has_error());
  CAF_CHECK(a->centre != nullptr);
  CAF_CHECK_EQUAL(a->said.limit_ms(), 1'000);
  CAF_CHECK_EQUAL(a->said.interval_ms(), 200);
  a->parts.clear();
  enter("b", 1);
  CAF_REQUIRE_EQUAL(a->parts.size(), 1u);
  CAF_REQUIRE_EQUAL(a->parts[0].rows_size(), 1);
  CAF_CHECK_EQUAL(a->parts[0].rows(0).node(), "b");
  CAF_CHECK_EQUAL(state_of("a"), "healthy");
  CAF_CHECK_EQUAL(address_of("b"), "b:1");
}

CAF_TEST(changes that follow each other closely are one event) {
  centre_options.event_pause = 10ms;
  start();
  auto a = enter("a", 1);
  pass(50ms);
  a->parts.clear();
  enter("b", 1);
  CAF_CHECK_EQUAL(a->parts.size(), 1u);
  enter("c", 1);
  enter("d", 1);
  CAF_CHECK_EQUAL(a->parts.size(), 1u);
  pass(50ms);
  CAF_REQUIRE_EQUAL(a->parts.size(), 2u);
  CAF_REQUIRE_EQUAL(a->parts[1].rows_size(), 2);
  CAF_CHECK_EQUAL(a->parts[1].rows(0).node(), "c");
  CAF_CHECK_EQUAL(a->parts[1].rows(1).node(), "d");
  pass_alive(100ms, {"a"});
  enter("e", 1);
  CAF_CHECK_EQUAL(a->parts.size(), 3u);
}

CAF_TEST(a query is answered with what changed since its version) {
  start();
  auto a = enter("a", 1);
  auto before = from_message(a->parts.back().version());
  enter("b", 1);
  a->parts.clear();
  proto::NodeQuery x;
  x.set_node("a");
  x.set_incarnation(1);
  *x.mutable_version() = to_message(before);
  x.set_asked(77);
  self->send(information_centre_actor{centre}, x);
  consume_messages();
  CAF_REQUIRE_EQUAL(a->parts.size(), 1u);
  CAF_CHECK_EQUAL(a->parts[0].asked(), 77);
  CAF_CHECK(!a->parts[0].whole());
  CAF_REQUIRE_EQUAL(a->parts[0].rows_size(), 1);
  CAF_CHECK_EQUAL(a->parts[0].rows(0).node(), "b");
}

CAF_TEST(who asks again before the answer is answered once) {
  start();
  auto a = enter("a", 1);
  auto b = enter("b", 1);
  a->parts.clear();
  b->parts.clear();
  proto::NodeQuery x;
  x.set_incarnation(1);
  for (auto asked : {1, 2, 3})
    for (auto node : {"a", "b"}) {
      x.set_node(node);
      x.set_asked(asked);
      self->send(information_centre_actor{centre}, x);
    }
  consume_messages();
  for (auto& node : {a, b}) {
    CAF_REQUIRE_EQUAL(node->parts.size(), 1u);
    CAF_CHECK_EQUAL(node->parts[0].asked(), 3);
    CAF_CHECK(node->parts[0].whole());
  }
  // The next question is a new one.
  self->send(information_centre_actor{centre}, x);
  consume_messages();
  CAF_CHECK_EQUAL(b->parts.size(), 2u);
}

CAF_TEST(a silent node is down and comes back by registering) {
  start();
  for (auto node : {"a", "b", "c", "d"})
    enter(node, 1);
  pass_alive(800ms, {"b", "c", "d"});
  CAF_CHECK(look("a").suspected());
  CAF_CHECK_EQUAL(state_of("a"), "healthy");
  pass_alive(400ms, {"b", "c", "d"});
  CAF_CHECK_EQUAL(state_of("a"), "down");
  CAF_CHECK(keep_alive("a", 1) == admission::fresh);
  CAF_CHECK(!enter("a", 1)->said.has_error());
  CAF_CHECK(keep_alive("a", 1) == admission::known);
  CAF_CHECK_EQUAL(state_of("a"), "healthy");
}

CAF_TEST(a node whose connection is lost is dialled until it refuses) {
  start();
  auto a = enter("a", 1);
  enter("b", 1);
  probed.clear();
  self->send_exit(a->handle, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK_EQUAL(probed.size(), 1u);
  CAF_CHECK(look("a").suspected());
  // Its port is still open: it is just about to die.
  CAF_CHECK_EQUAL(state_of("a"), "healthy");
  listening["a:1"] = net::probe_result::refused;
  pass_alive(100ms, {"b"});
  CAF_CHECK_EQUAL(state_of("a"), "down");
  auto text = look("a").notes(0);
  CAF_CHECK(text.find("refused") != std::string::npos);
}

CAF_TEST(a node that is lost again is dialled again at once) {
  start();
  auto a = enter("a", 1);
  enter("b", 1);
  // Pauses between the tries grow.
  self->send_exit(a->handle, caf::exit_reason::kill);
  consume_messages();
  pass_alive(400ms, {"b"});
  auto again = enter("a", 1);
  CAF_CHECK(!look("a").suspected());
  listening["a:1"] = net::probe_result::refused;
  self->send_exit(again->handle, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK_EQUAL(state_of("a"), "down");
}

CAF_TEST(a refusal proves nothing where nobody was ever reached) {
  start();
  listening["a:1"] = net::probe_result::refused;
  auto a = enter("a", 1);
  enter("b", 1);
  self->send_exit(a->handle, caf::exit_reason::kill);
  consume_messages();
  pass_alive(200ms, {"b"});
  CAF_CHECK_EQUAL(state_of("a"), "healthy");
}

CAF_TEST(a node that could not be reached at first is tried again) {
  start();
  listening["a:1"] = net::probe_result::unreachable;
  auto a = enter("a", 1);
  enter("b", 1);
  listening["a:1"] = net::probe_result::reached;
  pass_alive(1'500ms, {"a", "b"});
  probed.clear();
  pass_alive(5'000ms, {"a", "b"});
  CAF_CHECK(probed.empty());
  listening["a:1"] = net::probe_result::refused;
  self->send_exit(a->handle, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK_EQUAL(state_of("a"), "down");
}

CAF_TEST(who may be dead is dialled before who is only new) {
  std::deque<std::function<void(net::probe_result)>> tries;
  centre_options.max_probes = 1;
  centre_options.probe = [&](const std::string& address,
                             std::function<void(net::probe_result)> f) {
    probed.push_back(address);
    tries.push_back(std::move(f));
  };
  auto end_try = [&](net::probe_result x) {
    auto f = std::move(tries.front());
    tries.pop_front();
    f(x);
    consume_messages();
  };
  start();
  auto a = enter("a", 1);
  end_try(net::probe_result::reached);
  for (auto name : {"b", "c", "d"})
    enter(name, 1);
  self->send_exit(a->handle, caf::exit_reason::kill);
  consume_messages();
  end_try(net::probe_result::reached);
  end_try(net::probe_result::refused);
  CAF_CHECK_EQUAL(probed,
                  (std::vector<std::string>{"a:1", "b:1", "a:1", "c:1"}));
  CAF_CHECK_EQUAL(state_of("a"), "down");
}

CAF_TEST(who does not answer is not dialled for ever) {
  start();
  auto a = enter("a", 1);
  enter("b", 1);
  listening["a:1"] = net::probe_result::unreachable;
  self->send_exit(a->handle, caf::exit_reason::kill);
  consume_messages();
  pass_alive(1'200ms, {"b"});
  CAF_CHECK_EQUAL(state_of("a"), "down");
  probed.clear();
  pass_alive(5'000ms, {"b"});
  CAF_CHECK(probed.size() <= 1u); // It was about to be.
}

CAF_TEST(a lost connection that came back is no suspicion) {
  start();
  auto a = enter("a", 1);
  self->send_exit(a->handle, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK(look("a").suspected());
  // It has to register, or it would not be told what changes.
  CAF_CHECK(keep_alive("a", 1) == admission::fresh);
  CAF_CHECK(!enter("a", 1)->said.has_error());
  CAF_CHECK(!look("a").suspected());
}

CAF_TEST(a node that leaves has left for good) {
  start();
  enter("a", 1);
  CAF_CHECK(!leave("a", 1).has_error());
  CAF_CHECK_EQUAL(state_of("a"), "left");
  CAF_CHECK(keep_alive("a", 1) == admission::over);
  auto again = enter("a", 1);
  CAF_CHECK_EQUAL(again->said.error().code(),
                  static_cast<uint32_t>(ec::conflict));
  CAF_CHECK(again->centre == nullptr);
  CAF_CHECK(!enter("a", 2)->said.has_error());
}

CAF_TEST(two nodes of one name are not believed) {
  start();
  enter("a", 1);
  auto second = enter("a", 2, "elsewhere:1");
  CAF_CHECK(second->said.has_error());
  CAF_CHECK_EQUAL(address_of("a"), "a:1");
  // The same place: it has started again, and the old one cannot live.
  CAF_CHECK(!enter("a", 2)->said.has_error());
  CAF_CHECK(keep_alive("a", 1) == admission::over);
}

CAF_TEST(a moved node is welcome once its former place is silent) {
  start();
  enter("a", 1);
  enter("b", 1);
  pass_alive(600ms, {"b"});
  CAF_CHECK(!enter("a", 2, "elsewhere:1")->said.has_error());
  CAF_CHECK_EQUAL(address_of("a"), "elsewhere:1");
}

CAF_TEST(nodes of another cluster or protocol are refused) {
  start();
  centre_options.cluster = "bank";
  CAF_CHECK_EQUAL(enter("a", 1)->said.error().code(),
                  static_cast<uint32_t>(ec::invalid_argument));
  CAF_CHECK_EQUAL(state_of("a"), "");
}

CAF_TEST(a new centre knows the nodes and gives them all the time) {
  start();
  enter("a", 1);
  enter("b", 1);
  pass_alive(900ms, {});
  end(centre);
  consume_messages();
  centre
    = sys.spawn(information_centre, centre_options, cluster_store, cluster);
  self->send(
    front,
    lead_info{cluster_group, {}, {}, centre, cluster, cluster_store, 1, true});
  pass_alive(900ms, {});
  CAF_CHECK_EQUAL(state_of("a"), "healthy");
  // They have to subscribe again.
  CAF_CHECK(keep_alive("a", 1) == admission::fresh);
  CAF_CHECK(!enter("a", 1)->said.has_error());
}

CAF_TEST(a centre that may be deposed sends nodes away and blames nobody) {
  start();
  enter("a", 1);
  wait_for_disk(0);
  CAF_CHECK(!enter("a", 1)->said.has_error());
  pass_alive(400ms, {"a"});
  auto said = keep_alive("a", 1);
  CAF_CHECK(said == admission::known);
  pass_alive(300ms, {"a"});
  said = keep_alive("a", 1);
  CAF_CHECK(said == admission::fresh);
  auto refused = enter("a", 1)->said;
  CAF_CHECK_EQUAL(refused.error().code(),
                  static_cast<uint32_t>(ec::not_leader));
  // Whoever comes in vain lives.
  for (auto i = 0; i < 20; ++i) {
    pass(100ms);
    enter("a", 1);
  }
  CAF_CHECK(!look("a").suspected());
}

CAF_TEST(a centre that is alone waits for its disk without being deposed) {
  start();
  enter("a", 1);
  wait_for_disk(1);
  CAF_CHECK(!enter("a", 1)->said.has_error());
  pass_alive(3s, {"a"});
  auto said = keep_alive("a", 1);
  CAF_CHECK(said == admission::known);
}

CAF_TEST(a centre whose log answers is not deposed) {
  centre_options.deposed_after = 500ms;
  start();
  enter("a", 1);
  pass_alive(3s, {"a"});
  auto said = keep_alive("a", 1);
  CAF_CHECK(said == admission::known);
}

CAF_TEST(what cannot be made durable is not told) {
  start();
  auto a = enter("a", 1);
  for (auto node : {"b", "c", "d"})
    enter(node, 1);
  a->parts.clear();
  cluster_disk->broken = true;
  pass_alive(1'500ms, {"a", "c", "d"});
  CAF_CHECK_EQUAL(state_of("b"), "healthy");
  CAF_CHECK(a->parts.empty());
  cluster_disk->broken = false;
  pass_alive(1'500ms, {"a", "c", "d"});
  CAF_CHECK_EQUAL(state_of("b"), "down");
  CAF_CHECK(!a->parts.empty());
}

CAF_TEST(people drain a node until they release it) {
  start();
  auto a = enter("a", 1);
  proto::Request drain;
  drain.mutable_drain()->set_node("a");
  drain.mutable_drain()->set_deadline_ms(60'000);
  a->parts.clear();
  CAF_CHECK(ask(drain).has_drain());
  CAF_CHECK(look("a").drained_ms() > 0);
  auto rest = look("a").drain_deadline_ms() - look("a").drained_ms();
  // The deadline is reckoned a moment before the command is stamped.
  CAF_CHECK(rest > 59'000 && rest < 70'000);
  CAF_REQUIRE_EQUAL(a->parts.size(), 1u);
  CAF_CHECK(a->parts[0].rows(0).has_hold());
  enter("a", 2);
  CAF_CHECK(look("a").drained_ms() > 0);
  CAF_CHECK(ask(drain).has_drain());
  proto::Request release;
  release.mutable_release()->set_node("a");
  CAF_CHECK(ask(release).release().drained());
  CAF_CHECK_EQUAL(look("a").drained_ms(), 0);
  auto again = ask(release);
  CAF_CHECK(again.has_release());
  CAF_CHECK(!again.release().drained());
  drain.mutable_drain()->set_node("x");
  auto unknown = ask(drain);
  CAF_CHECK_EQUAL(unknown.error().code(), static_cast<uint32_t>(ec::not_found));
}

CAF_TEST(only a node that is not there can be forgotten) {
  start();
  enter("a", 1);
  proto::Request x;
  x.mutable_forget_node()->set_node("a");
  auto alive = ask(x);
  CAF_CHECK_EQUAL(alive.error().code(), static_cast<uint32_t>(ec::conflict));
  leave("a", 1);
  CAF_CHECK(ask(x).has_forget_node());
  CAF_CHECK_EQUAL(state_of("a"), "");
  auto twice = ask(x);
  CAF_CHECK_EQUAL(twice.error().code(), static_cast<uint32_t>(ec::not_found));
  proto::Request wanted;
  wanted.mutable_events();
  auto events = ask(wanted).events();
  CAF_REQUIRE_EQUAL(events.events_size(), 3);
  CAF_CHECK_EQUAL(events.events(2).kind(), proto::Event::FORGOTTEN);
}

CAF_TEST_FIXTURE_SCOPE_END()
