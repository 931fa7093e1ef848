// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/manager_fixture.hpp"

using namespace coppice;
using namespace coppice::test;

namespace {

uint32_t number(ec x) {
  return static_cast<uint32_t>(x);
}

/// What the DIRECTORY of another manager was asked, and says.
struct other_manager {
  std::vector<proto::Request> asked;
  std::optional<proto::Reply> answer;
};

using other_ptr = std::shared_ptr<other_manager>;

directory_actor::behavior_type other_directory(directory_actor::pointer self,
                                               other_ptr state) {
  return {
    [=](const proto::Request& x) -> caf::result<proto::Reply> {
      state->asked.push_back(x);
      if (state->answer)
        return *state->answer;
      return self->make_response_promise<proto::Reply>();
    },
    [](const proto::Hello&, const worker_actor&)
      -> caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor> {
      return {proto::Welcome{}, job_scheduler_actor{}, task_tracker_actor{}};
    },
    [](const proto::ManagerHello&, const caf::strong_actor_ptr&,
       const peer_actors&) -> caf::result<proto::ManagerHello, peer_actors> {
      return {proto::ManagerHello{}, peer_actors{}};
    },
    [](const proto::Registration&, const state_monitor_actor&)
      -> caf::result<proto::RegistrationReply, information_centre_actor> {
      return {proto::RegistrationReply{}, information_centre_actor{}};
    },
  };
}

/// A manager that leads the cluster group, while another one leads the shard.
struct fixture : manager_fixture {
  fixture() {
    start();
    other = sys.spawn(other_directory, state);
    self->send(front, lead_info{shard_group(0), {}, {}, {}, replicator, {}, 2});
    tell(other);
  }

  ~fixture() {
    end(other);
    consume_messages();
  }

  /// PEER_LINKS says who leads the shard.
  void tell(const directory_actor& who) {
    leader_address x;
    x.group = shard_group(0);
    if (who)
      x.node = "m2";
    x.address = "m2:7401";
    x.directory = who;
    self->send(front, std::move(x));
    consume_messages();
  }

  static proto::Request list() {
    proto::Request x;
    x.mutable_list();
    return x;
  }

  other_ptr state = std::make_shared<other_manager>();
  directory_actor other;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(directory_routes_tests, fixture)

CAF_TEST(what another manager leads is asked there) {
  proto::Reply reply;
  auto& item = *reply.mutable_submit()->add_items();
  item.set_id("1.1.7");
  state->answer = reply;
  auto said = ask(submission(noop("bank")));
  CAF_REQUIRE_EQUAL(said.submit().items_size(), 1);
  CAF_CHECK_EQUAL(said.submit().items(0).id(), "1.1.7");
  CAF_REQUIRE_EQUAL(state->asked.size(), 1u);
  auto& asked = state->asked[0];
  CAF_CHECK_EQUAL(asked.group(), "shard-0");
  CAF_REQUIRE_EQUAL(asked.submit().products_size(), 1);
  CAF_CHECK_EQUAL(asked.submit().products(0).name(), "bank");
  CAF_CHECK_EQUAL(asked.submit().products(0).number(), 1u);
  CAF_CHECK_EQUAL(asked.submit().products(0).epoch(), 1u);
}

CAF_TEST(what another manager passed on is not passed on again) {
  auto x = list();
  x.set_group(shard_group(0));
  auto said = ask(x);
  CAF_CHECK_EQUAL(said.error().code(), number(ec::not_leader));
  CAF_CHECK(said.error().message().find("m2") != std::string::npos);
  CAF_CHECK(state->asked.empty());
}

CAF_TEST(any manager answers from its own tables if it is asked to) {
  auto x = list();
  x.set_stale(true);
  auto said = ask(x);
  CAF_CHECK(said.has_list());
  CAF_CHECK(said.has_age_ms());
  proto::Request get;
  get.set_stale(true);
  get.mutable_get()->add_ids("7.1.1");
  said = ask(get);
  CAF_REQUIRE_EQUAL(said.get().items_size(), 1);
  CAF_CHECK_EQUAL(said.get().items(0).error().code(), number(ec::not_found));
  CAF_CHECK(state->asked.empty());
  auto change = submission(noop("bank"));
  change.set_stale(true);
  CAF_CHECK_EQUAL(ask(change).error().code(), number(ec::invalid_argument));
}

CAF_TEST(who asked a leader that is lost is answered at once) {
  auto reading = request<proto::Reply>(front, list());
  auto writing = request<proto::Reply>(front, submission(noop("bank")));
  CAF_CHECK_EQUAL(state->asked.size(), 2u);
  CAF_CHECK(!reading->value && !writing->value);
  tell({});
  CAF_CHECK_EQUAL(need(reading).error().code(), number(ec::not_leader));
  // It may have been accepted.
  auto said = need(writing);
  CAF_REQUIRE_EQUAL(said.submit().items_size(), 1);
  CAF_CHECK_EQUAL(said.submit().items(0).error().code(),
                  number(ec::deadline_exceeded));
  auto later = ask(list());
  CAF_CHECK_EQUAL(later.error().code(), number(ec::not_leader));
}

CAF_TEST(a shard that answers for fewer tasks than it was asked is refused) {
  state->answer.emplace();
  state->answer->mutable_submit();
  auto said = ask(submission(noop("bank"), 2));
  CAF_REQUIRE_EQUAL(said.submit().items_size(), 2);
  for (auto& item : said.submit().items())
    CAF_CHECK_EQUAL(item.error().code(), number(ec::protocol_violation));
}

CAF_TEST(specs that name no product are refused before any is made) {
  proto::Request x;
  x.mutable_submit()->add_specs("\xff\xff");
  x.mutable_submit()->add_specs(noop("no name").SerializeAsString());
  auto said = ask(x);
  CAF_REQUIRE_EQUAL(said.submit().items_size(), 2);
  for (auto& item : said.submit().items())
    CAF_CHECK_EQUAL(item.error().code(), number(ec::invalid_argument));
  CAF_CHECK(state->asked.empty());
  proto::Request products;
  products.mutable_products();
  auto all = ask(products);
  CAF_CHECK_EQUAL(all.products().products_size(), 0);
}

CAF_TEST(a group that is not there is no question of who leads) {
  proto::Request x;
  x.mutable_managers()->set_of_group("shard-9");
  auto said = ask(x);
  CAF_CHECK_EQUAL(said.error().code(), number(ec::not_found));
}

CAF_TEST_FIXTURE_SCOPE_END()

namespace {

/// A second shard is about to be made.
struct young_fixture : manager_fixture {
  young_fixture() {
    shards = 2;
    start();
  }

  proto::Reply bind(uint32_t shard) {
    proto::Request x;
    x.mutable_bind()->set_product("bank");
    x.mutable_bind()->set_shard(shard);
    return ask(x);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(young_directory_tests, young_fixture)

CAF_TEST(who comes before all shards are made is asked to come again) {
  CAF_CHECK_EQUAL(bind(1).error().code(), number(ec::not_leader));
  auto said = ask(submission(noop("new")));
  CAF_REQUIRE_EQUAL(said.submit().items_size(), 1);
  CAF_CHECK_EQUAL(said.submit().items(0).error().code(),
                  number(ec::not_leader));
  CAF_CHECK_EQUAL(bind(2).error().code(), number(ec::not_leader));
  CAF_CHECK(!bind(0).has_error());
  auto known = ask(submission(noop("bank")));
  CAF_CHECK(!known.submit().items(0).has_error());
}

CAF_TEST_FIXTURE_SCOPE_END()
