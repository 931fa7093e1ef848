// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/native_run.hpp"

#include "actors/services/counter.hpp"
#include "tests/actors/fake_cluster.hpp"

#include <caf/test/dsl.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

const service_instance first{"counter", 0};

using news_ptr = std::shared_ptr<std::vector<instance_news>>;

instance_observer::behavior_type fake_host(instance_observer::pointer,
                                           const news_ptr& to) {
  return {[=](const instance_news& x) { to->push_back(x); }};
}

/// What came of a request.
using outcome_ptr = std::shared_ptr<std::vector<service_result>>;

struct fixture : test_coordinator_fixture<> {
  fixture() {
    link = sys.spawn(fake_cluster_link, cluster);
    host = sys.spawn(fake_host, news);
    spec.set_name("counter");
    spec.set_form(proto::NATIVE_SERVICE);
  }

  ~fixture() {
    end(run);
    consume_messages();
    end(link);
    end(host);
    consume_messages();
  }

  template <class Handle>
  void end(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::kill);
    x = nullptr;
  }

  void start(uint64_t epoch = 1) {
    native_run_options options;
    options.start = {first, epoch, 1, 0, spec, lease};
    options.here = {link, services, host};
    options.make = make;
    options.threads = false;
    options.snapshot_bytes = snapshot_bytes;
    options.first_snapshot_pause = snapshot_pause;
    run = sys.spawn(native_run, options);
    consume_messages();
  }

  /// As a crash of the node does.
  void crash() {
    end(run);
    consume_messages();
  }

  void pass(std::chrono::milliseconds time) {
    while (time.count() > 0) {
      auto step = std::min<std::chrono::milliseconds>(time, 25ms);
      time -= step;
      sched.advance_time(step);
      consume_messages();
    }
  }

  outcome_ptr call(const std::string& method, const std::string& target,
                   const std::string& id) {
    auto result = std::make_shared<std::vector<service_result>>();
    proto::ServiceCall x;
    x.set_method(method);
    x.set_target(target);
    x.set_id(id);
    auto here = services->find(first);
    CAF_REQUIRE(here);
    here->handle(x, [result](service_result y) { result->push_back(y); });
    consume_messages();
    return result;
  }

  outcome_ptr add(const std::string& id, int by = 1) {
    return call("POST", "/add?by=" + std::to_string(by), id);
  }

  /// Returns the body of the answer, or what else there is.
  static std::string text(const outcome_ptr& x) {
    if (x->empty())
      return "no answer";
    if (x->size() > 1)
      return "several answers";
    auto& y = x->front();
    if (y.answer)
      return y.answer->body();
    return y.refused == service_refusal::unknown     ? "unknown"
           : y.refused == service_refusal::not_ready ? "not ready"
                                                     : "not here";
  }

  std::string value() {
    return text(call("GET", "/", "read" + std::to_string(++reads)));
  }

  proto::ServiceStatus status() const {
    return news->empty() ? proto::SERVICE_PLACED : news->back().status;
  }

  size_t appends() const {
    auto& all = cluster->journal_asked;
    return static_cast<size_t>(
      std::count_if(all.begin(), all.end(),
                    [](const auto& x) { return x.change().has_append(); }));
  }

  fake_cluster_ptr cluster = std::make_shared<fake_cluster>();
  std::shared_ptr<local_services> services = std::make_shared<local_services>();
  news_ptr news = std::make_shared<std::vector<instance_news>>();
  proto::ServiceSpec spec;
  uint64_t snapshot_bytes = uint64_t{1} << 20;
  std::chrono::milliseconds snapshot_pause{0};
  lease_end_ptr lease;
  std::function<std::unique_ptr<native_service>()> make
    = [] { return std::make_unique<counter>(); };
  fake_cluster_actor link;
  instance_observer host;
  native_run_actor run;
  int reads = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(native_run_tests, fixture)

CAF_TEST(an owner takes the journal and is ready) {
  start(5);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_READY);
  auto epoch = cluster->journal.head.epoch();
  CAF_CHECK_EQUAL(epoch, 5u);
  auto here = services->find(first);
  CAF_REQUIRE(here);
  CAF_CHECK_EQUAL(here->epoch, 5u);
}

CAF_TEST(requests are counted and their effects are in the journal) {
  start();
  CAF_CHECK_EQUAL(text(add("a", 2)), "2\n");
  CAF_CHECK_EQUAL(text(add("b", 3)), "5\n");
  CAF_CHECK_EQUAL(value(), "5\n");
  CAF_CHECK_EQUAL(cluster->journal.items.size(), 2u);
}

CAF_TEST(nothing is answered before it is durable) {
  start();
  // What comes next has it tried again at once.
  cluster->refusals = 2;
  auto x = add("a");
  auto read = call("GET", "/", "r");
  CAF_CHECK(x->empty());
  // What it saw is not durable either.
  CAF_CHECK(read->empty());
  pass(100ms);
  CAF_CHECK_EQUAL(text(x), "1\n");
  CAF_CHECK_EQUAL(text(read), "1\n");
}

CAF_TEST(the state is there after a crash) {
  start(1);
  add("a", 2);
  add("b", 3);
  add("c", 4);
  crash();
  start(2);
  CAF_CHECK_EQUAL(value(), "9\n");
  CAF_CHECK_EQUAL(text(add("d")), "10\n");
}

CAF_TEST(an id that comes again is answered from the journal) {
  start(1);
  add("a", 2);
  add("b", 3);
  CAF_CHECK_EQUAL(text(add("a", 2)), "2\n");
  crash();
  start(2);
  CAF_CHECK_EQUAL(text(add("a", 2)), "2\n");
  CAF_CHECK_EQUAL(value(), "5\n");
  CAF_CHECK_EQUAL(cluster->journal.items.size(), 2u);
}

CAF_TEST(an id that comes again with another request is refused) {
  start(1);
  add("a", 2);
  crash();
  start(2);
  auto x = add("a", 3);
  CAF_REQUIRE(x->size() == 1 && x->front().answer);
  auto code = x->front().answer->status();
  CAF_CHECK_EQUAL(code, 422u);
  CAF_CHECK_EQUAL(value(), "2\n");
}

CAF_TEST(an append whose answer is lost is sent again and counted once) {
  start();
  cluster->lost_answers = 2;
  auto x = add("a", 2);
  CAF_CHECK(x->empty());
  pass(300ms);
  CAF_CHECK_EQUAL(text(x), "2\n");
  CAF_CHECK_EQUAL(appends(), 3u);
  CAF_CHECK_EQUAL(cluster->journal.items.size(), 1u);
  CAF_CHECK_EQUAL(value(), "2\n");
}

CAF_TEST(what is durable without an answer is counted once by the next owner) {
  start(1);
  cluster->lost_answers = 1'000'000;
  auto x = add("a", 2);
  crash();
  CAF_CHECK_EQUAL(text(x), "unknown");
  cluster->lost_answers = 0;
  start(2);
  CAF_CHECK_EQUAL(text(add("a", 2)), "2\n");
  CAF_CHECK_EQUAL(value(), "2\n");
}

CAF_TEST(who is fenced refuses and stops) {
  start(1);
  add("a");
  cluster->journal.head.set_epoch(2);
  auto x = add("b");
  // It was on its way, and the gateway asks the new owner with the same id.
  CAF_CHECK_EQUAL(text(x), "unknown");
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  CAF_CHECK(!services->find(first));
  CAF_CHECK_EQUAL(cluster->journal.items.size(), 1u);
}

CAF_TEST(who is fenced does not say that an answer is gone) {
  start(1);
  add("a", 2);
  cluster->journal.head.set_epoch(2);
  // The new owner has it.
  CAF_CHECK_EQUAL(text(add("a", 2)), "not here");
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  CAF_CHECK(!services->find(first));
}

CAF_TEST(a class whose objects cannot be made is a failure with a reason) {
  make = []() -> std::unique_ptr<native_service> {
    throw std::runtime_error{"its settings are missing"};
  };
  start();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_FAILED);
  CAF_CHECK_EQUAL(
    news->back().why,
    "an object of its class cannot be made: its settings are missing");
}

CAF_TEST(large requests that wait are refused beyond a limit) {
  start();
  auto here = services->find(first);
  CAF_REQUIRE(here);
  auto answered = 0;
  auto refused = 0;
  for (auto i = 0; i < 70; ++i) {
    proto::ServiceCall x;
    x.set_method("GET");
    x.set_target("/");
    x.set_id("r" + std::to_string(i));
    x.set_body(std::string(size_t{1} << 20, ' '));
    here->handle(
      x, [&](const service_result& y) { ++(y.answer ? answered : refused); });
  }
  // So far they are in its mailbox.
  CAF_CHECK_EQUAL(answered, 0);
  CAF_CHECK_EQUAL(refused, 6);
  consume_messages();
  CAF_CHECK_EQUAL(answered, 64);
  CAF_CHECK_EQUAL(value(), "0\n");
}

CAF_TEST(after its lease an exclusive service answers nothing) {
  auto now = 100s;
  auto end = std::make_shared<lease_end>([&] { return now; });
  end->set(108s);
  lease = end;
  start();
  CAF_CHECK_EQUAL(value(), "0\n");
  // The node is frozen with a request that waits for its turn.
  auto x = std::make_shared<std::vector<service_result>>();
  proto::ServiceCall call;
  call.set_method("GET");
  call.set_target("/");
  call.set_id("late");
  services->find(first)->handle(
    call, [x](const service_result& y) { x->push_back(y); });
  now = 109s;
  consume_messages();
  CAF_CHECK_EQUAL(text(x), "not ready");
  CAF_CHECK(!services->find(first)->may_serve());
}

CAF_TEST(who is ended says why and answers nothing more) {
  start();
  cluster->refusals = 1'000;
  auto x = add("a");
  self->send(run, end_service{"it is elsewhere"});
  consume_messages();
  CAF_CHECK_EQUAL(text(x), "unknown");
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(news->back().why, "it is elsewhere");
}

CAF_TEST(who comes too late for its epoch stops) {
  cluster->journal.head.set_epoch(2);
  start(1);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  CAF_CHECK(!services->find(first));
}

CAF_TEST(a journal that cannot be reached is asked again) {
  cluster->refusals = 3;
  start();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STARTING);
  CAF_CHECK(!news->back().why.empty());
  pass(1s);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_READY);
}

CAF_TEST(a journal that cannot be understood is a failure) {
  cluster->journal.head.set_last(1);
  auto& item = cluster->journal.items.emplace_back();
  item.set_sequence(1);
  item.add_events("nonsense");
  start();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_FAILED);
  CAF_CHECK(news->back().why.find("nonsense") == std::string::npos);
  CAF_CHECK(news->back().why.find("event 1") != std::string::npos);
}

CAF_TEST(who leaves finishes first) {
  start();
  // What comes next has it tried again at once.
  cluster->refusals = 2;
  auto x = add("a");
  self->send(run, leave_service{});
  consume_messages();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_LEAVING);
  CAF_CHECK(!services->find(first));
  pass(200ms);
  CAF_CHECK_EQUAL(text(x), "1\n");
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
}

CAF_TEST(a service of intervals answers at once and leaves nothing behind) {
  spec.set_durability(proto::DURABLE_INTERVAL);
  spec.set_capture_interval_ms(3'600'000);
  start(1);
  CAF_CHECK_EQUAL(text(add("a")), "1\n");
  CAF_CHECK_EQUAL(text(add("b")), "2\n");
  CAF_CHECK_EQUAL(cluster->journal.items.size(), 0u);
  self->send(run, leave_service{});
  consume_messages();
  CAF_CHECK_EQUAL(cluster->journal.items.size(), 2u);
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  start(2);
  CAF_CHECK_EQUAL(value(), "2\n");
}

CAF_TEST(who has nothing to finish leaves at once) {
  start();
  self->send(run, leave_service{});
  consume_messages();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(appends(), 0u);
}

CAF_TEST(a snapshot is made of many events and the next owner begins with it) {
  snapshot_bytes = 5;
  start(1);
  for (auto i = 0; i < 8; ++i)
    add("id" + std::to_string(i), 2);
  auto& journal = cluster->journal;
  auto through = journal.head.snapshot();
  CAF_CHECK(through >= 5);
  CAF_CHECK_EQUAL(journal.snapshot, std::to_string(2 * through));
  crash();
  // What is behind the snapshot is not needed any more.
  for (uint64_t i = 0; i < through; ++i)
    journal.items[i].clear_events();
  start(2);
  CAF_CHECK_EQUAL(value(), "16\n");
  CAF_CHECK_EQUAL(text(add("id0", 2)), "2\n");
}

CAF_TEST(a snapshot that fails is made later) {
  snapshot_bytes = 2;
  start();
  add("a");
  add("b");
  // The append is durable, what reads the journal for the snapshot is not told.
  cluster->refused_reads = 1;
  CAF_CHECK_EQUAL(text(add("c")), "3\n");
  CAF_CHECK_EQUAL(status(), proto::SERVICE_READY);
  auto through = cluster->journal.head.snapshot();
  CAF_CHECK_EQUAL(through, 0u);
  add("d");
  through = cluster->journal.head.snapshot();
  CAF_CHECK_EQUAL(through, 4u);
  CAF_CHECK_EQUAL(value(), "4\n");
}

CAF_TEST(a snapshot that fails is not made again at once) {
  snapshot_bytes = 2;
  snapshot_pause = 1h;
  start();
  add("a");
  add("b");
  cluster->refused_reads = 1;
  for (auto i = 0; i < 5; ++i)
    add(std::to_string(i));
  auto through = cluster->journal.head.snapshot();
  CAF_CHECK_EQUAL(through, 0u);
  CAF_CHECK_EQUAL(cluster->refused_reads, 0);
  CAF_CHECK_EQUAL(value(), "7\n");
}

CAF_TEST(who leaves does not wait for a snapshot) {
  snapshot_bytes = 2;
  cluster->keeps_snapshots = true;
  start();
  for (auto i = 0; i < 3; ++i)
    add(std::to_string(i));
  CAF_REQUIRE_EQUAL(cluster->promises.size(), 1u);
  self->send(run, leave_service{});
  consume_messages();
  CAF_CHECK_EQUAL(status(), proto::SERVICE_STOPPED);
  self->send(link, fake_answer{0, refusal(ec::fenced, "it is over")});
  consume_messages();
}

CAF_TEST_FIXTURE_SCOPE_END()
