// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/replica.hpp"
#include "tests/cluster/simulated_disk.hpp"

#include <caf/test/unit_test.hpp>

#include <optional>
#include <set>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

constexpr size_t many_bytes = size_t{1} << 30;

using ids = std::vector<uint64_t>;

/// Member 1 of three, fed by hand in the name of the others.
struct fixture {
  fixture() {
    options.id = 1;
    options.voters = {1, 2, 3};
    start({});
  }

  void start(log_position applied) {
    aut.reset();
    auto x = replica::start(options, disk, {applied, {}}, now);
    CAF_REQUIRE(x);
    aut.emplace(std::move(x.value()));
  }

  turn finish() {
    sent.clear();
    auto x = aut->finish_turn(
      now, [this](peer_message&& y) { sent.push_back(std::move(y)); });
    CAF_REQUIRE(x);
    return x.value();
  }

  /// Passes entries on as the leader *from* would.
  void append(uint64_t from, append_entries x) {
    CAF_REQUIRE(aut->receive({from, 1, std::move(x)}, now));
  }

  /// Returns the only message that the last turn sent, if it is a *T*.
  template <class T>
  T reply() {
    CAF_REQUIRE_EQUAL(sent.size(), 1u);
    auto* x = std::get_if<T>(&sent[0].body);
    CAF_REQUIRE(x != nullptr);
    return *x;
  }

  /// Returns whom the member asks for votes once its patience ends.
  std::set<uint64_t> asked_for_votes() {
    now += 2 * options.election_timeout;
    CAF_REQUIRE(aut->tick(now));
    finish();
    std::set<uint64_t> result;
    for (auto& x : sent)
      if (std::holds_alternative<vote_request>(x.body))
        result.insert(x.to);
    return result;
  }

  std::string apply() {
    std::string result;
    for (;;) {
      auto xs = aut->next_committed(many_bytes);
      CAF_REQUIRE(xs);
      if (xs.value().empty())
        return result;
      for (auto& x : xs.value()) {
        if (x.entry.type == entry_type::command)
          result += x.entry.bytes();
        aut->applied(x.index);
      }
    }
  }

  ids voter_ids() {
    ids result;
    auto members = aut->members().value();
    for (auto& x : members)
      result.push_back(x.id);
    return result;
  }

  static log_entry op(uint64_t term, std::string text) {
    return make_log_entry(term, entry_type::command, std::move(text));
  }

  static log_entry voters(uint64_t term, const ids& who) {
    std::vector<member_record> xs;
    for (auto id : who)
      xs.push_back({id, true});
    return make_log_entry(term, entry_type::configuration,
                          encode_members(std::move(xs)).value());
  }

  replica_options options;
  test::simulated_disk disk;
  replica::time_point now{std::chrono::hours{1}};
  std::optional<replica> aut;
  std::vector<peer_message> sent;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(replica_follower_tests, fixture)

CAF_TEST(a follower acknowledges what is on its disk and names its leader) {
  append(2, {2, {1, 1}, 0, {op(2, "a"), op(2, "b")}});
  auto x = finish();
  CAF_CHECK_EQUAL(x.leader, 2u);
  CAF_CHECK_EQUAL(x.term, 2u);
  CAF_CHECK_EQUAL(reply<append_reply>().last_index, 3u);
  CAF_CHECK_EQUAL(disk.last_index(), 3u);
  auto y = aut->propose("x");
  CAF_REQUIRE(!y);
  CAF_CHECK_EQUAL(y.error().message, "member 2 leads");
}

CAF_TEST(a follower applies what the leader says is committed) {
  append(2, {2, {1, 1}, 2, {op(2, "a"), op(2, "b")}});
  CAF_CHECK_EQUAL(apply(), ""); // Not on its own disk yet.
  finish();
  apply();
  append(2, {2, {3, 2}, 3, {}});
  finish();
  CAF_CHECK_EQUAL(apply(), "b");
}

CAF_TEST(a late message does not take back a commit) {
  append(2, {2, {1, 1}, 3, {op(2, "a"), op(2, "b")}});
  finish();
  append(2, {2, {1, 1}, 4, {op(2, "a")}});
  CAF_CHECK_EQUAL(finish().commit_index, 3u);
}

CAF_TEST(the entries of a new leader replace those of the old one) {
  append(2, {2, {1, 1}, 0, {op(2, "a"), op(2, "b"), op(2, "c")}});
  finish();
  append(3, {3, {2, 2}, 0, {op(3, "B")}});
  CAF_CHECK_EQUAL(finish().leader, 3u);
  CAF_CHECK_EQUAL(reply<append_reply>().last_index, 3u);
  CAF_CHECK_EQUAL(disk.last_index(), 3u);
  CAF_CHECK_EQUAL(disk.at(3).bytes(), "B");
}

CAF_TEST(two leaders in one turn leave one write) {
  auto before = disk.writes();
  append(2, {2, {1, 1}, 0, {op(2, "a"), op(2, "b"), op(2, "c")}});
  append(3, {3, {2, 2}, 0, {op(3, "B")}});
  finish();
  CAF_CHECK_EQUAL(disk.writes(), before + 1);
  CAF_CHECK_EQUAL(disk.last_index(), 3u);
  CAF_CHECK_EQUAL(disk.at(2).bytes(), "a");
  CAF_CHECK_EQUAL(disk.at(3).bytes(), "B");
}

CAF_TEST(a configuration amid other entries is undone with them) {
  append(2, {2, {1, 1}, 0, {op(2, "a"), voters(2, {1, 2, 3, 4}), op(2, "b")}});
  finish();
  CAF_CHECK(voter_ids() == (ids{1, 2, 3, 4}));
  append(3, {3, {2, 2}, 0, {op(3, "A")}});
  finish();
  CAF_CHECK(voter_ids() == (ids{1, 2, 3}));
  CAF_CHECK(asked_for_votes() == (std::set<uint64_t>{2, 3}));
}

CAF_TEST(a committed configuration amid other entries stays) {
  append(2, {2, {1, 1}, 3, {op(2, "a"), voters(2, {1, 2, 3, 4}), op(2, "b")}});
  finish();
  append(3, {3, {3, 2}, 0, {op(3, "B")}});
  finish();
  CAF_CHECK(voter_ids() == (ids{1, 2, 3, 4}));
  CAF_CHECK(asked_for_votes() == (std::set<uint64_t>{2, 3, 4}));
  start({3, 2});
  CAF_CHECK(asked_for_votes() == (std::set<uint64_t>{2, 3, 4}));
}

CAF_TEST(a member is alone if the newest configuration says so) {
  CAF_CHECK(!aut->alone());
  append(2, {2, {1, 1}, 0, {op(2, "a"), voters(2, {1})}});
  CAF_CHECK(aut->alone());
  // It is undone with its entry, and another one takes its place.
  append(3, {3, {2, 2}, 0, {voters(3, {2})}});
  CAF_CHECK(!aut->alone());
  finish();
  start({});
  CAF_CHECK(!aut->alone());
}

CAF_TEST(a trimmed follower takes entries that begin before its log) {
  options.trailing_entries = 0;
  start({});
  append(2, {2, {1, 1}, 3, {op(2, "a"), op(2, "b")}});
  finish();
  apply();
  CAF_REQUIRE(aut->trim(3, now));
  finish();
  CAF_CHECK_EQUAL(disk.first_index(), 4u);
  auto all
    = std::vector{voters(1, {1, 2, 3}), op(2, "a"), op(2, "b"), op(2, "c")};
  append(2, {2, {0, 0}, 3, all});
  finish();
  CAF_CHECK_EQUAL(reply<append_reply>().last_index, 4u);
  CAF_CHECK_EQUAL(disk.at(4).bytes(), "c");
  append(2, {2, {1, 1}, 3, {}});
  finish();
  CAF_CHECK_EQUAL(reply<append_reply>().rejected, 0u);
}

CAF_TEST(a candidate that is refused a pre - vote learns of a newer term) {
  append(2, {5, {1, 1}, 1, {}});
  asked_for_votes(); // It has lost its leader.
  CAF_REQUIRE(aut->receive({3, 1, vote_request{3, {1, 1}, true}}, now));
  finish();
  auto x = reply<vote_reply>();
  CAF_CHECK(!x.granted);
  CAF_CHECK_EQUAL(x.term, 5u);
}

CAF_TEST(an offered snapshot is needed if the leader lacks what follows) {
  append(2, {2, {1, 1}, 3, {op(2, "a"), op(2, "b"), op(2, "c")}});
  finish();
  auto offer = [this](log_position last, uint64_t first) {
    auto body = install_snapshot{2, last, 1, first};
    CAF_REQUIRE(aut->receive({2, 1, body}, now));
    auto x = finish();
    // What it has beyond the commit may be another leader's.
    CAF_CHECK_EQUAL(reply<append_reply>().last_index, 3u);
    CAF_CHECK_EQUAL(reply<append_reply>().rejected, 0u);
    return x.missing_snapshot;
  };
  CAF_CHECK(!offer({3, 2}, 4)); // The leader knows where its log begins.
  CAF_CHECK(!offer({9, 2}, 3));
  auto missing = offer({9, 2}, 4);
  CAF_REQUIRE(missing);
  CAF_CHECK_EQUAL(missing->leader, 2u);
  CAF_CHECK_EQUAL(missing->last.index, 9u);
  CAF_CHECK(!finish().missing_snapshot);
}

CAF_TEST(an offer of another term is ignored) {
  append(2, {2, {1, 1}, 1, {}});
  finish();
  for (auto term : {1u, 3u}) {
    CAF_REQUIRE(
      aut->receive({3, 1, install_snapshot{term, {9, term}, 1, 5}}, now));
    CAF_CHECK(!finish().missing_snapshot);
    CAF_CHECK(sent.empty());
  }
}

CAF_TEST(a restarted follower applies nothing twice and waits for a commit) {
  append(2, {2, {1, 1}, 3, {op(2, "a"), op(2, "b"), op(2, "c")}});
  finish();
  apply();
  start({2, 2});
  finish();
  CAF_CHECK_EQUAL(apply(), "");
  append(2, {2, {4, 2}, 4, {}});
  finish();
  CAF_CHECK_EQUAL(apply(), "bc");
}

CAF_TEST_FIXTURE_SCOPE_END()
