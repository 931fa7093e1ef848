// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/executor_fixture.hpp"

using namespace coppice;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

struct fixture : test::executor_fixture {
  fixture() {
    options.prune_interval = 1s;
  }

  test::fake_run& run(const attempt_key& k) {
    return *runs.at(k);
  }

  proto::LogReply log_of(const std::string& id, uint32_t attempt = 0,
                         uint64_t offset = 0) {
    proto::LogRequest ask;
    ask.set_id(id);
    ask.set_attempt(attempt);
    ask.set_offset(offset);
    auto answer = self->request(aut, caf::infinite, ask);
    consume_messages();
    proto::LogReply result;
    answer.receive(
      [&](const proto::Reply& x) {
        refusal = x.error();
        result = x.log();
      },
      [&](const caf::error&) { CAF_FAIL("no answer"); });
    return result;
  }

  fs::path log_file(const attempt_key& k) const {
    return attempt_paths{folder.path()}.log_file(k);
  }

  void write_log(const attempt_key& k, const std::string& text) {
    fs::create_directories(log_file(k).parent_path());
    std::ofstream{log_file(k), std::ios::app} << text;
  }

  /// Writes output that was last written some time ago.
  void write_old_log(const attempt_key& k, std::chrono::minutes age) {
    write_log(k, "old");
    fs::last_write_time(log_file(k), fs::file_time_type::clock::now() - age);
  }

  proto::Error refusal;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(executor_logs_tests, fixture)

// -- reading ------------------------------------------------------------------

CAF_TEST(the output of an attempt is served in parts) {
  start();
  assign({make(key(1), "fake")});
  write_log(key(1), "first line\n");
  auto x = log_of("1.1.1");
  CAF_CHECK_EQUAL(x.data(), "first line\n");
  CAF_CHECK_EQUAL(x.attempt(), 1u);
  CAF_CHECK_EQUAL(x.next(), 11u);
  CAF_CHECK(!x.complete());
  write_log(key(1), "more\n");
  x = log_of("1.1.1", 1, 11);
  CAF_CHECK_EQUAL(x.data(), "more\n");
  CAF_CHECK(!x.complete());
  run(key(1)).say(run_ended{succeeded("")});
  pass(1s);
  x = log_of("1.1.1", 1, 11);
  CAF_CHECK_EQUAL(x.data(), "more\n");
  CAF_CHECK(x.complete());
}

CAF_TEST(output is read with a limit and completed at its end) {
  write_log(key(1), std::string(300 << 10, 'x'));
  start();
  auto x = log_of("1.1.1", 1);
  CAF_CHECK_EQUAL(x.data().size(), 256u << 10);
  CAF_CHECK(!x.complete());
  x = log_of("1.1.1", 1, x.next());
  CAF_CHECK_EQUAL(x.data().size(), 44u << 10);
  CAF_CHECK(x.complete());
}

CAF_TEST(attempt 0 is the latest one) {
  write_log(key(1, 1), "one");
  write_log(key(1, 10), "ten");
  write_log(key(1, 9), "nine");
  start();
  auto x = log_of("1.1.1");
  CAF_CHECK_EQUAL(x.attempt(), 10u);
  CAF_CHECK_EQUAL(x.data(), "ten");
  assign({make(key(1, 11), "fake")});
  x = log_of("1.1.1");
  CAF_CHECK_EQUAL(x.attempt(), 11u);
  CAF_CHECK_EQUAL(x.data(), "");
  CAF_CHECK(!x.complete());
}

CAF_TEST(output that is not there is said to be missing) {
  start();
  auto x = log_of("1.1.1", 4);
  CAF_CHECK_EQUAL(x.attempt(), 4u);
  CAF_CHECK(x.missing());
  CAF_CHECK(x.complete());
  CAF_CHECK_EQUAL(x.removed_until_ms(), 0);
  assign({make(key(2), "fake")});
  x = log_of("1.1.2", 1);
  CAF_CHECK(x.missing());
  CAF_CHECK(!x.complete());
}

CAF_TEST(unknown output is an error and paths cannot be forged) {
  start();
  log_of("1.1.1");
  CAF_CHECK_EQUAL(refusal.code(), static_cast<uint32_t>(ec::not_found));
  log_of("../../etc/passwd");
  CAF_CHECK_EQUAL(refusal.code(), static_cast<uint32_t>(ec::invalid_argument));
}

// -- bounds -------------------------------------------------------------------

CAF_TEST(old output is removed with its folder and that is known later) {
  options.logs.keep = 1h;
  write_old_log(key(1), 61min);
  write_old_log(key(2), 59min);
  write_log(key(3), "new");
  start();
  pass(2s);
  CAF_CHECK(!fs::exists(log_file(key(1)).parent_path()));
  CAF_CHECK(fs::exists(log_file(key(2))));
  auto kept = log_of("1.1.3", 1);
  CAF_CHECK_EQUAL(kept.data(), "new");
  auto age = wall_ms() - log_of("1.1.1", 1).removed_until_ms();
  CAF_CHECK(age >= 61 * 60'000 && age < 62 * 60'000);
}

CAF_TEST(the output of a running attempt is never removed) {
  options.logs.keep = 1h;
  start();
  assign({make(key(1), "fake")});
  write_old_log(key(1), 120min);
  write_old_log(key(1, 2), 120min);
  pass(2s);
  CAF_CHECK(fs::exists(log_file(key(1))));
  CAF_CHECK(!fs::exists(log_file(key(1, 2))));
}

CAF_TEST(an attempt that begins during the search keeps its output) {
  options.logs.keep = 1h;
  start();
  pass(100ms);
  write_old_log(key(1), 120min);
  sched.advance_time(options.prune_interval);
  sched.run_once(); // The EXECUTOR asks for old output.
  assign({make(key(1), "fake")});
  CAF_CHECK(fs::exists(log_file(key(1))));
}

CAF_TEST(output ages from the end of its attempt) {
  options.logs.keep = 1h;
  start();
  assign({make(key(1), "fake")});
  write_old_log(key(1), 120min);
  run(key(1)).say(run_ended{succeeded("")});
  pass(2s);
  auto kept = log_of("1.1.1", 1);
  CAF_CHECK_EQUAL(kept.data(), "old");
}

CAF_TEST(of too much output the latest is kept) {
  constexpr uint64_t many = 1'000;
  options.logs.max_bytes = 0;
  for (uint64_t i = 1; i <= many; ++i)
    write_old_log(key(i), std::chrono::minutes{i});
  start();
  pass(2s);
  auto kept = log_of("1.1.1", 1);
  CAF_CHECK_EQUAL(kept.data(), "old");
  size_t left = 0;
  for (uint64_t i = 2; i <= many; ++i)
    left += fs::exists(log_file(key(i)).parent_path()) ? 1 : 0;
  CAF_CHECK_EQUAL(left, 0u);
}

CAF_TEST(the executors of all shards together keep no more) {
  options.logs.max_bytes = 256 << 10;
  for (uint64_t i = 1; i <= 4; ++i)
    write_old_log(key(i), std::chrono::minutes{i});
  script->welcome.set_shards(256);
  start();
  pass(2s);
  CAF_CHECK(fs::exists(log_file(key(1))));
  for (uint64_t i = 2; i <= 4; ++i)
    CAF_CHECK(!fs::exists(log_file(key(i))));
}

CAF_TEST(what lies among the output and is none stays) {
  options.logs.max_bytes = 0;
  auto stranger = folder.path() / "logs/notes.txt";
  auto other = folder.path() / "logs/1.1.1/core";
  write_old_log(key(1), 2min);
  write_old_log(key(2), 1min);
  std::ofstream{stranger} << "mine";
  std::ofstream{other} << "mine";
  start();
  pass(2s);
  CAF_CHECK(!fs::exists(log_file(key(1))));
  CAF_CHECK(fs::exists(stranger));
  CAF_CHECK(fs::exists(other));
}

CAF_TEST_FIXTURE_SCOPE_END()
