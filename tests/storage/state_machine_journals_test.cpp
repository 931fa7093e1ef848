// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/service_tables.hpp"
#include "tests/storage/machine.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <map>
#include <random>

using namespace coppice;
using namespace coppice::test;

namespace {

constexpr uint32_t service = 7;

constexpr int64_t window_ms = 10'000;

proto::JournalItem item(uint64_t sequence, const std::string& id,
                        const std::string& event = "e") {
  proto::JournalItem x;
  x.set_sequence(sequence);
  x.set_id(id);
  x.set_fingerprint(id.size());
  x.set_reply("reply to " + id);
  if (!event.empty())
    x.add_events(event);
  return x;
}

struct fixture {
  proto::JournalOutcome run(const proto::JournalCommand& x) {
    proto::Command command;
    *command.mutable_journal() = x;
    return m.run(command).journal();
  }

  static proto::JournalCommand by(uint64_t epoch) {
    proto::JournalCommand x;
    x.set_service(service);
    x.set_epoch(epoch);
    return x;
  }

  proto::JournalOutcome take(uint64_t epoch) {
    auto x = by(epoch);
    x.set_take(true);
    return run(x);
  }

  proto::JournalOutcome append(uint64_t epoch,
                               const std::vector<proto::JournalItem>& items) {
    auto x = by(epoch);
    x.mutable_append()->set_dedupe_window_ms(window_ms);
    for (auto& y : items)
      *x.mutable_append()->add_items() = y;
    return run(x);
  }

  proto::JournalOutcome snapshot(uint64_t epoch, uint64_t through,
                                 uint32_t chunk, const std::string& data,
                                 uint64_t whole = 0) {
    auto x = by(epoch);
    auto& y = *x.mutable_snapshot();
    y.set_through(through);
    y.set_chunk(chunk);
    y.set_data(data);
    y.set_last(whole > 0);
    y.set_size(whole);
    return run(x);
  }

  proto::JournalOutcome drop() {
    auto x = by(0);
    x.set_drop(true);
    return run(x);
  }

  static bool is(const proto::JournalOutcome& x, ec code) {
    return x.error().code() == static_cast<uint32_t>(code);
  }

  static bool went_well(const proto::JournalOutcome& x) {
    return !x.has_error();
  }

  /// Ids of the events that are there, also those up to the snapshot.
  std::vector<std::string> events() const {
    return m.read([](const table_view& view) {
      std::vector<std::string> out;
      for_each_journal_event(view, service, 0, [&](auto& x) {
        out.push_back(x.id());
        return true;
      });
      return out;
    });
  }

  std::optional<proto::JournalItem> reply(uint64_t sequence) const {
    return m.read([&](const table_view& view) {
      return get_journal_reply(view, service, sequence);
    });
  }

  size_t rows() {
    return dump(m.store()).size();
  }

  machine m;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_journals_tests, fixture)

CAF_TEST(only the newest owner appends) {
  CAF_CHECK(is(append(1, {item(1, "a")}), ec::fenced));
  CAF_CHECK(went_well(take(5)));
  CAF_CHECK(went_well(take(5)));
  CAF_CHECK(went_well(append(5, {item(1, "a")})));
  CAF_CHECK(is(take(4), ec::fenced));
  CAF_CHECK(went_well(take(6)));
  CAF_CHECK(is(append(5, {item(2, "b")}), ec::fenced));
  CAF_CHECK(is(append(7, {item(2, "b")}), ec::fenced));
  CAF_CHECK(is(snapshot(5, 1, 0, "s", 1), ec::fenced));
  auto said = append(6, {item(2, "b")});
  CAF_CHECK_EQUAL(said.head().last(), 2u);
  CAF_CHECK_EQUAL(said.head().event_bytes(), 2u);
  CAF_CHECK(is(take(0), ec::fenced));
}

CAF_TEST(an item that is there already is accepted again without effect) {
  take(1);
  append(1, {item(1, "a"), item(2, "b")});
  auto before = dump(m.store());
  m.now_ms += 5;
  CAF_CHECK(went_well(append(1, {item(1, "a"), item(2, "b")})));
  auto after = dump(m.store());
  after["meta/state_time"] = before["meta/state_time"];
  CAF_CHECK(before == after);
  CAF_CHECK(went_well(append(1, {item(2, "b"), item(3, "c")})));
  auto other = item(2, "b");
  other.set_fingerprint(99);
  CAF_CHECK(is(append(1, {other}), ec::conflict));
  CAF_CHECK(is(append(1, {item(2, "x")}), ec::conflict));
}

CAF_TEST(all items of a command are accepted or none) {
  take(1);
  append(1, {item(1, "a")});
  CAF_CHECK(is(append(1, {item(2, "b"), item(4, "d")}), ec::conflict));
  CAF_CHECK(is(append(1, {item(2, "b"), item(3, "b")}), ec::conflict));
  CAF_CHECK(is(append(1, {item(2, "b"), item(3, "a")}), ec::conflict));
  CAF_CHECK(is(append(1, {item(2, "b"), item(3, "")}), ec::invalid_argument));
  CAF_CHECK(events() == std::vector<std::string>{"a"});
}

CAF_TEST(what breaks a limit is refused) {
  take(1);
  CAF_CHECK(
    is(append(1, {item(1, std::string(257, 'i'))}), ec::invalid_argument));
  auto big = item(1, "a");
  big.set_reply(std::string((size_t{1} << 20) + 1, 'r'));
  CAF_CHECK(is(append(1, {big}), ec::invalid_argument));
  big = item(1, "a", std::string((size_t{1} << 20) + 1, 'e'));
  CAF_CHECK(is(append(1, {big}), ec::invalid_argument));
  std::vector<proto::JournalItem> many;
  for (uint64_t i = 1; i <= 1'001; ++i)
    many.push_back(item(i, std::to_string(i)));
  CAF_CHECK(is(append(1, many), ec::invalid_argument));
  many.pop_back();
  CAF_CHECK(went_well(append(1, many)));
  CAF_CHECK(is(snapshot(1, 1, 0, std::string((size_t{256} << 10) + 1, 's'), 1),
               ec::invalid_argument));
  CAF_CHECK(is(snapshot(1, 1, 1'024, "s", 1), ec::invalid_argument));
  CAF_CHECK(is(snapshot(1, 1'001, 0, "s", 1), ec::invalid_argument));
  CAF_CHECK(is(snapshot(1, 0, 0, "s", 1), ec::invalid_argument));
}

CAF_TEST(replies that are older than the window go with their ids) {
  take(1);
  append(1, {item(1, "a"), item(2, "b"), item(3, "c")});
  m.now_ms += window_ms + 1;
  append(1, {item(4, "d")});
  CAF_CHECK(!reply(1) && !reply(2));
  CAF_CHECK(reply(3));
  append(1, {item(5, "c")});
  CAF_CHECK(!reply(3));
  auto newer = reply(5);
  CAF_REQUIRE(newer);
  CAF_CHECK_EQUAL(newer->id(), "c");
  CAF_CHECK(is(append(1, {item(6, "c")}), ec::conflict));
  // Their events are state, and stay.
  CAF_CHECK_EQUAL(events().size(), 5u);
}

CAF_TEST(an expired id that is used again is that of the newer item) {
  take(1);
  append(1, {item(1, "a"), item(2, "b"), item(3, "c"), item(4, "d")});
  m.now_ms += window_ms + 1;
  append(1, {item(5, "d")}); // Item 4 is not erased by this one.
  CAF_CHECK(reply(4));
  append(1, {item(6, "e")});
  CAF_CHECK(!reply(4));
  CAF_CHECK(is(append(1, {item(7, "d")}), ec::conflict));
}

CAF_TEST(a snapshot takes the place of the events up to it) {
  take(1);
  append(1, {item(1, "a"), item(2, "b", "four"), item(3, "c", "sixsix")});
  CAF_CHECK(went_well(snapshot(1, 2, 0, "one")));
  CAF_CHECK_EQUAL(events().size(), 3u);
  auto said = snapshot(1, 2, 1, "two", 6);
  CAF_CHECK_EQUAL(said.head().snapshot(), 2u);
  CAF_CHECK_EQUAL(said.head().chunks(), 2u);
  CAF_CHECK_EQUAL(said.head().snapshot_bytes(), 6u);
  CAF_CHECK_EQUAL(said.head().event_bytes(), 6u);
  CAF_CHECK(events() == std::vector<std::string>{"c"});
  CAF_CHECK_EQUAL(append(1, {item(4, "d")}).head().event_bytes(), 7u);
  CAF_CHECK(reply(1));
  said = snapshot(1, 4, 0, "x", 1);
  CAF_CHECK_EQUAL(said.head().event_bytes(), 0u);
  CAF_CHECK_EQUAL(append(1, {item(5, "e")}).head().event_bytes(), 1u);
  auto chunk = m.read([](const table_view& view) {
    return get_journal_chunk(view, {service, 2, 0}).has_value();
  });
  CAF_CHECK(!chunk);
  CAF_CHECK_EQUAL(snapshot(1, 2, 0, "late").head().snapshot(), 4u);
}

CAF_TEST(a snapshot is whole or it is none) {
  take(1);
  append(1, {item(1, "a"), item(2, "b")});
  CAF_CHECK(is(snapshot(1, 1, 1, "two", 3), ec::conflict));
  CAF_CHECK(is(snapshot(1, 1, 0, "one", 7), ec::invalid_argument));
  CAF_CHECK_EQUAL(events().size(), 2u);
  CAF_CHECK(went_well(snapshot(1, 2, 0, "new")));
  CAF_CHECK(is(snapshot(1, 1, 0, "old", 3), ec::conflict));
  // The next owner does not go on with what another one began.
  take(2);
  CAF_CHECK(is(snapshot(2, 2, 1, "two", 6), ec::conflict));
  CAF_CHECK(went_well(snapshot(2, 2, 0, "one")));
  CAF_CHECK_EQUAL(snapshot(2, 2, 1, "two", 6).head().snapshot(), 2u);
}

CAF_TEST(many events are erased by several commands) {
  take(1);
  for (uint64_t i = 1; i <= 2'500; i += 500) {
    std::vector<proto::JournalItem> items;
    for (auto j = i; j < i + 500; ++j)
      items.push_back(item(j, std::to_string(j)));
    append(1, items);
  }
  auto said = snapshot(1, 2'400, 0, "s", 1);
  CAF_CHECK_EQUAL(said.head().event_bytes(), 100u);
  CAF_CHECK_EQUAL(events().size(), 1'500u);
  append(1, {item(2'501, "x")});
  CAF_CHECK_EQUAL(events().size(), 501u);
  append(1, {});
  CAF_CHECK_EQUAL(events().size(), 101u);
  said = snapshot(1, 2'501, 0, "t", 1);
  CAF_CHECK_EQUAL(events().size(), 0u);
}

CAF_TEST(a journal that is dropped goes part by part and for good) {
  auto before = rows();
  take(1);
  for (uint64_t i = 1; i <= 1'000; i += 500) {
    std::vector<proto::JournalItem> items;
    for (auto j = i; j < i + 500; ++j)
      items.push_back(item(j, std::to_string(j)));
    append(1, items);
  }
  snapshot(1, 10, 0, "s", 1);
  auto commands = 1;
  for (auto said = drop(); !said.empty() && commands < 10; ++commands) {
    CAF_CHECK(is(append(1, {item(1'001, "x")}), ec::fenced));
    said = drop();
  }
  CAF_CHECK_EQUAL(commands, 3);
  CAF_CHECK_EQUAL(rows(), before + 1); // The state time.
  CAF_CHECK(drop().empty());
  CAF_CHECK(is(append(1, {item(1, "x")}), ec::fenced));
}

// -- the model ----------------------------------------------------------------

namespace {

/// An owner that may be one of before, and repeats itself.
struct owner {
  uint64_t epoch = 0;
  std::vector<proto::JournalItem> sent;
};

/// Lets owners come and go, and compares with what was accepted.
class journal_trial {
public:
  explicit journal_trial(uint32_t seed) : rng_(seed) {
    // nop
  }

  void run(int steps) {
    for (auto i = 0; i < steps; ++i) {
      x_.m.now_ms += below(400);
      step();
      check();
    }
  }

private:
  uint32_t below(uint32_t n) {
    return static_cast<uint32_t>(rng_() % n);
  }

  owner& any_owner() {
    auto& [epoch, who]
      = *std::next(owners_.begin(),
                   below(2) ? 0 : below(static_cast<uint32_t>(owners_.size())));
    who.epoch = epoch;
    return who;
  }

  void step() {
    if (owners_.empty() || below(12) == 0) {
      auto epoch = 1 + below(30) + epoch_ / 2;
      auto said = x_.take(epoch);
      demand(fixture::went_well(said) == (epoch >= epoch_), "a take");
      epoch_ = std::max<uint64_t>(epoch_, epoch);
      owners_[epoch];
      return;
    }
    if (below(5) == 0)
      return send_snapshot(any_owner());
    send_items(any_owner());
  }

  void send_items(owner& who) {
    std::vector<proto::JournalItem> items;
    if (!who.sent.empty() && below(4) == 0) {
      items = who.sent; // It did not hear the answer.
    } else {
      auto first = accepted_.size() + (below(15) == 0 ? 2 : 1);
      for (auto i = below(4); i > 0; --i)
        items.push_back(item(first++, "id" + std::to_string(below(2'000)),
                             std::string(below(5), 'e')));
    }
    auto said = x_.append(who.epoch, items);
    demand(who.epoch == epoch_ || fixture::is(said, ec::fenced),
           "a former owner is fenced");
    if (!fixture::went_well(said))
      return;
    who.sent = items;
    for (auto& y : items) {
      if (y.sequence() <= accepted_.size()) {
        demand(accepted_[y.sequence() - 1].id() == y.id(), "the same item");
        continue;
      }
      demand(y.sequence() == accepted_.size() + 1, "no gap");
      accepted_.push_back(y);
      accepted_.back().set_at_ms(x_.m.now_ms);
    }
  }

  void send_snapshot(const owner& who) {
    if (accepted_.empty())
      return;
    auto through = 1 + below(static_cast<uint32_t>(accepted_.size()));
    auto text = std::to_string(through);
    auto said = below(3) == 0
                  ? x_.snapshot(who.epoch, through, 0, text)
                  : x_.snapshot(who.epoch, through, 0, text, text.size());
    demand(who.epoch == epoch_ || fixture::is(said, ec::fenced),
           "a former owner makes no snapshot");
  }

  void check() {
    x_.m.read([&](const table_view& view) {
      auto head = get_journal(view, service).value_or(proto::JournalHead{});
      demand(head.epoch() == epoch_, "the epoch is the highest one");
      demand(head.last() == accepted_.size(), "the last item");
      auto next = head.snapshot();
      uint64_t bytes = 0;
      for_each_journal_event(view, service, next, [&](auto& x) {
        auto& model = accepted_.at(next++);
        demand(x.sequence() == next && x.id() == model.id()
                 && x.events_size() == model.events_size(),
               "events are those that were accepted, in their order");
        for (auto& event : x.events())
          bytes += event.size();
        return true;
      });
      demand(next == head.last(), "no event behind the snapshot is missing");
      demand(bytes == head.event_bytes(), "the size of the events");
      check_replies(view, head);
      if (head.snapshot() != 0) {
        auto chunk = get_journal_chunk(view, {service, head.snapshot(), 0});
        demand(chunk && *chunk == std::to_string(head.snapshot()),
               "the snapshot is the state after its item");
      }
      return 0;
    });
  }

  void check_replies(const table_view& view, const proto::JournalHead& head) {
    for (auto& x : accepted_) {
      auto young = x.at_ms() + window_ms >= x_.m.now_ms;
      auto reply = get_journal_reply(view, service, x.sequence());
      demand(reply.has_value() == (x.sequence() >= head.first_reply()),
             "replies are kept from the first one on");
      demand(!young || (reply && reply->reply() == x.reply()),
             "a reply is kept for the window");
      demand(!young || find_journal_id(view, service, x.id()) == x.sequence(),
             "a young id names one item");
    }
  }

  std::minstd_rand rng_;
  fixture x_;
  uint64_t epoch_ = 0;
  std::map<uint64_t, owner, std::greater<>> owners_;
  std::vector<proto::JournalItem> accepted_;
};

} // namespace

CAF_TEST(random owners leave a journal of what was accepted) {
  for (auto seed : seeds(60)) {
    try {
      journal_trial{seed}.run(150);
    } catch (std::exception& e) {
      CAF_FAIL("seed " << seed << ": " << e.what());
    }
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
