// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/job_scheduler.hpp"

#include "tests/actors/manager_fixture.hpp"

#include <map>
#include <set>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture : manager_fixture {
  fixture() {
    start();
  }

  /// A spec of which each needs a command of its own.
  static proto::TaskSpec large() {
    auto x = noop();
    x.set_data(std::string(size_t{100} << 10, 'x'));
    return x;
  }

  /// From now on the log refuses the third large spec of a turn.
  void restart_with_room_for_two() {
    stop();
    replicator_options.max_waiting_bytes = size_t{300} << 10;
    start();
  }

  uint32_t item_code(const proto::Reply& x, int i) {
    return x.submit().items(i).error().code();
  }

  proto::TaskState state(const std::string& id) {
    return task(id).state();
  }
};

constexpr auto invalid = static_cast<uint32_t>(ec::invalid_argument);
constexpr auto overloaded = static_cast<uint32_t>(ec::overloaded);
constexpr auto unknown = static_cast<uint32_t>(ec::deadline_exceeded);

} // namespace

CAF_TEST_FIXTURE_SCOPE(job_scheduler_tests, fixture)

// -- submit -------------------------------------------------------------------

CAF_TEST(an answered submit is durable and waits) {
  auto writes = disk->writes();
  auto id = submit();
  CAF_CHECK_EQUAL(id, std::string{"1.1.1"});
  CAF_CHECK(disk->writes() > writes);
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::WAITING);
  CAF_CHECK_EQUAL(found.product(), std::string{"p"});
  CAF_CHECK_EQUAL(found.kind(), std::string{"noop"});
}

CAF_TEST(a submit is not answered before its commit) {
  disk->broken = true;
  auto open = request<proto::Reply>(front, submission(noop()));
  pass(500ms);
  CAF_CHECK(!open->value && !open->failed);
  disk->broken = false;
  pass(200ms);
  auto reply = need(open);
  CAF_CHECK_EQUAL(reply.submit().items(0).id(), std::string{"1.1.1"});
}

CAF_TEST(a repeated idempotency key names the task of its first submit) {
  auto spec = noop();
  spec.set_idempotency_key("k");
  auto id = submit(spec);
  auto again = ask(submission(spec)).submit().items(0);
  CAF_CHECK_EQUAL(again.id(), id);
  CAF_CHECK(again.duplicate());
  spec.set_priority(1);
  auto other = ask(submission(spec));
  CAF_CHECK_EQUAL(item_code(other, 0), static_cast<uint32_t>(ec::conflict));
}

CAF_TEST(more than a thousand specs are refused as a whole) {
  auto refused = ask(submission(noop(), 1'001));
  CAF_CHECK_EQUAL(refused.error().code(), invalid);
  auto accepted = ask(submission(noop(), 1'000));
  CAF_CHECK_EQUAL(accepted.submit().items_size(), 1'000);
  CAF_CHECK_EQUAL(accepted.submit().items(999).id(), std::string{"1.1.1000"});
}

CAF_TEST(a bad spec is refused alone and in its place) {
  auto x = submission(noop());
  x.mutable_submit()->add_specs("\xff\xff garbage");
  auto unknown = noop();
  unknown.set_kind("nobody-runs-this");
  x.mutable_submit()->add_specs(unknown.SerializeAsString());
  auto large = noop();
  large.set_data(std::string(size_t{1} << 20, 'x'));
  x.mutable_submit()->add_specs(large.SerializeAsString());
  x.mutable_submit()->add_specs("\x0a\x02\xc3\x28"); // No UTF-8.
  x.mutable_submit()->add_specs(noop().SerializeAsString());
  auto reply = ask(x);
  CAF_REQUIRE_EQUAL(reply.submit().items_size(), 6);
  for (auto i = 1; i < 5; ++i)
    CAF_CHECK_EQUAL(item_code(reply, i), invalid);
  CAF_CHECK_EQUAL(reply.submit().items(0).id(), std::string{"1.1.1"});
  CAF_CHECK_EQUAL(reply.submit().items(5).id(), std::string{"1.1.2"});
}

CAF_TEST(a kind is known from the hello of its worker on) {
  auto spec = noop();
  spec.set_kind("own");
  CAF_CHECK_EQUAL(item_code(ask(submission(spec)), 0), invalid);
  auto w = make_worker();
  w->kinds = {"own"};
  hello(w);
  CAF_CHECK_EQUAL(state(submit(spec)), proto::WAITING);
}

CAF_TEST(an empty submit is answered with nothing) {
  proto::Request x;
  x.mutable_submit();
  auto reply = ask(x);
  CAF_CHECK(!reply.has_error());
  CAF_CHECK(reply.has_submit());
  CAF_CHECK_EQUAL(reply.submit().items_size(), 0);
}

CAF_TEST(a large submit is split and answered in order) {
  auto entries = disk->last_index();
  auto reply = ask(submission(large(), 100));
  CAF_REQUIRE_EQUAL(reply.submit().items_size(), 100);
  for (auto i = 0; i < 100; ++i)
    CAF_CHECK_EQUAL(reply.submit().items(i).id(),
                    "1.1." + std::to_string(i + 1));
  CAF_CHECK(disk->last_index() - entries >= 50);
}

// -- leases -------------------------------------------------------------------

CAF_TEST(a pull is answered by a task that waits) {
  auto id = submit();
  auto worker = connect();
  pull(worker, 1);
  CAF_REQUIRE_EQUAL(worker->got.size(), 1u);
  CAF_CHECK_EQUAL(worker->seen, 1u);
  CAF_CHECK_EQUAL(worker->got[0].ref().attempt(), 1u);
  CAF_CHECK_EQUAL(worker->got[0].spec(), noop().SerializeAsString());
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::LEASED);
  CAF_CHECK_EQUAL(found.node(), std::string{"n1"});
}

CAF_TEST(a worker hears of a lease only after its commit) {
  submit();
  auto worker = connect();
  disk->broken = true;
  pull(worker, 1);
  pass(500ms);
  CAF_CHECK(worker->got.empty());
  disk->broken = false;
  pass(200ms);
  CAF_CHECK_EQUAL(worker->got.size(), 1u);
}

CAF_TEST(what the log takes very late is run all the same) {
  submit();
  auto worker = connect();
  disk->broken = true;
  pull(worker, 3);
  auto queued = request<proto::Reply>(front, submission(noop("q")));
  auto claimed = request<proto::Reply>(front, submission(noop()));
  pass(35s);
  CAF_CHECK(worker->got.empty());
  disk->broken = false;
  pass(500ms);
  CAF_CHECK(!need(queued).has_error());
  CAF_CHECK(!need(claimed).has_error());
  CAF_CHECK_EQUAL(worker->got.size(), 3u);
  // And all of it is watched.
  pass(1500ms);
  proto::Request x;
  x.mutable_list()->add_states(proto::LEASED);
  CAF_CHECK_EQUAL(ask(x).list().tasks_size(), 0);
}

CAF_TEST(a submit that is taken in part says of each spec what became of it) {
  restart_with_room_for_two();
  auto x = submission(large());
  x.mutable_submit()->add_specs("\xff\xff garbage");
  for (auto i = 0; i < 3; ++i)
    x.mutable_submit()->add_specs(large().SerializeAsString());
  auto reply = ask(x);
  CAF_CHECK(!reply.has_error());
  CAF_REQUIRE_EQUAL(reply.submit().items_size(), 5);
  CAF_CHECK_EQUAL(reply.submit().items(0).id(), "1.1.1");
  CAF_CHECK_EQUAL(item_code(reply, 1), invalid);
  CAF_CHECK_EQUAL(reply.submit().items(2).id(), "1.1.2");
  CAF_CHECK_EQUAL(item_code(reply, 3), overloaded);
  CAF_CHECK_EQUAL(item_code(reply, 4), overloaded);
  CAF_CHECK_EQUAL(state("1.1.2"), proto::WAITING);
  proto::Request all;
  all.mutable_list();
  CAF_CHECK_EQUAL(ask(all).list().tasks_size(), 2);
}

CAF_TEST(a submit that is taken in part is not answered before its commits) {
  restart_with_room_for_two();
  disk->broken = true;
  auto open = request<proto::Reply>(front, submission(large(), 3));
  pass(500ms);
  CAF_CHECK(!open->value && !open->failed);
  disk->broken = false;
  pass(200ms);
  auto reply = need(open);
  CAF_CHECK_EQUAL(reply.submit().items(1).id(), "1.1.2");
  CAF_CHECK_EQUAL(item_code(reply, 2), overloaded);
}

CAF_TEST(a submit whose fate is unknown says so of each spec) {
  self->send_exit(replicator, caf::exit_reason::kill);
  consume_messages();
  auto reply = ask(submission(noop(), 2));
  CAF_CHECK(!reply.has_error());
  CAF_REQUIRE_EQUAL(reply.submit().items_size(), 2);
  CAF_CHECK_EQUAL(item_code(reply, 0), unknown);
  CAF_CHECK_EQUAL(item_code(reply, 1), unknown);
}

CAF_TEST(a submit that is taken in part does not give too much) {
  restart_with_room_for_two();
  submit();
  auto worker = connect();
  pull(worker, 6);
  worker->got.clear();
  auto reply = ask(submission(large(), 10));
  CAF_CHECK_EQUAL(item_code(reply, 9), overloaded);
  CAF_CHECK_EQUAL(worker->got.size(), 2u);
  for (auto i = 0; i < 10; ++i)
    submit();
  CAF_CHECK_EQUAL(worker->got.size(), 5u);
}

CAF_TEST(a task goes at once to a pull that waits) {
  submit(); // Makes the class known.
  auto worker = connect();
  pull(worker, 3);
  auto entries = disk->last_index();
  auto id = submit();
  CAF_REQUIRE_EQUAL(worker->got.size(), 2u);
  auto ids = worker->ids();
  CAF_CHECK_EQUAL(ids[1], id);
  // Submit and lease were one command.
  CAF_CHECK_EQUAL(disk->last_index(), entries + 1);
  CAF_CHECK_EQUAL(state(id), proto::LEASED);
}

CAF_TEST(no worker gets more than it pulled for) {
  ask(submission(noop(), 20));
  auto worker = connect();
  pull(worker, 3);
  CAF_CHECK_EQUAL(worker->got.size(), 3u);
  ask(submission(noop(), 5));
  CAF_CHECK_EQUAL(worker->got.size(), 3u);
  // An old offer again does not make new slots.
  worker->seen = 0;
  pull(worker, 3);
  CAF_CHECK_EQUAL(worker->got.size(), 3u);
  worker->seen = 1;
  pull(worker, 2);
  CAF_CHECK_EQUAL(worker->got.size(), 5u);
}

CAF_TEST(no more is given than was pulled for with submits in flight) {
  submit();
  auto worker = connect();
  pull(worker, 4);
  CAF_REQUIRE_EQUAL(worker->got.size(), 1u);
  for (auto i = 0; i < 10; ++i)
    caf::anon_send(caf::actor_cast<caf::actor>(front), submission(noop()));
  consume_messages();
  CAF_CHECK_EQUAL(worker->got.size(), 4u);
}

CAF_TEST(all of a worker and all of the tasks are told apart) {
  ask(submission(noop(), 10));
  auto first = connect("n1");
  auto second = connect("n2");
  pull(first, 4);
  pull(second, 10);
  std::set<std::string> ids;
  for (auto& worker : {first, second})
    for (auto& id : worker->ids())
      CAF_CHECK(ids.insert(id).second);
  CAF_CHECK_EQUAL(ids.size(), 10u);
  CAF_CHECK_EQUAL(first->got.size(), 4u);
}

CAF_TEST(products take turns) {
  ask(submission(noop("a"), 50));
  ask(submission(noop("b"), 50));
  ask(submission(noop("c"), 2));
  auto worker = connect();
  pull(worker, 12);
  std::map<uint32_t, int> counts;
  for (auto& x : worker->got)
    ++counts[x.ref().task().product()];
  CAF_CHECK_EQUAL(counts[1], 5);
  CAF_CHECK_EQUAL(counts[2], 5);
  CAF_CHECK_EQUAL(counts[3], 2);
}

CAF_TEST(the higher priority goes first) {
  auto low = submit();
  auto spec = noop();
  spec.set_priority(5);
  auto high = submit(spec);
  auto worker = connect();
  pull(worker, 1);
  CAF_REQUIRE_EQUAL(worker->got.size(), 1u);
  auto ids = worker->ids();
  CAF_CHECK_EQUAL(ids[0], high);
  CAF_CHECK_EQUAL(state(low), proto::WAITING);
}

CAF_TEST(labels decide who gets a task) {
  auto spec = noop();
  spec.add_labels("gpu=yes");
  submit(spec);
  auto plain = connect("n1");
  pull(plain, 4);
  CAF_CHECK(plain->got.empty());
  auto special = make_worker("n2");
  special->labels = {"gpu=yes"};
  hello(special);
  pull(special, 4);
  CAF_CHECK_EQUAL(special->got.size(), 1u);
}

CAF_TEST(a heavy task is given as many slots as it weighs) {
  auto heavy = noop();
  heavy.set_weight(3);
  auto id = submit(heavy);
  auto w = connect("n1");
  pull(w, 2);
  CAF_CHECK(w->got.empty());
  pull(w, 4);
  CAF_REQUIRE_EQUAL(w->got.size(), 1u);
  submit();
  submit();
  CAF_CHECK_EQUAL(w->got.size(), 2u);
  heavy.set_weight(1'001);
  auto refused = ask(submission(heavy)).submit().items(0);
  CAF_CHECK(refused.error().message().find("weight") != std::string::npos);
}

CAF_TEST(a heavy task that is given with its submit takes its slots) {
  auto heavy = noop();
  heavy.set_weight(3);
  auto w = connect("n1");
  pull(w, 4);
  submit(heavy); // Its class is learned.
  pull(w, 4);
  submit(heavy);
  CAF_REQUIRE_EQUAL(w->got.size(), 2u);
  submit();
  submit();
  CAF_CHECK_EQUAL(w->got.size(), 3u);
}

CAF_TEST(a pull of a node that never said hello gets nothing) {
  submit();
  auto stranger = make_worker();
  pull(stranger, 4);
  CAF_CHECK(stranger->got.empty());
  CAF_CHECK_EQUAL(state("1.1.1"), proto::WAITING);
}

CAF_TEST(a worker that is gone gets nothing) {
  auto worker = connect();
  pull(worker, 4);
  disconnect(worker);
  CAF_CHECK_EQUAL(state(submit()), proto::WAITING);
}

CAF_TEST(a lease whose worker is gone before it was told is given back) {
  auto id = submit();
  auto gone = connect("n1");
  disk->broken = true;
  pull(gone, 1);
  disconnect(gone);
  disk->broken = false;
  pass(200ms);
  // It counts as never started, so the task pauses and comes back.
  auto found = task(id);
  CAF_CHECK_EQUAL(found.state(), proto::WAITING);
  CAF_CHECK_EQUAL(found.tries(), 0u);
  CAF_CHECK_EQUAL(found.attempts(0).reason(), proto::NEVER_STARTED);
}

CAF_TEST(a new leader goes on with what waits) {
  ask(submission(noop(), 3));
  stop();
  start();
  auto worker = connect();
  pull(worker, 2);
  CAF_CHECK_EQUAL(worker->got.size(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
