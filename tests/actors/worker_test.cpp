// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/worker.hpp"

#include "tests/actors/executor_fixture.hpp"

#include <set>
#include <stdexcept>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture : executor_fixture {
  fixture() {
    proto::KindInfo bug;
    bug.set_name("bug");
    options.kinds.push_back({bug, {}});
    options.starters["bug"]
      = [](const run_observer&, run_start) -> run_control_ptr {
      throw std::runtime_error("a bug");
    };
    worker = sys.spawn(worker_node, options, manager_contacts{directory, {}});
    self->monitor(worker);
    consume_messages();
  }

  ~fixture() {
    self->send_exit(worker, caf::exit_reason::user_shutdown);
    for (auto i = 0; i < 1'000 && !has_ended(); ++i)
      pass(50ms);
    script->worker = nullptr;
  }

  bool has_ended() {
    self->receive([this](const caf::down_msg&) { ended = true; },
                  caf::after(0s) >> [] {});
    return ended;
  }

  /// Has the EXECUTOR run *xs*, in this order.
  void run(std::vector<proto::Assignment> xs) {
    proto::Assignments message;
    message.set_number(++script->assignments);
    for (auto& x : xs)
      *message.add_items() = std::move(x);
    self->send(script->worker, std::move(message));
    consume_messages();
  }

  proto::TreePart tree() {
    proto::Request x;
    x.mutable_tree();
    auto request = self->request(worker, caf::infinite, x);
    consume_messages();
    proto::TreePart result;
    request.receive([&](proto::Reply& y) { result = y.tree().root(); },
                    [&](const caf::error& why) { CAF_ERROR(why); });
    return result;
  }

  worker_node_actor worker;
  bool ended = false;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_tests, fixture)

CAF_TEST(an executor that throws is started again and says hello anew) {
  run({make(key(1), "fake")});
  auto first = script->hellos.back();
  CAF_REQUIRE(runs.count(key(1)) == 1);
  auto before = script->worker;
  run({make(key(2), "bug")});
  CAF_CHECK(!has_ended());
  CAF_REQUIRE_EQUAL(script->hellos.size(), 2u);
  auto& second = script->hellos.back();
  CAF_CHECK_EQUAL(second.incarnation(), first.incarnation());
  CAF_CHECK_NOT_EQUAL(second.connection(), first.connection());
  // It holds nothing, so that the manager judges what the first one held.
  CAF_CHECK_EQUAL(second.holds_size(), 0);
  CAF_CHECK(script->worker != before);
  auto part = tree().parts(0);
  CAF_CHECK_EQUAL(part.name(), "executor-0");
  CAF_CHECK_EQUAL(part.restarts(), 1u);
  CAF_CHECK(!part.last_end().empty());
}

CAF_TEST(
  what an executor ran is stopped when it throws and has its slots back) {
  run({make(key(1), "fake"), make(key(2), "fake")});
  auto lost = runs.at(key(1));
  run({make(key(3), "bug")});
  CAF_CHECK_EQUAL(lost->stops.size(), 1u);
  auto pulls = script->pulls.size();
  pass(2s);
  CAF_REQUIRE(script->pulls.size() > pulls);
  CAF_CHECK_EQUAL(script->pulls.back().free(), 4u);
  // What it says now reaches nobody.
  auto reports = script->finishes().size();
  lost->say(run_ended{succeeded("twice")});
  pass(2s);
  CAF_CHECK_EQUAL(script->finishes().size(), reports);
}

CAF_TEST(an executor that throws beside an exclusive attempt ends the worker) {
  run({make(key(1), "sole")});
  CAF_REQUIRE(runs.count(key(1)) == 1);
  run({make(key(2), "bug")});
  CAF_CHECK(has_ended());
  CAF_CHECK(runs.at(key(1))->start.lease->is_over());
}

CAF_TEST(an executor that throws again and again ends the worker) {
  for (auto i = 0u; i < 5; ++i)
    run({make(key(i + 1), "bug")});
  CAF_CHECK(!has_ended());
  run({make(key(6), "bug")});
  CAF_CHECK(has_ended());
}

CAF_TEST_FIXTURE_SCOPE_END()
