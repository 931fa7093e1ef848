// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/replica.hpp"

#include "tests/cluster/simulated_disk.hpp"

#include <caf/test/unit_test.hpp>

#include <optional>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

constexpr size_t many_bytes = size_t{1} << 30;

/// A replica on a disk in memory, and its clock.
struct fixture {
  fixture() {
    options.id = 1;
    options.voters = {1};
  }

  result<> start(log_position applied = {}) {
    aut.reset();
    auto x = replica::start(options, disk, {applied, {}}, now);
    if (!x)
      return x.as_failure();
    aut.emplace(std::move(x.value()));
    return ok();
  }

  result<turn> finish() {
    return aut->finish_turn(
      now, [this](peer_message&& x) { sent.push_back(std::move(x)); });
  }

  /// Proposes *text* and returns where it will stand.
  log_position propose(const std::string& text) {
    auto x = aut->propose(text);
    CAF_REQUIRE(x);
    return x.value();
  }

  /// Ends a turn, applies what is committed, and returns the commands in it.
  std::string run() {
    if (auto x = finish(); !x)
      return to_string(x.error());
    std::string result;
    for (;;) {
      auto xs = aut->next_committed(many_bytes);
      if (xs.value().empty())
        return result;
      for (auto& x : xs.value()) {
        if (x.entry.type == entry_type::command)
          result += x.entry.bytes();
        aut->applied(x.index);
      }
    }
  }

  replica_options options;
  test::simulated_disk disk;
  replica::time_point now{std::chrono::hours{1}};
  std::optional<replica> aut;
  std::vector<peer_message> sent;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(replica_tests, fixture)

CAF_TEST(a single voter leads after its first turn) {
  CAF_REQUIRE(start());
  CAF_CHECK(aut->alone());
  CAF_CHECK(!aut->ready_to_lead());
  auto x = finish();
  CAF_REQUIRE(x);
  CAF_CHECK(x.value().current_role == role::leader);
  CAF_CHECK_EQUAL(x.value().leader, 1u);
  CAF_CHECK(x.value().role_changed);
  CAF_CHECK(!aut->ready_to_lead());
  CAF_CHECK_EQUAL(run(), "");
  CAF_CHECK(aut->ready_to_lead());
}

CAF_TEST(a single voter commits a proposal in the same turn) {
  CAF_REQUIRE(start());
  run();
  auto x = aut->propose("a");
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(run(), "a");
  CAF_CHECK_EQUAL(disk.at(x.value().index).term, x.value().term);
  CAF_CHECK(sent.empty());
}

CAF_TEST(all proposals of a turn are one write) {
  CAF_REQUIRE(start());
  run();
  auto before = disk.writes();
  auto first = propose("a").index;
  CAF_CHECK_EQUAL(propose("b").index, first + 1);
  CAF_CHECK_EQUAL(propose("c").index, first + 2);
  CAF_CHECK_EQUAL(run(), "abc");
  CAF_CHECK_EQUAL(disk.writes(), before + 1);
}

CAF_TEST(an idle turn writes nothing) {
  CAF_REQUIRE(start());
  run();
  auto before = disk.writes();
  now += 10s;
  CAF_REQUIRE(aut->tick(now));
  run();
  CAF_CHECK_EQUAL(disk.writes(), before);
  CAF_CHECK(aut->next_timeout() > now);
}

CAF_TEST(a restart hands out only what the tables lack) {
  CAF_REQUIRE(start());
  run();
  log_position tables;
  for (auto text : {"a", "b", "c", "d"}) {
    auto x = propose(text);
    if (text == std::string{"b"})
      tables = x;
    run();
  }
  CAF_REQUIRE(start(tables));
  CAF_CHECK_EQUAL(run(), "cd");
  CAF_REQUIRE(start());
  CAF_CHECK_EQUAL(run(), "abcd");
}

CAF_TEST(no place in the log is given twice by incarnations) {
  CAF_REQUIRE(start());
  run();
  auto before = aut->term();
  auto x = propose("lost");
  CAF_REQUIRE(start()); // The turn was never finished.
  run();
  auto y = propose("kept");
  CAF_CHECK(aut->term() > before);
  CAF_CHECK(!(x == y));
  CAF_CHECK_EQUAL(run(), "kept");
}

CAF_TEST(a refused write commits nothing and is repeated) {
  CAF_REQUIRE(start());
  run();
  CAF_REQUIRE(aut->propose("a"));
  disk.fault_next(test::disk_fault::refuse);
  auto x = finish();
  CAF_REQUIRE(!x);
  CAF_CHECK(x.error().code == ec::storage_failure);
  CAF_CHECK(aut->next_committed(many_bytes).value().empty());
  CAF_CHECK(aut->next_timeout() <= now);
  CAF_REQUIRE(aut->propose("b"));
  CAF_CHECK_EQUAL(run(), "ab");
}

CAF_TEST(committed entries come in pieces of the wanted size) {
  CAF_REQUIRE(start());
  run();
  for (auto i = 0; i < 4; ++i)
    CAF_REQUIRE(aut->propose(std::string(10, 'x')));
  CAF_REQUIRE(finish());
  CAF_CHECK_EQUAL(aut->next_committed(25).value().size(), 2u);
  CAF_CHECK_EQUAL(aut->next_committed(1).value().size(), 1u);
  CAF_CHECK_EQUAL(aut->next_committed(25).value().size(), 1u);
  CAF_CHECK_EQUAL(aut->next_committed(25).value().size(), 0u);
}

CAF_TEST(a proposal that is too large is refused) {
  CAF_REQUIRE(start());
  run();
  auto x = aut->propose(std::string(size_t{241} << 10, 'x'));
  CAF_REQUIRE(!x);
  CAF_CHECK(x.error().code == ec::invalid_argument);
}

CAF_TEST(trimming keeps the trailing entries) {
  options.trailing_entries = 3;
  CAF_REQUIRE(start());
  run();
  uint64_t last = 0;
  for (auto i = 0; i < 10; ++i) {
    last = propose("x").index;
    run();
  }
  CAF_REQUIRE(aut->trim(last, now));
  run();
  CAF_CHECK_EQUAL(disk.first_index(), last - 2);
  CAF_CHECK_EQUAL(disk.last_index(), last);
  CAF_REQUIRE(start({last - 1, aut->term()}));
  CAF_CHECK_EQUAL(run(), "x");
  CAF_CHECK_EQUAL(aut->members().value().size(), 1u);
  CAF_CHECK_EQUAL(disk.violation(), "");
}

CAF_TEST(trimming everything leaves a log that goes on) {
  options.trailing_entries = 0;
  CAF_REQUIRE(start());
  run();
  auto x = propose("a");
  run();
  CAF_REQUIRE(aut->trim(x.index, now));
  run();
  CAF_CHECK_EQUAL(disk.first_index(), x.index + 1);
  CAF_CHECK_EQUAL(propose("b").index, x.index + 1);
  CAF_CHECK_EQUAL(run(), "b");
  CAF_REQUIRE(start(x));
  CAF_CHECK_EQUAL(run(), "b");
  CAF_REQUIRE(aut->propose("c"));
  CAF_CHECK_EQUAL(run(), "c");
  auto early = start();
  CAF_REQUIRE(!early);
  CAF_CHECK(early.error().code == ec::corrupt_store);
}

CAF_TEST(what was not handed out cannot be trimmed) {
  CAF_REQUIRE(start());
  CAF_REQUIRE(finish());
  CAF_CHECK(!aut->trim(2, now));
}

CAF_TEST(tables ahead of the log reset it) {
  CAF_REQUIRE(start({100, 7}));
  CAF_CHECK_EQUAL(run(), "");
  CAF_CHECK(aut->ready_to_lead());
  CAF_CHECK(aut->term() > 7);
  CAF_CHECK_EQUAL(disk.first_index(), 101u);
  auto x = propose("a");
  CAF_CHECK_EQUAL(run(), "a");
  CAF_REQUIRE(start({x.index, x.term}));
  CAF_CHECK_EQUAL(run(), "");
}

CAF_TEST(a voter that lost its log but not its tables does not start) {
  options.voters = {1, 2, 3};
  auto x = start({100, 7});
  CAF_REQUIRE(!x);
  CAF_CHECK(x.error().code == ec::corrupt_store);
}

CAF_TEST(tables that contain another entry do not start) {
  CAF_REQUIRE(start());
  run();
  auto x = propose("a");
  run();
  auto y = start({x.index, x.term + 1});
  CAF_REQUIRE(!y);
  CAF_CHECK(y.error().code == ec::corrupt_store);
}

CAF_TEST(one of three voters does not lead and takes no proposals) {
  options.voters = {1, 2, 3};
  CAF_REQUIRE(start());
  run();
  auto x = aut->propose("a");
  CAF_REQUIRE(!x);
  CAF_CHECK(x.error().code == ec::not_leader);
  CAF_CHECK_EQUAL(aut->leader(), 0u);
}

CAF_TEST(a vote leaves only after it is durable) {
  options.voters = {1, 2, 3};
  CAF_REQUIRE(start());
  run();
  auto request = vote_request{2, {1, 1}, false, false};
  CAF_REQUIRE(aut->receive({2, 1, request}, now));
  disk.fault_next(test::disk_fault::refuse);
  CAF_CHECK(!finish());
  CAF_CHECK(sent.empty());
  CAF_REQUIRE(finish());
  CAF_REQUIRE_EQUAL(sent.size(), 1u);
  CAF_CHECK(std::get<vote_reply>(sent[0].body).granted);
  CAF_CHECK_EQUAL(disk.state().voted_for, 2u);
}

CAF_TEST(nonsense from a peer is refused and does no harm) {
  options.voters = {1, 2, 3};
  CAF_REQUIRE(start());
  run();
  auto refused = [&](peer_message x) {
    auto y = aut->receive(x, now);
    return !y && y.error().code == ec::protocol_violation;
  };
  CAF_CHECK(refused({0, 1, append_reply{1, 0, 1}}));
  CAF_CHECK(refused({1, 1, append_reply{1, 0, 1}}));
  CAF_CHECK(refused({2, 1, append_reply{0, 0, 1}}));
  CAF_CHECK(refused({2, 1, append_entries{1, {1, 0}, 0, {}}}));
  auto wild = make_log_entry(1, static_cast<entry_type>(9), "x");
  CAF_CHECK(refused({2, 1, append_entries{1, {1, 1}, 0, {wild}}}));
  auto future = make_log_entry(2, entry_type::command, "x");
  CAF_CHECK(refused({2, 1, append_entries{1, {1, 1}, 0, {future}}}));
  CAF_REQUIRE(finish());
  CAF_CHECK_EQUAL(aut->last_index(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
