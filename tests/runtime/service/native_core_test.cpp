// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/native_core.hpp"

#include "tests/runtime/service/adding_service.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <memory>
#include <random>
#include <set>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

using clock_type = native_core::clock;

proto::ServiceCall post(const std::string& id, const std::string& number) {
  proto::ServiceCall x;
  x.set_method("POST");
  x.set_target("/");
  x.set_body(number);
  x.set_id(id);
  return x;
}

proto::ServiceCall get(const std::string& id) {
  proto::ServiceCall x;
  x.set_method("GET");
  x.set_target("/");
  x.set_id(id);
  return x;
}

struct fixture {
  explicit fixture(native_limits limits = {})
    : core(std::make_unique<adding_service>(), 0, limits, now) {
    // nop
  }

  /// Returns the answer to *ticket*, as words.
  std::string said(uint64_t ticket) {
    for (auto& x : core.take_answers())
      answers[x.ticket]
        = x.what.answer ? std::to_string(x.what.answer->status()) + ' '
                            + x.what.answer->body()
          : x.what.refused == service_refusal::unknown  ? "unknown"
          : x.what.refused == service_refusal::not_here ? "not here"
                                                        : "not ready";
    auto found = answers.find(ticket);
    return found == answers.end() ? "nothing" : found->second;
  }

  clock_type::time_point now = clock_type::time_point{} + 1h;
  native_core core;
  std::map<uint64_t, std::string> answers;
};

native_limits at_intervals() {
  native_limits x;
  x.reply_when_durable = false;
  x.capture_interval = 100ms;
  return x;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(native_core_tests, fixture)

CAF_TEST(an effect is answered when it is durable and not before) {
  core.handle(1, post("a", "5"), now);
  CAF_CHECK_EQUAL(said(1), "nothing");
  auto append = core.next_append(now);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items_size(), 1);
  CAF_CHECK_EQUAL(append->items(0).sequence(), 1u);
  CAF_CHECK_EQUAL(append->items(0).events(0), "5");
  CAF_CHECK_EQUAL(said(1), "nothing");
  core.appended();
  CAF_CHECK_EQUAL(said(1), "200 5");
  CAF_CHECK(core.is_idle());
}

CAF_TEST(what comes while an append is in flight goes into one next append) {
  core.handle(1, post("a", "1"), now);
  CAF_CHECK(core.next_append(now));
  for (uint64_t i = 2; i < 10; ++i)
    core.handle(i, post(std::to_string(i), "1"), now);
  CAF_CHECK(!core.next_append(now));
  core.appended();
  auto append = core.next_append(now);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items_size(), 8);
  CAF_CHECK_EQUAL(said(1), "200 1");
  CAF_CHECK_EQUAL(said(9), "nothing");
  core.appended();
  CAF_CHECK_EQUAL(said(9), "200 9");
}

CAF_TEST(an append whose answer is lost is sent again as it was) {
  core.handle(1, post("a", "1"), now);
  auto first = core.next_append(now);
  core.handle(2, post("b", "1"), now);
  core.append_lost();
  auto again = core.next_append(now);
  CAF_REQUIRE(first && again);
  CAF_CHECK_EQUAL(first->SerializeAsString(), again->SerializeAsString());
}

CAF_TEST(an answer that changes nothing waits for what it has seen) {
  core.handle(1, get("r"), now);
  CAF_CHECK_EQUAL(said(1), "200 0");
  core.handle(2, post("a", "7"), now);
  core.handle(3, get("s"), now);
  CAF_CHECK_EQUAL(said(3), "nothing");
  core.next_append(now);
  core.appended();
  CAF_CHECK_EQUAL(said(3), "200 7");
}

CAF_TEST(the same id is applied once) {
  core.handle(1, post("a", "7"), now);
  core.handle(2, post("a", "7"), now);
  auto append = core.next_append(now);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items_size(), 1);
  core.appended();
  CAF_CHECK_EQUAL(said(1), "200 7");
  CAF_CHECK_EQUAL(said(2), "200 7");
  // Later its answer is in the journal.
  core.handle(3, post("a", "7"), now);
  core.handle(4, post("a", "7"), now);
  CAF_CHECK(core.take_lookups() == std::vector<uint64_t>{1});
  CAF_CHECK(core.take_lookups().empty());
  proto::ServiceAnswer kept;
  kept.set_status(200);
  kept.set_body("7");
  core.found_reply(1, kept);
  CAF_CHECK_EQUAL(said(3), "200 7");
  CAF_CHECK_EQUAL(said(4), "200 7");
  CAF_CHECK(!core.next_append(now));
}

CAF_TEST(an id with another request is refused) {
  core.handle(1, post("a", "7"), now);
  core.handle(2, post("a", "8"), now);
  CAF_CHECK_EQUAL(said(2).substr(0, 3), "422");
  core.handle(3, post("", "8"), now);
  CAF_CHECK_EQUAL(said(3).substr(0, 3), "400");
  core.handle(4, post(std::string(257, 'x'), "8"), now);
  CAF_CHECK_EQUAL(said(4).substr(0, 3), "400");
}

CAF_TEST(an answer that is kept no more is not made anew) {
  proto::JournalItem old;
  old.set_sequence(3);
  old.set_id("a");
  core.remember({old});
  auto call = post("a", "7");
  core.handle(1, call, now);
  // Its fingerprint is of another request.
  CAF_CHECK_EQUAL(said(1).substr(0, 3), "422");
  core.handle(2, post("b", "1"), now);
  core.next_append(now);
  core.appended();
  core.handle(3, post("b", "1"), now);
  core.found_reply(1, std::nullopt);
  CAF_CHECK_EQUAL(said(3).substr(0, 3), "409");
  core.handle(4, post("b", "1"), now);
  core.lookup_failed(1);
  CAF_CHECK_EQUAL(said(4), "not ready");
}

CAF_TEST(code that throws answers 500 or ends the service) {
  core.handle(1, post("a", "throw"), now);
  CAF_CHECK_EQUAL(said(1).substr(0, 3), "500");
  CAF_CHECK(!core.failure());
  core.handle(2, post("b", "2"), now);
  core.next_append(now);
  core.handle(3, post("c", "poison"), now);
  CAF_REQUIRE(core.failure());
  CAF_CHECK_EQUAL(said(2), "unknown");
  CAF_CHECK_EQUAL(said(3), "not here");
  core.handle(4, post("d", "1"), now);
  CAF_CHECK_EQUAL(said(4), "not here");
}

CAF_TEST(at its end it says of each request what may have become of it) {
  core.handle(1, post("a", "1"), now);
  core.next_append(now);
  core.handle(2, post("b", "1"), now);
  core.handle(3, get("r"), now);
  core.end();
  CAF_CHECK_EQUAL(said(1), "unknown");
  CAF_CHECK_EQUAL(said(2), "not here");
  CAF_CHECK_EQUAL(said(3), "not here");
}

CAF_TEST(what waits is bounded) {
  native_limits few;
  few.requests = 2;
  fixture x{few};
  for (uint64_t i = 1; i <= 3; ++i)
    x.core.handle(i, post(std::to_string(i), "1"), x.now);
  CAF_CHECK_EQUAL(x.said(3), "not ready");
  CAF_CHECK_EQUAL(x.said(1), "nothing");
}

CAF_TEST(without a sign of being the owner answers are marked as stale) {
  core.handle(1, get("r"), now);
  auto fresh = core.take_answers();
  CAF_CHECK_EQUAL(fresh[0].what.answer->headers_size(), 0);
  core.handle(2, get("r"), now + 6s);
  auto old = core.take_answers();
  CAF_REQUIRE_EQUAL(old[0].what.answer->headers_size(), 1);
  CAF_CHECK_EQUAL(old[0].what.answer->headers(0).name(), "warning");
  core.confirmed(now + 6s);
  core.handle(3, get("r"), now + 7s);
  CAF_CHECK_EQUAL(core.take_answers()[0].what.answer->headers_size(), 0);
}

CAF_TEST(a sign of being the owner is as old as the question) {
  core.handle(1, post("a", "1"), now);
  core.next_append(now);
  // The node is frozen for a while.
  core.appended();
  core.confirmed(now - 1s);
  core.take_answers();
  core.handle(2, get("r"), now + 1h);
  CAF_CHECK_EQUAL(core.take_answers()[0].what.answer->headers_size(), 1);
}

CAF_TEST(an id is forgotten after its window) {
  core.handle(1, post("a", "1"), now);
  core.next_append(now);
  core.appended();
  core.handle(2, post("a", "1"), now + 25h);
  auto append = core.next_append(now + 25h);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items(0).sequence(), 2u);
}

CAF_TEST(with intervals answers leave at once and effects follow together) {
  fixture x{at_intervals()};
  x.core.handle(1, post("a", "1"), x.now);
  x.core.handle(2, post("b", "1"), x.now);
  CAF_CHECK_EQUAL(x.said(1), "200 1");
  CAF_CHECK_EQUAL(x.said(2), "200 2");
  CAF_CHECK(!x.core.next_append(x.now + 50ms));
  // Before it leaves, all of it.
  CAF_CHECK(x.core.next_append(x.now + 50ms, true));
  x.core.appended();
  x.core.handle(3, post("c", "1"), x.now + 60ms);
  auto append = x.core.next_append(x.now + 160ms);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items_size(), 1);
}

CAF_TEST(with intervals all that has come is captured and not a part of it) {
  auto limits = at_intervals();
  limits.append_items = 4;
  fixture x{limits};
  for (uint64_t i = 1; i <= 3; ++i)
    x.core.handle(i, post(std::to_string(i), "1"), x.now);
  CAF_CHECK(!x.core.next_append(x.now + 50ms));
  for (uint64_t i = 4; i <= 9; ++i)
    x.core.handle(i, post(std::to_string(i), "1"), x.now + 50ms);
  // Enough of them need not wait.
  auto append = x.core.next_append(x.now + 50ms);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items_size(), 4);
  x.core.appended();
  CAF_CHECK(x.core.next_append(x.now + 51ms));
  x.core.appended();
  CAF_CHECK(!x.core.next_append(x.now + 52ms));
  for (uint64_t i = 10; i <= 14; ++i)
    x.core.handle(i, post(std::to_string(i), "1"), x.now + 99ms);
  append = x.core.next_append(x.now + 100ms);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items_size(), 4);
  x.core.appended();
  append = x.core.next_append(x.now + 101ms);
  CAF_REQUIRE(append);
  CAF_CHECK_EQUAL(append->items_size(), 2);
  x.core.appended();
  CAF_CHECK(x.core.is_idle());
}

CAF_TEST(large effects go into appends of their own) {
  auto large = "1 " + std::string(size_t{300} << 10, 'x');
  for (uint64_t i = 1; i <= 3; ++i)
    core.handle(i, post(std::to_string(i), large), now);
  for (auto i = 0; i < 3; ++i) {
    auto append = core.next_append(now);
    CAF_REQUIRE(append);
    CAF_CHECK_EQUAL(append->items_size(), 1);
    core.appended();
  }
  CAF_CHECK_EQUAL(said(3), "200 3");
  // An entry of the log takes no more.
  auto huge = "1 " + std::string(size_t{800} << 10, 'x');
  core.handle(4, post("4", huge), now);
  CAF_CHECK_EQUAL(said(4).substr(0, 3), "500");
  CAF_CHECK(core.is_idle());
}

CAF_TEST(whatever code throws is answered with 500) {
  core.handle(1, post("a", "odd"), now);
  CAF_CHECK_EQUAL(said(1).substr(0, 3), "500");
  CAF_CHECK(!core.failure());
}

CAF_TEST(what waits for an effect is not stale when that is durable) {
  core.handle(1, post("a", "1"), now);
  core.handle(2, get("r"), now + 6s);
  core.next_append(now + 6s);
  core.appended();
  auto xs = core.take_answers();
  CAF_REQUIRE_EQUAL(xs.size(), 2u);
  CAF_CHECK_EQUAL(xs[1].what.answer->headers_size(), 0);
}

CAF_TEST(the journal need not keep replies of ids that are forgotten early) {
  native_limits few;
  few.ids = 3;
  fixture x{few};
  auto add = [&](uint64_t i) {
    x.now += 20s;
    x.core.handle(i, post(std::to_string(i), "1"), x.now);
    auto append = x.core.next_append(x.now);
    CAF_REQUIRE(append);
    x.core.appended();
    return append->dedupe_window_ms();
  };
  auto whole = std::chrono::milliseconds{few.dedupe_window}.count();
  for (uint64_t i = 1; i <= 4; ++i)
    CAF_CHECK_EQUAL(add(i), whole);
  // The second one is the oldest that is known: 60 s old, and the journal got
  // it a little later.
  CAF_CHECK_EQUAL(add(5), 50'000);
  x.core.handle(6, post("3", "1"), x.now);
  CAF_CHECK(x.core.take_lookups() == std::vector<uint64_t>{3});
  x.core.handle(7, post("1", "1"), x.now);
  CAF_CHECK(x.core.next_append(x.now));
}

CAF_TEST(ids of the journal are as old as it says) {
  std::vector<proto::JournalItem> ids(2);
  ids[0].set_sequence(1);
  ids[0].set_id("old");
  ids[0].set_at_ms(1'000);
  ids[1].set_sequence(2);
  ids[1].set_id("new");
  ids[1].set_at_ms(1'000 + std::chrono::milliseconds{23h}.count());
  native_core x{std::make_unique<adding_service>(), 2, {}, now};
  x.remember(ids);
  x.handle(1, post("old", "1"), now + 2h);
  CAF_CHECK(x.next_append(now + 2h));
  // Its fingerprint is of another request.
  x.handle(2, post("new", "1"), now + 2h);
  CAF_CHECK_EQUAL(x.take_answers().at(0).what.answer->status(), 422u);
}

CAF_TEST(an id that was used again after its window is remembered) {
  std::vector<proto::JournalItem> ids(2);
  ids[0].set_sequence(1);
  ids[0].set_id("a");
  ids[0].set_at_ms(1'000);
  ids[1].set_sequence(2);
  ids[1].set_id("a");
  ids[1].set_at_ms(1'000 + std::chrono::milliseconds{25h}.count());
  native_core x{std::make_unique<adding_service>(), 2, {}, now};
  x.remember(ids);
  // The first one is forgotten, the second one is not.
  x.handle(1, post("a", "1"), now + 1h);
  CAF_CHECK(!x.next_append(now + 1h));
  CAF_CHECK_EQUAL(x.take_answers().at(0).what.answer->status(), 422u);
}

CAF_TEST_FIXTURE_SCOPE_END()

namespace {

/// A journal as the cluster keeps it, and a service whose owners die.
class model {
public:
  explicit model(uint32_t seed) : random_(seed) {
    recover();
  }

  void step() {
    now_ += 1ms;
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        ask(std::to_string(random_() % 40));
        break;
      case 3:
      case 4:
        if (!sent_)
          sent_ = core_->next_append(now_);
        break;
      case 5:
        arrive(true);
        break;
      case 6:
        arrive(random_() % 2 == 0);
        break;
      case 7:
        if (random_() % 10 == 0)
          recover();
        break;
    }
    look();
  }

  /// Everything that waits is answered.
  void finish() {
    for (auto i = 0; i < 100; ++i) {
      if (!sent_)
        sent_ = core_->next_append(now_, true);
      arrive(true);
      look();
    }
  }

  size_t journal_size() const {
    return journal_.size();
  }

  const std::map<std::string, std::string>& acknowledged() const {
    return acknowledged_;
  }

  std::string sum() {
    core_->handle(++ticket_, get("sum"), now_);
    auto xs = core_->take_answers();
    return xs.at(0).what.answer->body();
  }

private:
  void ask(const std::string& id) {
    asked_[++ticket_] = id;
    core_->handle(ticket_, post(id, "1"), now_);
  }

  /// The append reaches the journal, or not; and its answer comes or is lost.
  void arrive(bool answered) {
    if (!sent_)
      return;
    for (auto& item : sent_->items())
      if (item.sequence() == journal_.size() + 1)
        journal_.push_back(item);
      else if (journal_.at(item.sequence() - 1).id() != item.id())
        CAF_FAIL("another request has the place of " << item.sequence());
    sent_.reset();
    if (answered)
      core_->appended();
    else
      core_->append_lost();
  }

  void look() {
    for (auto sequence : core_->take_lookups()) {
      proto::ServiceAnswer x;
      x.ParseFromString(journal_.at(sequence - 1).reply());
      core_->found_reply(sequence, x);
    }
    for (auto& x : core_->take_answers()) {
      auto asked = asked_.extract(x.ticket);
      if (asked.empty() || !x.what.answer)
        continue;
      auto& body = x.what.answer->body();
      auto [known, is_new] = acknowledged_.emplace(asked.mapped(), body);
      if (!is_new && known->second != body)
        CAF_ERROR("id " << known->first << " was answered with "
                        << known->second << " and " << body);
    }
  }

  /// The owner dies, and another one begins; what it sent may still arrive
  /// before, not after.
  void recover() {
    if (core_ && random_() % 2 == 0)
      arrive(false);
    sent_.reset();
    asked_.clear();
    auto service = std::make_unique<adding_service>();
    for (auto& item : journal_)
      for (auto& event : item.events())
        service->apply(event);
    core_ = std::make_unique<native_core>(std::move(service), journal_.size(),
                                          native_limits{}, now_);
    core_->remember(journal_);
  }

  std::mt19937 random_;
  clock_type::time_point now_ = clock_type::time_point{} + 1h;
  std::vector<proto::JournalItem> journal_;
  std::unique_ptr<native_core> core_;
  std::optional<proto::JournalAppend> sent_;
  uint64_t ticket_ = 0;
  std::map<uint64_t, std::string> asked_;
  /// What clients were told, by id.
  std::map<std::string, std::string> acknowledged_;
};

} // namespace

CAF_TEST(whatever is lost each id counts once and its answer stays) {
  for (auto seed : seeds(200)) {
    model x{seed};
    for (auto i = 0; i < 600; ++i)
      x.step();
    x.finish();
    std::set<std::string> answers;
    for (auto& [id, answer] : x.acknowledged())
      answers.insert(answer);
    auto is_right = answers.size() == x.acknowledged().size()
                    && x.acknowledged().size() <= x.journal_size()
                    && x.journal_size() <= 40
                    && x.sum() == std::to_string(x.journal_size());
    if (!is_right)
      CAF_ERROR("seed " << seed << ": " << x.acknowledged().size() << " ids, "
                        << answers.size() << " answers, " << x.journal_size()
                        << " items, sum " << x.sum());
  }
}
