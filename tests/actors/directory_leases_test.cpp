// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/manager_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

uint32_t number(ec x) {
  return static_cast<uint32_t>(x);
}

/// A CLIENT_DESK of which only the actor exists.
struct fake_desk {
  std::vector<proto::LeaseTasksRequest> asked;
  /// What it gives to whoever asks.
  std::vector<std::string> leases;
  /// What it gave before to whoever asks again.
  std::vector<std::string> given;
  std::optional<proto::Reply> refuses;
  /// Who waits for something.
  std::vector<caf::typed_response_promise<proto::Reply>> waiting;
  api_actor handle;

  /// It has nothing for whoever waits.
  void give_up() {
    proto::Reply nothing;
    nothing.mutable_lease_tasks();
    for (auto& x : std::exchange(waiting, {}))
      x.deliver(nothing);
  }
};

using desk_ptr = std::shared_ptr<fake_desk>;

api_actor::behavior_type serve(api_actor::pointer self, desk_ptr x) {
  return {
    [=](const proto::Request& request) -> caf::result<proto::Reply> {
      if (!request.has_lease_tasks()) { // The test says that time is over.
        x->give_up();
        return proto::Reply{};
      }
      auto& wanted = request.lease_tasks();
      x->asked.push_back(wanted);
      if (x->refuses)
        return *x->refuses;
      proto::Reply reply;
      auto& out = *reply.mutable_lease_tasks();
      for (auto& id : wanted.kinds().empty() ? x->given : x->leases)
        out.add_leases()->set_id(id);
      if (out.leases_size() > 0 || wanted.kinds().empty()
          || to_milliseconds(wanted.wait()) == 0ms)
        return reply;
      auto promise = self->make_response_promise<proto::Reply>();
      x->waiting.push_back(promise);
      return promise;
    },
  };
}

/// A manager that leads two shards.
struct fixture : manager_fixture {
  fixture() {
    start();
    proto::Command second;
    second.mutable_shard()->set_number(1);
    second.mutable_shard()->add_founders(1);
    need(request<proto::Outcome>(cluster, second));
    for (uint32_t i = 0; i < 2; ++i) {
      desks[i] = std::make_shared<fake_desk>();
      desks[i]->handle = sys.spawn(serve, desks[i]);
      self->send(front, lead_info{shard_group(i),
                                  scheduler,
                                  tracker,
                                  {},
                                  replicator,
                                  nullptr,
                                  1,
                                  true,
                                  desks[i]->handle});
    }
    consume_messages();
  }

  ~fixture() {
    for (auto& x : desks) {
      x->waiting.clear();
      end(x->handle);
    }
    consume_messages();
  }

  static proto::Request wish(std::chrono::milliseconds wait = 0ms,
                             const std::string& id = "") {
    proto::Request x;
    x.mutable_lease_tasks()->set_client("c1");
    x.mutable_lease_tasks()->add_kinds("noop");
    x.mutable_lease_tasks()->set_request_id(id);
    *x.mutable_lease_tasks()->mutable_wait() = to_proto(wait);
    return x;
  }

  desk_ptr desks[2];
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(directory_leases_tests, fixture)

CAF_TEST(requests begin with one shard after the other) {
  for (auto& x : desks)
    x->leases = {"1.1.1.1"};
  for (auto i = 0; i < 4; ++i)
    CAF_CHECK_EQUAL(ask(wish()).lease_tasks().leases_size(), 1);
  CAF_CHECK_EQUAL(desks[0]->asked.size(), 2u);
  CAF_CHECK_EQUAL(desks[1]->asked.size(), 2u);
}

CAF_TEST(all shards are asked before anybody waits for one) {
  desks[1]->leases = {"1.1.1.1"};
  CAF_CHECK_EQUAL(ask(wish(20s)).lease_tasks().leases_size(), 1);
  CAF_REQUIRE_EQUAL(desks[0]->asked.size(), 1u);
  CAF_CHECK(to_milliseconds(desks[0]->asked[0].wait()) == 0ms);
  CAF_CHECK_EQUAL(desks[1]->asked.size(), 1u);
}

CAF_TEST(shards are waited for in turn until the time is over) {
  auto said = request<proto::Reply>(front, wish(2'500ms));
  for (auto i = 0; i < 3; ++i) {
    auto& waited = *desks[i % 2];
    CAF_REQUIRE_EQUAL(waited.waiting.size(), 1u);
    auto wait = i < 2 ? 1'000ms : 500ms;
    CAF_CHECK(to_milliseconds(waited.asked.back().wait()) == wait);
    CAF_CHECK(!said->value);
    pass(wait);
    need(request<proto::Reply>(waited.handle, proto::Request{}));
  }
  CAF_CHECK(!need(said).has_error());
  CAF_CHECK_EQUAL(need(said).lease_tasks().leases_size(), 0);
}

CAF_TEST(a shard that does not wait is not asked in a loop) {
  auto said = request<proto::Reply>(front, wish(20s));
  need(request<proto::Reply>(desks[0]->handle, proto::Request{}));
  CAF_CHECK_EQUAL(need(said).lease_tasks().leases_size(), 0);
}

CAF_TEST(what a request has got before is asked for first) {
  for (auto& x : desks)
    x->leases = {"1.1.1.1"};
  desks[1]->given = {"1.1.2.1"};
  auto reply = ask(wish(20s, "r1"));
  CAF_REQUIRE_EQUAL(reply.lease_tasks().leases_size(), 1);
  CAF_CHECK_EQUAL(reply.lease_tasks().leases(0).id(), "1.1.2.1");
  CAF_CHECK_EQUAL(desks[0]->asked.size(), 1u);
  desks[1]->given.clear();
  reply = ask(wish(20s, "r2"));
  CAF_CHECK_EQUAL(reply.lease_tasks().leases(0).id(), "1.1.1.1");
}

CAF_TEST(a shard that cannot be asked does not stop the others) {
  desks[0]->refuses = refusal(ec::not_leader, "they elect one");
  CAF_CHECK(!ask(wish()).has_error());
  desks[1]->leases = {"1.1.1.1"};
  for (auto i = 0; i < 2; ++i)
    CAF_CHECK_EQUAL(ask(wish(20s, "r")).lease_tasks().leases_size(), 1);
  desks[1]->refuses = desks[0]->refuses;
  CAF_CHECK_EQUAL(ask(wish(20s)).error().code(), number(ec::not_leader));
}

CAF_TEST(what can never be served is not asked) {
  auto x = wish();
  x.mutable_lease_tasks()->clear_kinds();
  CAF_CHECK_EQUAL(ask(x).error().code(), number(ec::invalid_argument));
  CAF_CHECK(desks[0]->asked.empty() && desks[1]->asked.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
