// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/executor_fixture.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace {

constexpr auto chunk_size = checkpoint_chunk_bytes;

struct fixture : test::executor_fixture {
  test::fake_run& run(const attempt_key& k) {
    return *runs.at(k);
  }

  /// An assignment with a checkpoint of what the manager has.
  proto::Assignment resumed(const attempt_key& k) {
    auto x = make(k, "fake");
    auto& head = *x.mutable_checkpoint();
    head.set_attempt(1);
    head.set_version(1);
    head.set_size(script->checkpoint.size());
    head.set_chunks(static_cast<uint32_t>(
      (script->checkpoint.size() + chunk_size - 1) / chunk_size));
    return x;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(executor_checkpoint_tests, fixture)

// -- saving -------------------------------------------------------------------

CAF_TEST(a checkpoint goes out in chunks and is confirmed at the end) {
  start();
  assign({make(key(1), "fake")});
  std::string bytes(2 * chunk_size + 5, 'c');
  run(key(1)).say(run_checkpoint{bytes, {}});
  consume_messages();
  CAF_REQUIRE_EQUAL(script->saved.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i)
    CAF_CHECK_EQUAL(script->saved[i].chunk().chunk(), i);
  CAF_CHECK(script->saved[2].chunk().last());
  CAF_REQUIRE_EQUAL(run(key(1)).saved.size(), 1u);
  CAF_CHECK(run(key(1)).saved[0]);
  run(key(1)).say(run_checkpoint{"next", {}});
  consume_messages();
  CAF_CHECK_EQUAL(script->saved.back().chunk().version(), 2u);
}

CAF_TEST(an attempt whose checkpoint is fenced is killed) {
  start();
  assign({make(key(1), "fake")});
  script->save_error.set_code(static_cast<uint32_t>(ec::fenced));
  run(key(1)).say(run_checkpoint{"old", {}});
  consume_messages();
  CAF_REQUIRE_EQUAL(run(key(1)).stops.size(), 1u);
  CAF_CHECK_EQUAL(run(key(1)).stops[0].count(), 0);
  run(key(1)).say(run_ended{succeeded("")});
  pass(3s);
  CAF_CHECK(script->finishes().empty());
}

CAF_TEST(a checkpoint that is refused for another reason costs nothing) {
  start();
  assign({make(key(1), "fake")});
  script->save_error.set_code(static_cast<uint32_t>(ec::storage_failure));
  run(key(1)).say(run_checkpoint{"x", {}});
  consume_messages();
  CAF_REQUIRE_EQUAL(run(key(1)).saved.size(), 1u);
  CAF_CHECK(!run(key(1)).saved[0]);
  CAF_CHECK(run(key(1)).stops.empty());
}

CAF_TEST(a checkpoint begins anew on the next connection) {
  start();
  assign({make(key(1), "fake")});
  auto gone = tracker;
  self->send_exit(gone, caf::exit_reason::kill);
  run(key(1)).say(run_checkpoint{"x", {}});
  consume_messages();
  CAF_CHECK(script->saved.empty());
  tracker = sys.spawn(test::fake_tracker, script);
  directory = sys.spawn(test::fake_directory, script, scheduler, tracker);
  self->send(aut, directory);
  consume_messages();
  CAF_REQUIRE_EQUAL(script->saved.size(), 1u);
  CAF_CHECK_EQUAL(run(key(1)).saved.size(), 1u);
}

CAF_TEST(a failure is told behind the checkpoint that came first) {
  start();
  assign({make(key(1), "fake")});
  auto before = script->reports.size();
  run(key(1)).say(run_checkpoint{std::string(2 * chunk_size, 'c'), {}});
  run(key(1)).say(run_checkpoint{"the last word", {}});
  run(key(1)).say(run_ended{failed("exit_1", "")});
  consume_messages();
  pass(100ms);
  CAF_REQUIRE(!script->saved.empty());
  CAF_CHECK_EQUAL(script->saved.back().chunk().data(), "the last word");
  CAF_CHECK(script->reports.size() > before);
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].error().code(), "exit_1");
}

// -- loading ------------------------------------------------------------------

CAF_TEST(an attempt starts with the checkpoint of the one before) {
  start();
  script->checkpoint = std::string(3 * chunk_size + 9, 'k');
  assign({resumed(key(1, 2))});
  CAF_REQUIRE(runs.contains(key(1, 2)));
  CAF_CHECK(run(key(1, 2)).start.checkpoint == script->checkpoint);
  run(key(1, 2)).say(run_ended{succeeded("")});
  pass(100ms);
  auto said = script->finishes();
  CAF_REQUIRE_EQUAL(said.size(), 1u);
  CAF_CHECK_EQUAL(said[0].resumed_bytes(),
                  static_cast<int64_t>(script->checkpoint.size()));
}

CAF_TEST(an attempt whose checkpoint is damaged begins afresh) {
  start();
  script->checkpoint = "abc";
  auto x = resumed(key(1, 2));
  x.mutable_checkpoint()->set_size(4);
  assign({x});
  CAF_REQUIRE(runs.contains(key(1, 2)));
  CAF_CHECK(!run(key(1, 2)).start.checkpoint);
  run(key(1, 2)).say(run_ended{succeeded("")});
  pass(100ms);
  CAF_CHECK_EQUAL(script->finishes().at(0).resumed_bytes(), -1);
}

// -- folders ------------------------------------------------------------------

CAF_TEST(the folder of an attempt lives until its end is acknowledged) {
  start();
  auto place = attempt_paths{folder.path()}.folder(key(1));
  assign({make(key(1), "fake")});
  std::filesystem::create_directories(place);
  script->answers_reports = false;
  run(key(1)).say(run_ended{succeeded("")});
  pass(1s);
  CAF_CHECK(std::filesystem::exists(place));
  script->answers_reports = true;
  self->send(aut, directory);
  consume_messages();
  CAF_CHECK(!std::filesystem::exists(place));
  CAF_CHECK(!std::filesystem::exists(place.parent_path()));
}

CAF_TEST(folders of an earlier incarnation are removed at the start) {
  auto old = attempt_paths{folder.path()}.folder(key(9));
  std::filesystem::create_directories(old);
  start();
  CAF_CHECK(!std::filesystem::exists(old));
  CAF_CHECK(!std::filesystem::exists(folder.path() / "attempts.old"));
}

CAF_TEST_FIXTURE_SCOPE_END()
