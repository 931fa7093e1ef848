// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/service_store.hpp"

#include "tests/actors/service_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture : service_fixture {
  fixture() {
    start_services();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(service_store_tests, fixture)

CAF_TEST(an append is answered when it is durable) {
  CAF_CHECK_EQUAL(take(3).journal().head().epoch(), 3u);
  disk->broken = true;
  proto::Request x;
  *x.mutable_journal()->mutable_change() = append_of(3, 1);
  auto open = request<proto::Reply>(front, x);
  pass(500ms);
  CAF_CHECK(!open->value && !open->failed);
  disk->broken = false;
  pass(200ms);
  CAF_CHECK_EQUAL(need(open).journal().head().last(), 1u);
}

CAF_TEST(a former owner is told that it is one) {
  take(3);
  take(4);
  CAF_CHECK(is(journal(append_of(3, 1)), ec::fenced));
  CAF_CHECK(is(read(3, proto::ReadJournal::EVENTS), ec::fenced));
  CAF_CHECK(is(take(2), ec::fenced));
}

CAF_TEST(who has not taken the journal reads nothing of it) {
  CAF_CHECK(is(read(3, proto::ReadJournal::EVENTS), ec::not_leader));
  take(3);
  CAF_CHECK(is(read(4, proto::ReadJournal::EVENTS), ec::not_leader));
  CAF_CHECK(is(read(0, proto::ReadJournal::EVENTS), ec::fenced));
}

CAF_TEST(an owner reads what there is in parts) {
  take(3);
  for (uint64_t i = 1; i <= 3; ++i)
    journal(append_of(3, i, size_t{120} << 10));
  auto first = read(3, proto::ReadJournal::EVENTS).journal();
  CAF_REQUIRE_EQUAL(first.items_size(), 2);
  CAF_CHECK_EQUAL(first.items(0).sequence(), 1u);
  CAF_CHECK_EQUAL(first.items(0).events_size(), 1);
  CAF_CHECK(first.items(0).reply().empty());
  auto rest = read(3, proto::ReadJournal::EVENTS, 2).journal();
  CAF_REQUIRE_EQUAL(rest.items_size(), 1);
  CAF_CHECK_EQUAL(rest.items(0).sequence(), 3u);
  CAF_CHECK_EQUAL(read(3, proto::ReadJournal::EVENTS, 3).journal().items_size(),
                  0);
  auto ids = read(3, proto::ReadJournal::IDS, 1).journal();
  CAF_REQUIRE_EQUAL(ids.items_size(), 2);
  CAF_CHECK_EQUAL(ids.items(0).id(), "id2");
  CAF_CHECK(ids.items(0).reply().empty());
  auto reply = read(3, proto::ReadJournal::REPLY, 2).journal();
  CAF_REQUIRE_EQUAL(reply.items_size(), 1);
  CAF_CHECK_EQUAL(reply.items(0).reply(), "reply2");
}

CAF_TEST(of an item that these tables lack it is not said that it is gone) {
  take(3);
  journal(append_of(3, 1));
  // A leader that is none any more: another one has taken the second item.
  CAF_CHECK(is(read(3, proto::ReadJournal::REPLY, 2), ec::not_leader));
}

CAF_TEST(ids behind large replies are read in parts) {
  take(3);
  for (uint64_t i = 1; i <= 6; ++i) {
    auto x = append_of(3, i);
    x.mutable_append()->mutable_items(0)->set_reply(
      std::string(size_t{1} << 20, 'r'));
    CAF_REQUIRE(!journal(x).has_error());
  }
  auto first = read(3, proto::ReadJournal::IDS).journal().items_size();
  CAF_CHECK_EQUAL(first, 4);
  auto rest = read(3, proto::ReadJournal::IDS, 4).journal().items_size();
  CAF_CHECK_EQUAL(rest, 2);
}

CAF_TEST(the snapshot is read chunk by chunk) {
  take(3);
  journal(append_of(3, 1));
  journal(append_of(3, 2));
  auto x = by(3);
  x.mutable_snapshot()->set_through(1);
  x.mutable_snapshot()->set_data("one");
  journal(x);
  CAF_CHECK(is(read(3, proto::ReadJournal::SNAPSHOT), ec::not_found));
  x.mutable_snapshot()->set_chunk(1);
  x.mutable_snapshot()->set_data("two");
  x.mutable_snapshot()->set_last(true);
  x.mutable_snapshot()->set_size(6);
  CAF_CHECK_EQUAL(journal(x).journal().head().snapshot(), 1u);
  auto second = read(3, proto::ReadJournal::SNAPSHOT, 1).journal();
  CAF_CHECK_EQUAL(second.chunk(), "two");
  CAF_CHECK_EQUAL(second.head().chunks(), 2u);
  CAF_CHECK(is(read(3, proto::ReadJournal::SNAPSHOT, 2), ec::not_found));
  // What is in the snapshot is not told as events.
  auto events = read(3, proto::ReadJournal::EVENTS).journal();
  CAF_REQUIRE_EQUAL(events.items_size(), 1);
  CAF_CHECK_EQUAL(events.items(0).sequence(), 2u);
}

CAF_TEST(a journal that is dropped has no head any more) {
  take(3);
  journal(append_of(3, 1));
  auto x = by(0);
  x.set_drop(true);
  auto said = journal(x);
  CAF_CHECK(!said.has_error());
  CAF_CHECK(said.has_journal() && !said.journal().has_head());
}

CAF_TEST(what is no change and no read is refused) {
  proto::Request x;
  x.mutable_journal();
  CAF_CHECK(is(ask(x), ec::protocol_violation));
  CAF_CHECK(is(journal({}), ec::invalid_argument));
}

CAF_TEST_FIXTURE_SCOPE_END()
