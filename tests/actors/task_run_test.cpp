// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_run.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/test/dsl.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

// Real threads: each function has one.
struct fixture {
  fixture() : self(sys) {
    start.key = {{1, 1, 7}, 2};
    start.spec = std::make_shared<proto::TaskSpec>();
    start.log_file = folder.path() / "logs/1.1.7/2.log";
  }

  void run(task_function f) {
    auto observer = caf::actor_cast<run_observer>(self);
    control = function_starter(sys, "test", std::move(f))(observer, start);
  }

  run_event next() {
    run_event result;
    self->receive([&](run_event& x) { result = std::move(x); },
                  caf::after(10s) >> [] { CAF_FAIL("nothing was said"); });
    CAF_CHECK(result.key == start.key);
    return result;
  }

  /// Returns the first event of this sort.
  template <class T>
  T await() {
    for (;;) {
      auto x = next();
      if (auto* y = std::get_if<T>(&x.what))
        return std::move(*y);
    }
  }

  /// Returns a reference: the checks of CAF do not keep temporaries alive.
  const proto::FinishCommand::Item& await_end() {
    last_end = await<run_ended>().end;
    return last_end;
  }

  test::temp_folder folder;
  caf::actor_system_config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self;
  run_start start;
  run_control_ptr control;
  proto::FinishCommand::Item last_end;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(task_run_tests, fixture)

CAF_TEST(a function has to stop when its lease is over) {
  std::atomic<int64_t> clock = 0;
  auto lease = std::make_shared<lease_end>(
    [&] { return std::chrono::nanoseconds{clock}; });
  lease->set(2s);
  start.lease = lease;
  std::string seen;
  run([&](task_context& x) {
    seen += x.cancelled() ? "stop " : "go ";
    seen += x.sleep_for(1ms) ? "go " : "stop ";
    clock = std::chrono::nanoseconds{2s}.count();
    seen += x.cancelled() ? "stop " : "go ";
    seen += x.sleep_for(1ms) ? "go " : "stop ";
    return task_result{};
  });
  await_end();
  CAF_CHECK_EQUAL(seen, "go go stop stop ");
}

CAF_TEST(a function starts and its text is the result) {
  run([](task_context& x) {
    return to_string(x.id()) + "/" + std::to_string(x.attempt());
  });
  CAF_CHECK(std::holds_alternative<run_started>(next().what));
  auto end = await_end();
  CAF_CHECK_EQUAL(end.outcome(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(end.result(), "1.1.7/2");
}

CAF_TEST(what a function throws fails the attempt) {
  run([](task_context&) -> task_result {
    throw task_failure("bad_input", "line 3 is wrong");
  });
  auto end = await_end();
  CAF_CHECK_EQUAL(end.outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(end.error().code(), "bad_input");
  CAF_CHECK_EQUAL(end.error().message(), "line 3 is wrong");
  run([](task_context&) -> task_result { throw std::runtime_error("oops"); });
  end = await_end();
  CAF_CHECK_EQUAL(end.error().code(), "exception");
  CAF_CHECK_EQUAL(end.error().message(), "oops");
  run([](task_context&) -> task_result { throw 42; });
  CAF_CHECK_EQUAL(await_end().error().code(), "exception");
}

CAF_TEST(what cannot be sent is cleaned and cut) {
  run([](task_context&) { return std::string(100'000, '\xFF'); });
  auto end = await_end();
  CAF_CHECK(end.result().size() <= 16'384u);
  CAF_CHECK(
    proto::FinishCommand::Item{}.ParseFromString(end.SerializeAsString()));
}

CAF_TEST(a loop that says much is heard now and then and at its end) {
  run([](task_context& x) {
    x.add_stage("a", 3);
    x.add_stage("b", 1);
    for (auto i = 0; i <= 100'000; ++i)
      x.stage("a", i / 1'000.0, "busy");
    return "";
  });
  std::vector<proto::Progress> heard;
  for (;;) {
    auto x = next();
    if (auto* y = std::get_if<run_progressed>(&x.what))
      heard.push_back(y->progress);
    if (std::holds_alternative<run_ended>(x.what))
      break;
  }
  CAF_REQUIRE(!heard.empty());
  CAF_CHECK(heard.size() < 1'000u);
  CAF_CHECK_EQUAL(heard.back().percent(), 75.0);
  CAF_CHECK_EQUAL(heard.back().message(), "busy");
  CAF_CHECK(heard.back().changed_ms() > 0);
}

CAF_TEST(a checkpoint blocks until it is durable) {
  start.checkpoint = "before";
  run([](task_context& x) {
    x.checkpoint(*x.last_checkpoint() + " and after");
    return "saved";
  });
  auto saved = await<run_checkpoint>();
  CAF_CHECK_EQUAL(saved.bytes, "before and after");
  control->checkpoint_saved(ok());
  CAF_CHECK_EQUAL(await_end().result(), "saved");
}

CAF_TEST(a checkpoint that is not saved does not fail the attempt) {
  run([](task_context& x) {
    x.checkpoint("x");
    return "went on";
  });
  await<run_checkpoint>();
  control->checkpoint_saved(error{ec::storage_failure, "the disk is full"});
  CAF_CHECK_EQUAL(await_end().result(), "went on");
  std::ifstream in{start.log_file};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  CAF_CHECK(text.find("the disk is full") != std::string::npos);
}

CAF_TEST(a checkpoint that is too large fails the attempt) {
  run([](task_context& x) {
    x.checkpoint(std::string(max_checkpoint_bytes + 1, 'x'));
    return "";
  });
  CAF_CHECK_EQUAL(await_end().error().code(), "checkpoint_too_large");
}

CAF_TEST(a stop wakes whatever the function waits for) {
  run([](task_context& x) {
    auto slept = x.sleep_for(1h);
    return slept || !x.cancelled() ? "no" : "yes";
  });
  await<run_started>();
  control->stop(10s);
  CAF_CHECK_EQUAL(await_end().result(), "yes");
  run([](task_context& x) {
    x.checkpoint("never answered");
    return "";
  });
  await<run_checkpoint>();
  control->stop(0s);
  CAF_CHECK_EQUAL(await_end().error().code(), "stopped");
}

CAF_TEST(lines go to the log of the attempt) {
  run([](task_context& x) {
    x.log("one");
    x.log("two");
    return "";
  });
  await<run_ended>();
  std::ifstream in{start.log_file};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  CAF_CHECK_EQUAL(text, "one\ntwo\n");
}

CAF_TEST_FIXTURE_SCOPE_END()
