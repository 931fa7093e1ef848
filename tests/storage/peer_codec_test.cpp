// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/peer_codec.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <random>
#include <set>
#include <string>
#include <vector>

using namespace coppice;

namespace {

/// Larger messages are cut.
constexpr size_t part_bytes = 1'000;

/// Larger messages are dropped.
constexpr size_t max_bytes = 50'000;

peer_message some_entries(size_t bytes, uint64_t from = 1) {
  append_entries x{7, {41, 6}, 40, {}};
  x.entries.push_back({7, entry_type::barrier, nullptr});
  x.entries.push_back(
    make_log_entry(7, entry_type::command, std::string(bytes, 'x')));
  return {from, 2, std::move(x)};
}

/// Returns what comes out when all of *xs* is joined.
std::vector<std::string> join_all(message_joiner& aut,
                                  const std::vector<proto::PeerMessage>& xs) {
  std::vector<std::string> result;
  for (auto& x : xs)
    if (auto joined = aut.join(x); joined && joined.value())
      result.push_back(joined.value()->SerializeAsString());
  return result;
}

bool is_violation(const auto& x) {
  return !x && x.error().code == ec::protocol_violation;
}

struct fixture {
  message_cutter cutter{part_bytes};
  message_joiner aut{max_bytes};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(peer_codec_tests, fixture)

CAF_TEST(messages arrive as they were sent) {
  std::vector<peer_message> xs{
    some_entries(10),
    {1, 2, append_entries{7, {}, 0, {}}},
    {1, 2, append_reply{7, 3, 9}},
    {1, 2, vote_request{7, {9, 6}, true, false}},
    {1, 2, vote_request{7, {9, 6}, false, true}},
    {1, 2, vote_reply{7, true, false}},
    {1, 2, vote_reply{7, false, true}},
    {1, 2, install_snapshot{7, {9, 6}, 5, 4}},
    {1, 2, timeout_now{7, {9, 6}}},
  };
  for (auto& x : xs) {
    auto sent = encode(x);
    auto came = decode_peer_message(sent);
    CAF_REQUIRE(came);
    CAF_CHECK_EQUAL(came.value().from, 1u);
    CAF_CHECK_EQUAL(came.value().to, 2u);
    CAF_CHECK_EQUAL(came.value().body.index(), x.body.index());
    CAF_CHECK(encode(came.value()).SerializeAsString()
              == sent.SerializeAsString());
  }
  auto came = decode_peer_message(encode(xs[0]));
  auto& body = std::get<append_entries>(came.value().body);
  CAF_CHECK_EQUAL(body.term, 7u);
  CAF_CHECK(body.previous == (log_position{41, 6}));
  CAF_CHECK_EQUAL(body.commit, 40u);
  CAF_REQUIRE_EQUAL(body.entries.size(), 2u);
  CAF_CHECK(body.entries[0].type == entry_type::barrier);
  CAF_CHECK_EQUAL(body.entries[1].bytes(), "xxxxxxxxxx");
}

CAF_TEST(what is no message of a replica is refused) {
  CAF_CHECK(is_violation(decode_peer_message({})));
  proto::PeerMessage x;
  x.mutable_chunk();
  CAF_CHECK(is_violation(decode_peer_message(x)));
  for (uint32_t type : {0u, 77u}) {
    x = encode(some_entries(1));
    x.mutable_append()->mutable_entries(0)->set_type(type);
    CAF_CHECK(is_violation(decode_peer_message(x)));
  }
}

CAF_TEST(small messages pass whole and large ones in parts) {
  auto small = encode(some_entries(100));
  CAF_CHECK_EQUAL(cutter.cut(small).size(), 1u);
  auto large = encode(some_entries(10'000));
  auto parts = cutter.cut(large);
  CAF_CHECK(parts.size() > 10);
  for (auto& x : parts)
    CAF_CHECK(x.ByteSizeLong() < part_bytes + 100);
  // Others of the same sender may pass between, but for parts.
  parts.insert(parts.begin() + 3, small);
  std::vector<std::string> wanted{small.SerializeAsString(),
                                  large.SerializeAsString()};
  CAF_CHECK(join_all(aut, parts) == wanted);
}

CAF_TEST(a message that lacks a part is lost and the next one is not ) {
  auto large = encode(some_entries(10'000));
  auto broken = cutter.cut(large);
  broken.erase(broken.begin() + 4);
  CAF_CHECK(join_all(aut, broken).empty());
  CAF_CHECK_EQUAL(join_all(aut, cutter.cut(large)).size(), 1u);
  // Its end is lost.
  broken = cutter.cut(large);
  broken.pop_back();
  CAF_CHECK(join_all(aut, broken).empty());
  CAF_CHECK_EQUAL(join_all(aut, cutter.cut(large)).size(), 1u);
}

CAF_TEST(parts of several senders do not mix) {
  auto one = cutter.cut(encode(some_entries(5'000, 1)));
  auto two = message_cutter{part_bytes}.cut(encode(some_entries(5'000, 3)));
  CAF_REQUIRE_EQUAL(one.size(), two.size());
  std::vector<proto::PeerMessage> all;
  for (size_t i = 0; i < one.size(); ++i) {
    all.push_back(one[i]);
    all.push_back(two[i]);
  }
  CAF_CHECK_EQUAL(join_all(aut, all).size(), 2u);
}

CAF_TEST(what is too long is never held) {
  auto parts = cutter.cut(encode(some_entries(2 * max_bytes)));
  CAF_CHECK(join_all(aut, parts).empty());
  CAF_CHECK_EQUAL(
    join_all(aut, cutter.cut(encode(some_entries(10'000)))).size(), 1u);
}

CAF_TEST(whatever happens to parts no message comes out that was not sent) {
  for (auto seed : test::seeds(50)) {
    std::minstd_rand rng{seed};
    message_cutter own_cutter{part_bytes};
    message_joiner own{max_bytes};
    std::set<std::string> sent;
    std::vector<proto::PeerMessage> parts;
    for (auto i = 0; i < 20; ++i) {
      auto x = encode(some_entries(rng() % 5'000, 1 + rng() % 2));
      sent.insert(x.SerializeAsString());
      for (auto& part : own_cutter.cut(std::move(x)))
        parts.push_back(std::move(part));
    }
    for (auto i = 0; i < 5; ++i) {
      auto at = parts.begin() + static_cast<ptrdiff_t>(rng() % parts.size());
      if (rng() % 2 == 0)
        parts.erase(at);
      else if (at->has_chunk() && rng() % 2 == 0)
        at->mutable_chunk()->set_count(static_cast<uint32_t>(rng() % 9));
      else
        std::swap(*at, parts[rng() % parts.size()]);
    }
    size_t whole = 0;
    for (auto& x : join_all(own, parts)) {
      ++whole;
      if (sent.count(x) == 0)
        CAF_ERROR("COPPICE_SEED=" << seed << ": a message that was not sent");
    }
    CAF_CHECK(whole > 0);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
