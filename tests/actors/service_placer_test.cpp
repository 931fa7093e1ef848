// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/service_placer.hpp"

#include "tests/actors/service_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// Stands in for the log: it says what a test has it say, or nothing.
struct fake_log {
  std::optional<proto::Outcome> says;
};

caf::behavior play_log(caf::event_based_actor* self,
                       const std::shared_ptr<fake_log>& x) {
  auto answer = [=]() -> caf::result<proto::Outcome> {
    auto promise = self->make_response_promise<proto::Outcome>();
    if (x->says)
      promise.deliver(*x->says);
    return promise;
  };
  return {
    [=](atom::barrier) { return answer(); },
    [=](const proto::Command&) { return answer(); },
  };
}

struct fixture : service_fixture {
  fixture() {
    start_services();
  }

  ~fixture() {
    end(log_stand_in);
  }

  /// From now on the log of the cluster group is played.
  void play() {
    log_stand_in = sys.spawn(play_log, played);
    end(placer);
    placer = sys.spawn(service_placer, placer_options, cluster_store,
                       caf::actor_cast<state_replicator_actor>(log_stand_in),
                       api_actor{front});
    consume_messages();
  }

  answer_ptr<proto::Reply> look() {
    proto::Request x;
    x.mutable_services();
    return request<proto::Reply>(placer, x);
  }

  /// Two nodes, and service x on the first one.
  void place_on_a(bool exclusive = false) {
    tell("a", 1);
    poll("a");
    auto spec = spec_of("x");
    spec.set_exclusive(exclusive);
    apply(spec);
    poll("a");
    tell("b", 1);
    poll("b");
  }

  std::shared_ptr<fake_log> played = std::make_shared<fake_log>();
  caf::actor log_stand_in;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(service_placer_tests, fixture)

CAF_TEST(a service is given to a node that asks and becomes ready) {
  tell("a", 1);
  poll("a");
  auto said = apply(spec_of("x"));
  CAF_CHECK_EQUAL(said.service().service().number(), 1u);
  auto told = poll("a");
  CAF_CHECK(told.lease_ms() > 0);
  auto now = place();
  CAF_CHECK_EQUAL(now.node(), "a");
  CAF_CHECK_EQUAL(now.status(), proto::SERVICE_READY);
  CAF_CHECK_EQUAL(now.address(), "a:80");
}

CAF_TEST(a poll is answered when something changes) {
  auto known = services().version();
  CAF_CHECK(known > 0);
  proto::Request x;
  x.mutable_services()->set_known(known);
  x.mutable_services()->set_wait_ms(10'000);
  auto open = request<proto::Reply>(front, x);
  pass(1s);
  CAF_CHECK(!open->value);
  apply(spec_of("x"));
  auto reply = need(open).services();
  CAF_CHECK(reply.version() > known);
  CAF_CHECK_EQUAL(reply.services_size(), 1);
}

CAF_TEST(a poll is answered when its time is over) {
  apply(spec_of("x"));
  proto::Request x;
  x.mutable_services()->set_known(services().version());
  x.mutable_services()->set_wait_ms(3'000);
  // Without nodes it says so once, after the time that they get.
  pass(10s);
  x.mutable_services()->set_known(services().version());
  auto open = request<proto::Reply>(front, x);
  pass(2'500ms);
  CAF_CHECK(!open->value);
  pass(1s);
  auto reply = need(open).services();
  CAF_CHECK_EQUAL(reply.version(), x.services().known());
  CAF_CHECK_EQUAL(reply.services_size(), 0);
}

CAF_TEST(a node is answered well before its lease is over) {
  tell("a", 1);
  auto known = services().version();
  auto open = request<proto::Reply>(front, poll_of("a", known, 10'000));
  pass(placer_options.hosts.lease / 4 + 500ms);
  CAF_CHECK(open->value.has_value());
}

CAF_TEST(who waits is told when the lead is lost) {
  proto::Request x;
  x.mutable_services()->set_known(services().version());
  x.mutable_services()->set_wait_ms(10'000);
  auto open = request<proto::Reply>(front, x);
  CAF_CHECK(!open->value);
  self->send_exit(placer, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(is(need(open), ec::not_leader));
}

CAF_TEST(who may not lead any more tells nobody where services are) {
  place_on_a();
  proto::Outcome refused;
  set_error(*refused.mutable_error(), {ec::not_leader, "another one leads"});
  played->says = refused;
  play();
  auto said = need(look());
  CAF_CHECK(is(said, ec::not_leader));
  CAF_CHECK_EQUAL(said.services().services_size(), 0);
  // Nor that nothing has changed: that would renew a lease.
  auto polled = need(
    request<proto::Reply>(placer, poll_of("a", said.services().version(), 0)));
  CAF_CHECK(is(polled, ec::not_leader));
  CAF_CHECK(!polled.has_services());
}

CAF_TEST(nobody is answered before the lead is proven) {
  place_on_a();
  play();
  auto open = look();
  pass(10s);
  CAF_CHECK(!open->value);
  // The log says nothing at all.
  pass(11s);
  CAF_CHECK(is(need(open), ec::not_leader));
}

CAF_TEST(who waits for a proof is told when the lead is lost) {
  play();
  auto open = look();
  proto::Request x;
  *x.mutable_service()->mutable_apply() = spec_of("y");
  auto change = request<proto::Reply>(placer, x);
  CAF_CHECK(!open->value && !change->value);
  self->send_exit(placer, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(is(need(open), ec::not_leader));
  // It may have taken effect.
  CAF_CHECK(is(need(change), ec::deadline_exceeded));
}

CAF_TEST(what a node had that is down is given to another one) {
  place_on_a();
  auto before = place();
  CAF_CHECK_EQUAL(before.node(), "a");
  auto epoch = before.epoch();
  tell("a", 1, node_state::down);
  auto now = place();
  CAF_CHECK_EQUAL(now.node(), "b");
  CAF_CHECK(now.epoch() > epoch);
}

CAF_TEST(an exclusive service waits until the lease is over) {
  place_on_a(true);
  tell("a", 1, node_state::down);
  pass_asking(placer_options.hosts.lease - 1s, {"b"});
  auto before = place();
  CAF_CHECK_EQUAL(before.node(), "a");
  pass_asking(2s, {"b"});
  auto after = place();
  CAF_CHECK_EQUAL(after.node(), "b");
}

CAF_TEST(a new leader goes on where the one before ended) {
  place_on_a();
  auto before = services();
  lead();
  pass(1s);
  tell("a", 1);
  tell("b", 1);
  poll("a");
  poll("b");
  pass(1s);
  CAF_CHECK(services() == before);
  tell("a", 1, node_state::down);
  auto now = place();
  CAF_CHECK_EQUAL(now.node(), "b");
}

CAF_TEST(a service that is moved is stopped first) {
  place_on_a();
  proto::Request x;
  x.mutable_service()->set_move("x");
  CAF_CHECK(!ask(x).has_error());
  pass(300ms);
  auto leaving = place();
  CAF_CHECK_EQUAL(leaving.node(), "a");
  CAF_CHECK_EQUAL(leaving.status(), proto::SERVICE_LEAVING);
  poll("b");
  poll("a", proto::SERVICE_STOPPED);
  auto moved = place();
  CAF_CHECK_EQUAL(moved.node(), "b");
}

CAF_TEST(an instance that is regenerated leaves and comes back) {
  place_on_a();
  auto before = place();
  proto::Command x;
  x.mutable_node()->set_node("a");
  x.mutable_node()->set_incarnation(1);
  x.mutable_node()->set_registered("");
  need(request<proto::Outcome>(cluster, x));
  auto& begun = *x.mutable_regeneration()->mutable_begun();
  begun.set_node("a");
  begun.set_service("x");
  auto outcome = need(request<proto::Outcome>(cluster, x));
  CAF_REQUIRE(!outcome.regeneration().has_error());
  pass(300ms);
  auto leaving = place();
  CAF_CHECK_EQUAL(leaving.status(), proto::SERVICE_LEAVING);
  CAF_CHECK_EQUAL(leaving.epoch(), before.epoch());
  poll("b");
  poll("a", proto::SERVICE_STOPPED);
  auto next = place();
  CAF_CHECK(next.epoch() > before.epoch());
}

CAF_TEST(a removed service goes with its journal) {
  place_on_a();
  take(place().epoch());
  journal(append_of(place().epoch(), 1));
  proto::Request x;
  x.mutable_service()->set_remove("x");
  CAF_CHECK(ask(x).service().service().removed());
  CAF_CHECK_EQUAL(place().status(), proto::SERVICE_LEAVING);
  auto again = apply(spec_of("x"));
  CAF_CHECK(is(again, ec::conflict));
  poll("a", proto::SERVICE_STOPPED);
  pass(500ms);
  CAF_CHECK_EQUAL(services().services_size(), 0);
  // Nobody has it any more.
  CAF_CHECK(is(journal(append_of(1, 2)), ec::fenced));
  CAF_CHECK_EQUAL(apply(spec_of("x")).service().service().number(), 2u);
}

CAF_TEST(a journal that cannot be dropped is tried again) {
  place_on_a();
  take(place().epoch());
  // The shard has no leader.
  self->send(front, lead_info{shard_group(0), {}, {}, {}, replicator, {}, 2});
  proto::Request x;
  x.mutable_service()->set_remove("x");
  ask(x);
  poll("a", proto::SERVICE_STOPPED);
  pass(3s);
  CAF_CHECK_EQUAL(services().services_size(), 1);
  lead_info shard{shard_group(0), scheduler, tracker, {},
                  replicator,     nullptr,   3,       true};
  shard.journals = journals;
  self->send(front, shard);
  pass(2s);
  CAF_CHECK_EQUAL(services().services_size(), 0);
}

CAF_TEST(requests that cannot be carried out say why) {
  auto spec = spec_of("x");
  spec.set_instances(3);
  auto refused = apply(spec);
  CAF_CHECK(is(refused, ec::invalid_argument));
  CAF_CHECK(refused.error().message().find("instances") != std::string::npos);
  proto::Request x;
  x.mutable_service()->set_move("nothing");
  CAF_CHECK(is(ask(x), ec::not_found));
  x.mutable_service()->set_remove("nothing");
  CAF_CHECK(is(ask(x), ec::not_found));
  x.mutable_service();
  x.mutable_service()->Clear();
  CAF_CHECK(ask(x).has_error());
}

CAF_TEST(services of the config file are made and never changed) {
  auto mine = spec_of("mine");
  placer_options.configured = {mine};
  lead();
  pass(500ms);
  auto all = services();
  CAF_REQUIRE_EQUAL(all.services_size(), 1);
  CAF_CHECK_EQUAL(all.services(0).spec().name(), "mine");
  mine.set_hold_requests(7);
  apply(mine);
  lead();
  pass(500ms);
  CAF_CHECK_EQUAL(services().services(0).spec().hold_requests(), 7u);
}

CAF_TEST_FIXTURE_SCOPE_END()
