// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_query.hpp"

#include "runtime/duration.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture {
  proto::TaskRef submit(const std::string& product) {
    return m.submit(m.item_of(product)).id();
  }

  proto::ListReply list(
    const proto::ListRequest& what,
    const task_amendment& amend = [](auto&, auto&) {}) {
    auto after
      = what.after().empty() ? task_id{} : unwrap(parse_task_id(what.after()));
    return m.read([&](const table_view& view) {
      proto::ListReply out;
      list_tasks(view, what, after, amend, out);
      return out;
    });
  }

  proto::Task read(const proto::TaskRef& id, bool full) {
    return m.read([&](const table_view& view) {
      return unwrap(read_task(view, machine::key(id), full));
    });
  }

  /// Returns where an attempt ran, or nothing.
  std::optional<std::pair<uint32_t, std::string>>
  locate(const proto::TaskRef& id, uint32_t attempt) {
    using found_type = std::optional<std::pair<uint32_t, std::string>>;
    return m.read([&](const table_view& view) {
      auto found = locate_attempt(view, machine::key(id), attempt);
      return found ? found_type{found.value()} : std::nullopt;
    });
  }

  machine m;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(task_query_tests, fixture)

CAF_TEST(a task is put together from its rows) {
  auto id = submit("p");
  auto found = read(id, true);
  CAF_CHECK_EQUAL(found.id(), std::string{"1.1.1"});
  CAF_CHECK_EQUAL(found.product(), std::string{"p"});
  CAF_CHECK_EQUAL(found.kind(), std::string{"noop"});
  CAF_CHECK_EQUAL(found.state(), proto::WAITING);
  CAF_CHECK_EQUAL(found.spec().retry().attempts(), 2u);
  CAF_CHECK(!read(id, false).has_spec());
}

CAF_TEST(an unknown id is not found) {
  m.read([&](const table_view& view) {
    auto missing = read_task(view, {9, 9, 9}, false);
    CAF_REQUIRE(!missing);
    CAF_CHECK(missing.error().code == ec::not_found);
    auto attempt = locate_attempt(view, {9, 9, 9}, 0);
    CAF_CHECK(!attempt && attempt.error().code == ec::not_found);
    return 0;
  });
}

CAF_TEST(attempts that ended and the open one are listed in order) {
  auto id = m.leased_task();
  auto end = machine::ending(id, 1, proto::FAILED);
  end.mutable_error()->set_code("exit_1");
  end.mutable_error()->set_message("exit status 1");
  m.finish(end);
  auto paused = read(id, true);
  CAF_CHECK_EQUAL(paused.error().code(), std::string{"exit_1"});
  m.now_ms = paused.due_ms();
  m.wake(id);
  m.lease(id, 2);
  auto found = read(id, true);
  CAF_REQUIRE_EQUAL(found.attempts_size(), 2);
  CAF_CHECK_EQUAL(found.attempts(0).outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(found.attempts(1).outcome(), proto::LEASED);
  CAF_CHECK_EQUAL(found.attempts(1).number(), 2u);
  CAF_CHECK_EQUAL(found.attempts(1).node(), std::string{"n1"});
  CAF_CHECK_EQUAL(found.node(), std::string{"n1"});
}

CAF_TEST(an ended task shows what its last attempt came to) {
  auto id = m.leased_task();
  auto end = machine::ending(id, 1, proto::SUCCEEDED);
  end.set_result("42");
  end.mutable_progress()->set_percent(100);
  m.finish(end);
  auto found = read(id, false);
  CAF_CHECK_EQUAL(found.result(), std::string{"42"});
  CAF_CHECK_EQUAL(found.progress().percent(), 100.0);
  CAF_CHECK_EQUAL(found.attempts_size(), 0);
}

CAF_TEST(a leased task shows the progress of its checkpoint) {
  auto id = m.leased_task();
  proto::Command command;
  auto& chunk = *command.mutable_checkpoint();
  *chunk.mutable_id() = id;
  chunk.set_attempt(1);
  chunk.set_version(1);
  chunk.set_data("x");
  chunk.set_last(true);
  chunk.set_size(1);
  chunk.mutable_progress()->set_percent(30);
  m.run(command);
  CAF_CHECK_EQUAL(read(id, false).progress().percent(), 30.0);
}

CAF_TEST(pages follow each other without gap or repetition) {
  for (auto i = 0; i < 25; ++i)
    submit(i % 2 == 0 ? "a" : "b");
  proto::ListRequest what;
  what.set_limit(4);
  std::vector<std::string> ids;
  for (auto pages = 0; pages < 20; ++pages) {
    auto page = list(what);
    CAF_CHECK(page.tasks_size() <= 4);
    for (auto& x : page.tasks())
      ids.push_back(x.id());
    if (page.next().empty())
      break;
    what.set_after(page.next());
  }
  CAF_CHECK_EQUAL(ids.size(), 25u);
  std::sort(ids.begin(), ids.end());
  CAF_CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

CAF_TEST(a list without a limit has a hundred tasks and never a thousand more) {
  for (auto i = 0; i < 1'100; ++i)
    submit("p");
  CAF_CHECK_EQUAL(list({}).tasks_size(), 100);
  proto::ListRequest what;
  what.set_limit(4'000'000'000);
  auto page = list(what);
  CAF_CHECK_EQUAL(page.tasks_size(), 1'000);
  CAF_CHECK_EQUAL(page.next(), std::string{"1.1.1000"});
}

CAF_TEST(a list can be of one product) {
  submit("a");
  submit("b");
  submit("a");
  proto::ListRequest what;
  what.set_product("a");
  CAF_CHECK_EQUAL(list(what).tasks_size(), 2);
  what.set_product("unknown");
  CAF_CHECK_EQUAL(list(what).tasks_size(), 0);
}

CAF_TEST(a list can be of some states) {
  m.leased_task();
  submit("p");
  m.cancel(submit("p"));
  proto::ListRequest what;
  what.add_states(proto::LEASED);
  CAF_CHECK_EQUAL(list(what).tasks_size(), 1);
  what.add_states(proto::CANCELLED);
  CAF_CHECK_EQUAL(list(what).tasks_size(), 2);
}

CAF_TEST(states are compared after the amendment) {
  m.leased_task();
  proto::ListRequest what;
  what.add_states(proto::RUNNING);
  CAF_CHECK_EQUAL(list(what).tasks_size(), 0);
  auto running
    = [](const task_id&, proto::Task& x) { x.set_state(proto::RUNNING); };
  CAF_CHECK_EQUAL(list(what, running).tasks_size(), 1);
}

CAF_TEST(a leader finds all leases with their clocks) {
  m.enrol("n1", 3);
  proto::TaskSpec spec;
  spec.set_kind("noop");
  *spec.mutable_timeouts()->mutable_stall() = to_proto(5s);
  auto x = machine::item();
  x.set_spec(spec.SerializeAsString());
  auto id = m.submit(x).id();
  m.lease(id, 1, "n1", 3);
  m.cancel(id);
  auto leases = m.read([](const table_view& view) { return get_leases(view); });
  CAF_REQUIRE_EQUAL(leases.size(), 1u);
  CAF_CHECK_EQUAL(leases[0].attempt, 1u);
  CAF_CHECK_EQUAL(leases[0].worker.node, std::string{"n1"});
  CAF_CHECK_EQUAL(leases[0].worker.incarnation, 3u);
  CAF_CHECK_EQUAL(leases[0].first_leased_ms, m.now_ms);
  CAF_CHECK(leases[0].limits.stall == 5s);
  CAF_CHECK(leases[0].cancel_requested);
}

CAF_TEST(the leases of one node are its own) {
  m.leased_task();
  m.enrol("n2", 1);
  m.lease(submit("p"), 1, "n2", 1);
  auto of = [&](const char* node) {
    return m.read(
      [&](const table_view& view) { return get_leases_of(view, node).size(); });
  };
  CAF_CHECK_EQUAL(of("n1"), 1u);
  CAF_CHECK_EQUAL(of("n2"), 1u);
  CAF_CHECK_EQUAL(of("n3"), 0u);
}

CAF_TEST(the attempts before one are listed backwards) {
  auto id = m.leased_task();
  for (uint32_t attempt = 1; attempt <= 4; ++attempt) {
    auto x = machine::ending(id, attempt, proto::FAILED);
    x.set_reason(proto::NODE_STOPPED);
    m.now_ms = m.finish(x).due_ms();
    m.wake(id);
    m.lease(id, attempt + 1);
  }
  auto before = [&](uint32_t attempt, size_t limit) {
    return m.read([&](const table_view& view) {
      std::vector<uint32_t> out;
      for (auto& x : attempts_before(view, machine::key(id), attempt, limit))
        out.push_back(x.number());
      return out;
    });
  };
  CAF_CHECK(before(5, 3) == (std::vector<uint32_t>{4, 3, 2}));
  CAF_CHECK(before(3, 3) == (std::vector<uint32_t>{2, 1}));
  CAF_CHECK(before(1, 3).empty());
  CAF_CHECK(before(9, 3).empty());
}

CAF_TEST(an attempt is found where it ran) {
  auto untried = submit("p");
  CAF_CHECK(!locate(untried, 0));
  auto id = m.leased_task();
  CAF_CHECK(locate(id, 0) == std::pair(1u, std::string{"n1"}));
  m.finish(id, 1, proto::SUCCEEDED);
  CAF_CHECK(locate(id, 0) == std::pair(1u, std::string{"n1"}));
  CAF_CHECK(!locate(id, 2));
}

CAF_TEST_FIXTURE_SCOPE_END()
