// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/state_replicator.hpp"

#include "tests/actors/manager_fixture.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <mutex>
#include <thread>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// Counts the lines of the log with some text while it lives.
class log_counter : public spdlog::sinks::base_sink<std::mutex> {
public:
  explicit log_counter(std::string text) : text_(std::move(text)) {
    // Not owned: it ends before the test does.
    std::shared_ptr<spdlog::sinks::sink> own{this, [](auto*) {}};
    before_ = spdlog::default_logger();
    spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("counter", std::move(own)));
  }

  ~log_counter() override {
    spdlog::set_default_logger(before_);
  }

  int count() const {
    return count_;
  }

private:
  void sink_it_(const spdlog::details::log_msg& x) override {
    auto line = std::string_view{x.payload.data(), x.payload.size()};
    count_ += line.find(text_) != std::string_view::npos;
  }

  void flush_() override {}

  std::string text_;
  std::shared_ptr<spdlog::logger> before_;
  std::atomic<int> count_{0};
};

struct fixture : manager_fixture {
  static proto::Command submit_command(size_t bytes = 10) {
    auto spec = noop();
    spec.set_data(std::string(bytes, 'x'));
    proto::Command x;
    auto& item = *x.mutable_submit()->add_items();
    item.set_product("p");
    item.set_product_number(1);
    item.set_epoch(1);
    item.set_newest_epoch(1);
    item.set_kind("noop");
    item.set_spec(spec.SerializeAsString());
    return x;
  }

  static proto::Command register_command() {
    proto::Command x;
    x.mutable_register_()->set_node("n1");
    x.mutable_register_()->set_incarnation(1);
    return x;
  }

  answer_ptr<proto::Outcome> propose(const proto::Command& x) {
    return request<proto::Outcome>(replicator, x);
  }

  /// Proposes all of *xs* before the replicator has its turn.
  std::vector<answer_ptr<proto::Outcome>>
  propose_together(const std::vector<proto::Command>& xs) {
    std::vector<answer_ptr<proto::Outcome>> answers;
    auto ask_all = [&, to = replicator](caf::event_based_actor* client, int) {
      for (auto& x : xs) {
        auto out = answers.emplace_back(new answer<proto::Outcome>);
        client->request(to, caf::infinite, x)
          .then([out](proto::Outcome& y) { out->value = std::move(y); },
                [out](caf::error&) { out->failed = true; });
      }
    };
    sys.spawn(ask_all, 0);
    consume_messages();
    return answers;
  }

  static uint64_t sequence(const answer_ptr<proto::Outcome>& x) {
    return need(x).submit().items(0).id().sequence();
  }

  static uint32_t code(const answer_ptr<proto::Outcome>& x) {
    return need(x).error().code();
  }

  static uint32_t number(ec x) {
    return static_cast<uint32_t>(x);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_replicator_tests, fixture)

CAF_TEST(a group of one leads at once and needs no entry to prove it) {
  start_log();
  auto entries = disk->last_index();
  auto proved = request<proto::Outcome>(replicator, atom::barrier::value);
  CAF_CHECK_EQUAL(code(proved), 0u);
  CAF_CHECK_EQUAL(disk->last_index(), entries);
}

CAF_TEST(an answered command is in the log and in the tables) {
  start_log();
  auto before = disk->writes();
  CAF_CHECK_EQUAL(sequence(propose(submit_command())), 1u);
  CAF_CHECK_EQUAL(disk->writes(), before + 1);
  CAF_CHECK_EQUAL(store->applied(), disk->last_index());
  auto row = unwrap(store->read([](const table_view& view, uint64_t) {
    return get_task(view, {1, 1, 1});
  }));
  CAF_CHECK(row.has_value());
}

CAF_TEST(commands that wait together share one write) {
  start_log();
  auto before = disk->writes();
  auto entries = disk->last_index();
  auto answers
    = propose_together(std::vector<proto::Command>(50, submit_command()));
  for (uint64_t i = 0; i < answers.size(); ++i)
    CAF_CHECK_EQUAL(sequence(answers[i]), i + 1);
  CAF_CHECK_EQUAL(disk->writes(), before + 1);
  CAF_CHECK_EQUAL(disk->last_index(), entries + 1);
}

CAF_TEST(what is too much for one entry makes several in one write) {
  start_log();
  auto before = disk->writes();
  auto entries = disk->last_index();
  auto answers = propose_together(
    std::vector<proto::Command>(6, submit_command(size_t{80} << 10)));
  for (uint64_t i = 0; i < answers.size(); ++i)
    CAF_CHECK_EQUAL(sequence(answers[i]), i + 1);
  CAF_CHECK_EQUAL(disk->writes(), before + 1);
  CAF_CHECK_EQUAL(disk->last_index(), entries + 3);
}

CAF_TEST(while the log cannot be written nothing is answered) {
  start_log();
  disk->broken = true;
  auto first = propose(submit_command());
  pass(200ms);
  auto second = propose(submit_command());
  pass(1s);
  CAF_CHECK(!first->value && !first->failed);
  CAF_CHECK(!second->value && !second->failed);
  disk->broken = false;
  pass(200ms);
  CAF_CHECK_EQUAL(sequence(first), 1u);
  CAF_CHECK_EQUAL(sequence(second), 2u);
  CAF_CHECK_EQUAL(disk->violation(), std::string{});
}

CAF_TEST(more than may wait for the disk is refused) {
  replicator_options.max_waiting_bytes = 250;
  start_log();
  auto answers
    = propose_together(std::vector<proto::Command>(10, submit_command(80)));
  CAF_CHECK_EQUAL(sequence(answers[0]), 1u);
  CAF_CHECK_EQUAL(code(answers[9]), number(ec::overloaded));
  // It was a matter of that moment.
  CAF_CHECK_EQUAL(code(propose(submit_command(80))), 0u);
}

CAF_TEST(while the log cannot be written what waits stays bounded) {
  replicator_options.max_waiting_bytes = 250;
  start_log();
  disk->broken = true;
  std::vector<answer_ptr<proto::Outcome>> answers;
  for (auto i = 0; i < 10; ++i) {
    answers.push_back(propose(submit_command(80)));
    pass(100ms);
  }
  CAF_CHECK(!answers[0]->value);
  CAF_CHECK_EQUAL(code(answers[9]), number(ec::overloaded));
  disk->broken = false;
  pass(200ms);
  CAF_CHECK_EQUAL(sequence(answers[0]), 1u);
  CAF_CHECK_EQUAL(sequence(answers[1]), 2u);
}

CAF_TEST(a command that no entry can hold is refused) {
  replicator_options.raft.max_entry_bytes = 1'000;
  start_log();
  auto refused = code(propose(submit_command(1'000)));
  CAF_CHECK_EQUAL(refused, number(ec::invalid_argument));
  CAF_CHECK_EQUAL(code(propose(submit_command(100))), 0u);
}

CAF_TEST(a full disk refuses only what adds to the data) {
  replicator_options.reserve_bytes = uint64_t{1} << 62;
  start_log();
  pass(1100ms);
  CAF_CHECK_EQUAL(code(propose(submit_command())), number(ec::storage_failure));
  proto::Command chunk;
  chunk.mutable_checkpoint()->set_data("x");
  CAF_CHECK_EQUAL(code(propose(chunk)), number(ec::storage_failure));
  CAF_CHECK_EQUAL(code(propose(register_command())), 0u);
}

CAF_TEST(after a kill the log makes the same tables again) {
  start_log();
  propose(register_command());
  for (auto i = 0; i < 20; ++i)
    propose(submit_command());
  auto before = dump(*store);
  auto applied = store->applied();
  CAF_REQUIRE(store->durable_index() < applied);
  stop();
  start_log();
  CAF_CHECK(dump(*store) == before);
  CAF_CHECK(store->applied() >= applied);
  CAF_CHECK_EQUAL(sequence(propose(submit_command())), 21u);
}

CAF_TEST(a replicator that is asked to end flushes its tables) {
  start_log();
  propose(submit_command());
  auto kept = store;
  self->send_exit(replicator, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK_EQUAL(kept->durable_index(), kept->applied());
}

CAF_TEST(a copy of the tables that the disk refuses has a pause after it) {
  // As a full disk does: no file can be made.
  replicator_options.dir = folder.path() / "nowhere";
  start_log();
  log_counter refusals{"has no copy of its tables"};
  peer_link_state link{2, caf::actor_cast<peer_actor>(replicator)};
  self->send(replicator, link);
  proto::PeerMessage wanted;
  wanted.set_from(2);
  wanted.set_to(1);
  wanted.mutable_tables_wanted();
  auto ask_until = [&](int n) {
    // Copies are made in a real thread.
    while (refusals.count() < n) {
      self->send(replicator, wanted);
      consume_messages();
      std::this_thread::yield();
    }
  };
  ask_until(1);
  for (auto i = 0; i < 24; ++i) { // As often as a member that is behind asks.
    pass(200ms);
    self->send(replicator, wanted);
    consume_messages();
  }
  CAF_CHECK_EQUAL(refusals.count(), 1);
  pass(400ms);
  ask_until(2);
  CAF_CHECK_EQUAL(refusals.count(), 2);
}

CAF_TEST(the log is trimmed behind what the tables have on disk) {
  replicator_options.trim_step = 10;
  replicator_options.raft.trailing_entries = 5;
  start_log();
  for (auto i = 0; i < 30; ++i)
    propose(submit_command());
  CAF_CHECK_EQUAL(disk->first_index(), 1u);
  pass(500ms);
  CAF_CHECK(disk->first_index() > 20);
  auto before = dump(*store);
  stop();
  start_log();
  CAF_CHECK(dump(*store) == before);
  CAF_CHECK_EQUAL(disk->violation(), std::string{});
}

CAF_TEST_FIXTURE_SCOPE_END()
