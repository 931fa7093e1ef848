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

struct fixture : manager_fixture {
  fixture() {
    start();
  }

  static proto::Request wish(std::chrono::milliseconds wait = 0ms,
                             const std::string& id = "",
                             const std::string& client = "c1") {
    proto::Request x;
    auto& lease = *x.mutable_lease_tasks();
    lease.set_client(client);
    lease.add_kinds("noop");
    lease.set_request_id(id);
    *lease.mutable_wait() = to_proto(wait);
    return x;
  }

  /// Leases one task that waits.
  proto::TaskLease lease(const proto::Request& x = wish()) {
    auto reply = ask(x);
    demand(reply.lease_tasks().leases_size() == 1, "there is no lease");
    return reply.lease_tasks().leases(0);
  }

  /// Leases one task that pauses still.
  proto::TaskLease lease_later() {
    auto waits = request<proto::Reply>(front, wish(20s));
    for (auto i = 0; i < 390 && !waits->value; ++i)
      pass(50ms);
    auto reply = need(waits);
    demand(reply.lease_tasks().leases_size() == 1, "there is no lease");
    return reply.lease_tasks().leases(0);
  }

  static proto::Request news(const proto::TaskLease& x) {
    proto::Request out;
    out.mutable_client_lease()->set_lease(x.id());
    return out;
  }

  proto::Reply progress(const proto::TaskLease& x, double percent = 0) {
    auto out = news(x);
    out.mutable_client_lease()->mutable_progress()->set_percent(percent);
    return ask(out);
  }

  proto::Reply finish(const proto::TaskLease& x, proto::TaskState outcome,
                      const std::string& result = "") {
    auto out = news(x);
    auto& end = *out.mutable_client_lease()->mutable_finish();
    end.set_outcome(outcome);
    end.set_result(result);
    return ask(out);
  }

  proto::Reply save(const proto::TaskLease& x, const std::string& data) {
    auto out = news(x);
    out.mutable_client_lease()->mutable_checkpoint()->set_data(data);
    return ask(out);
  }

  void pass_alive(const proto::TaskLease& x, std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 200ms) {
      pass(200ms);
      progress(x);
    }
  }

  scheduling_client_actor client_handle(const std::string& name) {
    using impl = std::remove_pointer_t<
      client_desk_impl::stateful_pointer<client_desk_state>>;
    return deref<impl>(desk).state.clients.at(name).handle;
  }

  /// Another manager leads, with the same log.
  void lead_anew() {
    end(front);
    end(desk);
    end(scheduler);
    end(tracker);
    end(centre);
    end(cluster);
    end(replicator);
    consume_messages();
    store = nullptr;
    cluster_store = nullptr;
    start();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(client_desk_tests, fixture)

CAF_TEST(a client leases a task and finishes it) {
  auto spec = noop();
  spec.set_text("some words");
  auto id = submit(spec);
  auto x = lease();
  CAF_CHECK_EQUAL(x.id(), id + ".1");
  CAF_CHECK_EQUAL(x.task(), id);
  CAF_CHECK_EQUAL(x.attempt(), 1u);
  CAF_CHECK_EQUAL(x.spec().text(), "some words");
  CAF_CHECK(!x.has_checkpoint());
  CAF_CHECK(to_milliseconds(x.duration()) == 1s);
  CAF_CHECK_EQUAL(task(id).state(), proto::RUNNING);
  auto reply = finish(x, proto::SUCCEEDED, "2");
  CAF_CHECK_EQUAL(reply.client_lease().state(), proto::SUCCEEDED);
  auto done = task(id);
  CAF_CHECK_EQUAL(done.state(), proto::SUCCEEDED);
  CAF_REQUIRE_EQUAL(done.attempts_size(), 1);
  CAF_CHECK_EQUAL(done.attempts(0).result(), "2");
  CAF_CHECK_EQUAL(done.attempts(0).node(), "client:c1");
}

CAF_TEST(a kind is known when a client has asked for it) {
  auto spec = noop();
  spec.set_kind("words");
  CAF_CHECK(ask(submission(spec)).submit().items(0).has_error());
  auto first = wish();
  first.mutable_lease_tasks()->set_kinds(0, "words");
  auto nothing = request<proto::Reply>(front, first);
  pass(1s);
  CAF_CHECK_EQUAL(need(nothing).lease_tasks().leases_size(), 0);
  CAF_CHECK(!ask(submission(spec)).submit().items(0).has_error());
  lease(first);
}

CAF_TEST(who does not wait is answered at once) {
  submit();
  finish(lease(), proto::SUCCEEDED);
  auto reply = ask(wish());
  CAF_CHECK(!reply.has_error());
  CAF_CHECK_EQUAL(reply.lease_tasks().leases_size(), 0);
}

CAF_TEST(who waits gets the task that comes) {
  auto waits = request<proto::Reply>(front, wish(20s));
  pass(5s);
  CAF_CHECK(!waits->value);
  auto id = submit();
  auto reply = need(waits);
  CAF_REQUIRE_EQUAL(reply.lease_tasks().leases_size(), 1);
  CAF_CHECK_EQUAL(reply.lease_tasks().leases(0).task(), id);
}

CAF_TEST(who has waited long enough gets nothing and loses nothing) {
  auto waits = request<proto::Reply>(front, wish(2s));
  pass(2s);
  CAF_CHECK_EQUAL(need(waits).lease_tasks().leases_size(), 0);
  auto id = submit();
  CAF_CHECK_EQUAL(task(id).state(), proto::WAITING);
  lease();
}

CAF_TEST(what nobody waits for any more is given back) {
  // The client is known, and waits for nothing.
  submit();
  finish(lease(), proto::SUCCEEDED);
  proto::Pull crossing;
  crossing.set_node("client:c1");
  crossing.set_incarnation(1);
  crossing.set_connection(99);
  crossing.set_free(1);
  crossing.add_kinds("noop");
  caf::anon_send(scheduler, crossing,
                 caf::actor_cast<worker_actor>(client_handle("c1")));
  consume_messages();
  auto id = submit();
  auto x = task(id);
  CAF_CHECK_EQUAL(x.state(), proto::WAITING);
  CAF_REQUIRE_EQUAL(x.attempts_size(), 1);
  CAF_CHECK_EQUAL(x.attempts(0).reason(), proto::REFUSED_BY_NODE);
}

CAF_TEST(who asks for other kinds does not wait for the former ones) {
  auto waits = request<proto::Reply>(front, wish(20s));
  auto other = wish(20s);
  other.mutable_lease_tasks()->set_kinds(0, "words");
  auto second = request<proto::Reply>(front, other);
  CAF_CHECK_EQUAL(need(waits).lease_tasks().leases_size(), 0);
  auto id = submit();
  CAF_CHECK_EQUAL(task(id).state(), proto::WAITING);
  auto spec = noop();
  spec.set_kind("words");
  submit(spec);
  CAF_CHECK_EQUAL(need(second).lease_tasks().leases_size(), 1);
}

CAF_TEST(a client gets as many as it asks for and no more) {
  ask(submission(noop(), 5));
  auto x = wish();
  x.mutable_lease_tasks()->set_limit(3);
  CAF_CHECK_EQUAL(ask(x).lease_tasks().leases_size(), 3);
  CAF_CHECK_EQUAL(ask(x).lease_tasks().leases_size(), 2);
}

CAF_TEST(a hundred leases are enough for a client) {
  ask(submission(noop(), 120));
  auto x = wish();
  x.mutable_lease_tasks()->set_limit(60);
  CAF_CHECK_EQUAL(ask(x).lease_tasks().leases_size(), 60);
  auto second = ask(x);
  CAF_CHECK_EQUAL(second.lease_tasks().leases_size(), 40);
  CAF_CHECK_EQUAL(ask(x).error().code(), number(ec::overloaded));
  finish(second.lease_tasks().leases(0), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(ask(x).lease_tasks().leases_size(), 1);
}

CAF_TEST(a request that is repeated gets the same leases) {
  ask(submission(noop(), 2));
  auto x = lease(wish(0ms, "r1"));
  CAF_CHECK(lease(wish(0ms, "r1")).id() == x.id());
  CAF_CHECK(lease(wish(0ms, "r2")).id() != x.id());
  finish(x, proto::SUCCEEDED);
  CAF_CHECK_EQUAL(ask(wish(0ms, "r1")).lease_tasks().leases_size(), 0);
}

CAF_TEST(a recall gets what was leased and nothing else) {
  ask(submission(noop(), 2));
  auto x = lease(wish(0ms, "r1"));
  auto again = wish(0ms, "r1");
  again.mutable_lease_tasks()->clear_kinds();
  CAF_CHECK_EQUAL(ask(again).error().code(), number(ec::invalid_argument));
  again.set_group(shard_group(0));
  CAF_CHECK(lease(again).id() == x.id());
  again.mutable_lease_tasks()->set_request_id("r2");
  CAF_CHECK_EQUAL(ask(again).lease_tasks().leases_size(), 0);
}

CAF_TEST(a request that is repeated while it waits gets the same leases) {
  auto first = request<proto::Reply>(front, wish(20s, "r1"));
  auto second = request<proto::Reply>(front, wish(20s, "r1"));
  submit();
  CAF_REQUIRE_EQUAL(need(first).lease_tasks().leases_size(), 1);
  auto x = need(first).lease_tasks().leases(0).id();
  CAF_CHECK(need(second).lease_tasks().leases(0).id() == x);
}

CAF_TEST(clients and nodes share the tasks) {
  auto worker = connect();
  pull(worker, 1);
  ask(submission(noop(), 3));
  CAF_CHECK_EQUAL(worker->got.size(), 1u);
  auto x = lease();
  auto y = lease(wish(0ms, "", "c2"));
  CAF_CHECK(x.id() != y.id());
}

CAF_TEST(progress is seen and keeps the lease) {
  auto id = submit();
  auto x = lease();
  for (auto i = 1; i <= 10; ++i) {
    pass(500ms);
    CAF_CHECK(!progress(x, i).has_error());
  }
  auto now = task(id);
  CAF_CHECK_EQUAL(now.state(), proto::RUNNING);
  CAF_CHECK_EQUAL(now.progress().percent(), 10);
}

CAF_TEST(a lease ends by silence though its client has others) {
  auto id = submit();
  submit();
  auto x = lease();
  auto y = lease();
  pass_alive(y, 1'400ms);
  auto lost = task(id);
  CAF_REQUIRE_EQUAL(lost.attempts_size(), 1);
  CAF_CHECK_EQUAL(lost.attempts(0).reason(), proto::LEASE_EXPIRED);
  CAF_CHECK_EQUAL(lost.attempts(0).node(), "client:c1");
  CAF_CHECK_EQUAL(progress(x).error().code(), number(ec::fenced));
  CAF_CHECK_EQUAL(finish(x, proto::SUCCEEDED).error().code(),
                  number(ec::fenced));
  CAF_CHECK_EQUAL(finish(x, proto::FAILED).error().code(), number(ec::fenced));
  CAF_CHECK(!progress(y).has_error());
}

CAF_TEST(a finish may be said again but not otherwise) {
  auto id = submit();
  auto x = lease();
  CAF_CHECK(!finish(x, proto::SUCCEEDED, "1").has_error());
  auto again = finish(x, proto::SUCCEEDED, "1");
  CAF_CHECK_EQUAL(again.client_lease().state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(finish(x, proto::FAILED).error().code(), number(ec::fenced));
  CAF_CHECK_EQUAL(progress(x).error().code(), number(ec::fenced));
  CAF_CHECK_EQUAL(task(id).attempts_size(), 1);
}

CAF_TEST(a failure is tried again with the checkpoint) {
  auto id = submit();
  auto x = lease();
  std::string data(600'000, 'x');
  CAF_CHECK(!save(x, data).has_error());
  data[0] = 'y';
  CAF_CHECK(!save(x, data).has_error());
  auto reply = finish(x, proto::FAILED);
  CAF_CHECK_EQUAL(reply.client_lease().state(), proto::WAITING);
  auto y = lease_later();
  CAF_CHECK_EQUAL(y.id(), id + ".2");
  CAF_CHECK(y.has_checkpoint());
  CAF_CHECK(y.checkpoint() == data);
  CAF_CHECK_EQUAL(save(x, data).error().code(), number(ec::fenced));
  finish(y, proto::SUCCEEDED);
  CAF_CHECK_EQUAL(task(id).attempts(1).resumed_bytes(), 600'000);
}

CAF_TEST(a cancel reaches the client with its next news) {
  auto id = submit();
  auto x = lease();
  CAF_CHECK_EQUAL(progress(x).client_lease().stop(), proto::REASON_UNSPECIFIED);
  cancel(id);
  CAF_CHECK_EQUAL(progress(x).client_lease().stop(), proto::CANCEL_REQUESTED);
  auto reply = finish(x, proto::FAILED);
  CAF_CHECK_EQUAL(reply.client_lease().state(), proto::CANCELLED);
  CAF_CHECK_EQUAL(finish(x, proto::FAILED).client_lease().state(),
                  proto::CANCELLED);
}

CAF_TEST(a client that does not stop is not waited for) {
  auto id = submit();
  auto x = lease();
  cancel(id);
  pass_alive(x, 2s);
  CAF_CHECK_EQUAL(task(id).state(), proto::CANCELLED);
  CAF_CHECK_EQUAL(progress(x).error().code(), number(ec::fenced));
}

CAF_TEST(a new leader goes on with all leases) {
  ask(submission(noop(), 2));
  auto x = lease();
  auto y = lease();
  cancel(y.task());
  lead_anew();
  CAF_CHECK(!progress(x, 50).has_error());
  CAF_CHECK_EQUAL(progress(y).client_lease().stop(), proto::CANCEL_REQUESTED);
  pass_alive(x, 3s);
  CAF_CHECK_EQUAL(finish(x, proto::SUCCEEDED).client_lease().state(),
                  proto::SUCCEEDED);
  CAF_CHECK_EQUAL(task(x.task()).attempts_size(), 1);
}

CAF_TEST(a finish that a former leader took is confirmed by the next) {
  submit();
  auto x = lease();
  finish(x, proto::SUCCEEDED);
  lead_anew();
  CAF_CHECK_EQUAL(finish(x, proto::SUCCEEDED).client_lease().state(),
                  proto::SUCCEEDED);
  CAF_CHECK_EQUAL(progress(x).error().code(), number(ec::fenced));
}

CAF_TEST(a finish is not answered before it is durable) {
  auto id = submit();
  auto x = lease();
  auto end = news(x);
  end.mutable_client_lease()->mutable_finish()->set_outcome(proto::SUCCEEDED);
  disk->broken = true;
  auto first = request<proto::Reply>(front, end);
  auto second = request<proto::Reply>(front, end);
  // Nor does a lease end because the disk is slow.
  pass(3s);
  CAF_CHECK(!first->value && !second->value);
  disk->broken = false;
  pass(3s);
  for (auto& said : {first, second})
    CAF_CHECK_EQUAL(need(said).client_lease().state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(task(id).attempts_size(), 1);
}

CAF_TEST(an attempt of a node is none of a client) {
  auto worker = connect();
  auto id = submit();
  pull(worker, 1);
  alive(worker, worker->got);
  proto::TaskLease x;
  x.set_id(id + ".1");
  CAF_CHECK_EQUAL(progress(x).error().code(), number(ec::fenced));
  CAF_CHECK_EQUAL(finish(x, proto::SUCCEEDED).error().code(),
                  number(ec::fenced));
  report(worker, ending(worker->got[0], proto::SUCCEEDED));
  CAF_CHECK_EQUAL(finish(x, proto::SUCCEEDED).error().code(),
                  number(ec::fenced));
}

CAF_TEST(what is no lease or breaks a limit is refused) {
  proto::TaskLease x;
  for (auto [id, code] : {std::pair{"nonsense", ec::invalid_argument},
                          {"1.1.999.1", ec::not_found},
                          {"", ec::invalid_argument}}) {
    x.set_id(id);
    CAF_CHECK_EQUAL(progress(x).error().code(), number(code));
  }
  submit();
  x.set_id("1.1.999.1");
  CAF_CHECK_EQUAL(progress(x).error().code(), number(ec::fenced));
  auto bad = wish();
  bad.mutable_lease_tasks()->set_client("a:b");
  CAF_CHECK_EQUAL(ask(bad).error().code(), number(ec::invalid_argument));
  bad.set_group(shard_group(0)); // As another manager would pass it on.
  CAF_CHECK_EQUAL(ask(bad).error().code(), number(ec::invalid_argument));
}

CAF_TEST(a client does not overwrite what nodes said of a kind) {
  auto worker = make_worker();
  worker->kinds = {"exclusive"};
  hello(worker);
  pull(worker, 0);
  auto spec = noop();
  spec.set_kind("exclusive");
  submit(spec);
  auto x = wish();
  x.mutable_lease_tasks()->set_kinds(0, "exclusive");
  lease(x);
  auto read = store->read([&](const table_view& view, uint64_t) {
    return get_kind(view, "exclusive")->exclusive();
  });
  CAF_CHECK(read.value());
}

CAF_TEST(clients are listed while they are there) {
  auto listed = [&] {
    proto::Request x;
    x.mutable_nodes();
    auto reply = ask(x);
    for (auto& node : reply.nodes().nodes())
      if (node.name() == "client:c1")
        return true;
    return false;
  };
  CAF_CHECK(!listed());
  submit();
  auto x = lease();
  CAF_CHECK(listed());
  finish(x, proto::SUCCEEDED);
  pass(50s);
  CAF_CHECK(listed());
  pass(12s);
  CAF_CHECK(!listed());
  // And comes again.
  submit();
  lease();
  CAF_CHECK(listed());
}

CAF_TEST(a client is not drained but may be released) {
  submit();
  auto x = lease();
  proto::Request drain;
  drain.mutable_drain()->set_node("client:c1");
  auto said = ask(drain).error();
  CAF_CHECK_EQUAL(said.code(), number(ec::not_found));
  CAF_CHECK(said.message().find("stop it where it runs") != std::string::npos);
  CAF_CHECK(!progress(x).has_error());
}

CAF_TEST(whoever waits when the lead is lost is told to ask again) {
  auto waits = request<proto::Reply>(front, wish(20s));
  self->send_exit(desk, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK_EQUAL(need(waits).error().code(), number(ec::not_leader));
}

CAF_TEST_FIXTURE_SCOPE_END()
