// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/service_host.hpp"

#include "actors/services/counter.hpp"
#include "tests/actors/fake_cluster.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

const service_instance first{"counter", 0};

/// What a launcher is told to start; it starts nothing.
using launches = std::shared_ptr<std::vector<launch_command>>;

launcher_actor::behavior_type fake_launcher(launcher_actor::pointer,
                                            const launches& to) {
  return {
    [=](const launch_command& x) { to->push_back(x); },
    [](const stop_command&) {},
    [](const renew_command&) {},
  };
}

struct fixture : test_coordinator_fixture<> {
  fixture() {
    link = sys.spawn(fake_cluster_link, cluster);
  }

  ~fixture() {
    end(host);
    consume_messages();
    launched->clear();
    end(launcher);
    end(link);
    consume_messages();
  }

  template <class Handle>
  void end(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::kill);
    x = nullptr;
  }

  /// Starts SERVICE_HOST; it asks for the first time.
  void start() {
    service_host_options options;
    options.node = "n1";
    options.incarnation = 7;
    options.cluster = link;
    options.services = services;
    options.classes["counter"] = [] { return std::make_unique<counter>(); };
    options.threads = false;
    options.boot_time = boot_time;
    options.launcher = launcher;
    options.folder = folder.path();
    host = sys.spawn(service_host, options);
    self->send(host, listener_address{{"n1", 80}});
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

  /// The cluster knows of no service.
  proto::ServicesReply nothing() {
    proto::ServicesReply x;
    x.set_version(++version);
    x.set_lease_ms(10'000);
    return x;
  }

  /// There is one place, of this start of this node.
  proto::ServicesReply placed(uint64_t epoch, proto::ServiceStatus status
                                              = proto::SERVICE_PLACED) {
    auto x = nothing();
    auto& row = *x.add_services();
    row.set_number(1);
    row.mutable_spec()->set_name("counter");
    row.mutable_spec()->set_form(proto::NATIVE_SERVICE);
    auto& place = *row.add_places();
    place.set_node("n1");
    place.set_incarnation(7);
    place.set_epoch(epoch);
    place.set_status(status);
    return x;
  }

  /// Answers the question *i*, by default the last one.
  void answer(const proto::Reply& x, std::optional<size_t> i = {}) {
    CAF_REQUIRE(!cluster->promises.empty());
    self->send(link, fake_answer{i.value_or(cluster->promises.size() - 1), x});
    consume_messages();
  }

  void answer(const proto::ServicesReply& x, std::optional<size_t> i = {}) {
    proto::Reply reply;
    *reply.mutable_services() = x;
    answer(reply, i);
  }

  /// A request whose effect cannot become durable.
  void add_in_vain() {
    cluster->refusals = 1'000'000;
    proto::ServiceCall call;
    call.set_method("POST");
    call.set_target("/add");
    call.set_id("id");
    auto x = services->find(first);
    CAF_REQUIRE(x);
    x->handle(call, [](const service_result&) {});
    consume_messages();
  }

  size_t asked() const {
    return cluster->asked.size();
  }

  /// What the node said last of all that it has.
  proto::ServiceReport said() const {
    auto& x = cluster->asked.back();
    return x.reports_size() == 1 ? x.reports(0) : proto::ServiceReport{};
  }

  /// Returns whether an instance of that epoch takes requests here.
  bool runs(uint64_t epoch) const {
    auto x = services->find(first);
    return x && x->epoch == epoch;
  }

  fake_cluster_ptr cluster = std::make_shared<fake_cluster>();
  std::shared_ptr<local_services> services = std::make_shared<local_services>();
  temp_folder folder;
  launches launched = std::make_shared<std::vector<launch_command>>();
  launcher_actor launcher;
  fake_cluster_actor link;
  service_host_impl host;
  uint64_t version = 0;
  std::function<std::chrono::nanoseconds()> boot_time;
};

const auto no_leader = refusal(ec::not_leader, "they elect one");

} // namespace

CAF_TEST_FIXTURE_SCOPE(service_host_tests, fixture)

CAF_TEST(a node asks what it is to run and says who it is) {
  start();
  CAF_REQUIRE_EQUAL(asked(), 1u);
  auto& x = cluster->asked[0];
  CAF_CHECK_EQUAL(x.node(), "n1");
  CAF_CHECK_EQUAL(x.incarnation(), 7u);
  CAF_CHECK_EQUAL(x.known(), 0u);
  answer(nothing());
  CAF_REQUIRE_EQUAL(asked(), 2u);
  auto known = cluster->asked[1].known();
  CAF_CHECK_EQUAL(known, version);
}

CAF_TEST(a placed service is started and reported as ready) {
  start();
  answer(placed(3));
  CAF_CHECK(runs(3));
  auto x = said();
  CAF_CHECK_EQUAL(x.service(), "counter");
  CAF_CHECK_EQUAL(x.epoch(), 3u);
  CAF_CHECK_EQUAL(x.status(), proto::SERVICE_READY);
  CAF_CHECK_EQUAL(x.address(), "n1:80");
}

CAF_TEST(places of other nodes and other starts of this one are not run) {
  start();
  auto other = placed(3);
  other.mutable_services(0)->mutable_places(0)->set_node("n2");
  answer(other);
  auto former = placed(3);
  former.mutable_services(0)->mutable_places(0)->set_incarnation(6);
  answer(former);
  CAF_CHECK(!services->find(first));
  CAF_CHECK_EQUAL(cluster->asked.back().reports_size(), 0);
}

CAF_TEST(what is not listed any more is ended) {
  start();
  answer(placed(3));
  answer(nothing());
  CAF_CHECK(!services->find(first));
  auto status = said().status();
  CAF_CHECK_EQUAL(status, proto::SERVICE_STOPPED);
  // Once the cluster has heard it, nothing more is said of it.
  answer(nothing());
  CAF_CHECK_EQUAL(cluster->asked.back().reports_size(), 0);
}

CAF_TEST(what is to leave is reported as stopped) {
  start();
  answer(placed(3));
  answer(placed(3, proto::SERVICE_LEAVING));
  CAF_CHECK(!services->find(first));
  auto x = said();
  CAF_CHECK_EQUAL(x.status(), proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(x.epoch(), 3u);
  // It is not started again.
  answer(placed(3, proto::SERVICE_STOPPED));
  CAF_CHECK(!services->find(first));
}

CAF_TEST(a new epoch is started again) {
  start();
  answer(placed(3));
  answer(placed(4));
  CAF_CHECK(runs(4));
  auto x = said();
  CAF_CHECK_EQUAL(x.epoch(), 4u);
  CAF_CHECK_EQUAL(x.status(), proto::SERVICE_READY);
}

CAF_TEST(a class that the program lacks is a failure with a reason) {
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_native_class("abacus");
  answer(x);
  auto report = said();
  CAF_CHECK_EQUAL(report.status(), proto::SERVICE_FAILED);
  CAF_CHECK_EQUAL(report.why(),
                  "the program on node n1 has no service class 'abacus'");
}

CAF_TEST(a command without a launcher is a failure with a reason) {
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_form(proto::PROCESS_SERVICE);
  answer(x);
  auto report = said();
  CAF_CHECK_EQUAL(report.status(), proto::SERVICE_FAILED);
  CAF_CHECK_EQUAL(report.why(), "there is no launcher on node n1");
}

CAF_TEST(after a refusal it asks again and goes on with what it has) {
  start();
  answer(placed(3));
  auto before = asked();
  answer(no_leader);
  CAF_CHECK_EQUAL(asked(), before);
  pass(250ms);
  CAF_CHECK_EQUAL(asked(), before + 1);
  CAF_CHECK(runs(3));
}

CAF_TEST(an answer about something else is a refusal) {
  start();
  auto before = asked();
  answer(proto::Reply{});
  // Else the two would talk without end.
  CAF_CHECK_EQUAL(asked(), before);
  pass(250ms);
  CAF_CHECK_EQUAL(asked(), before + 1);
  pass(9s); // As above.
}

CAF_TEST(an old answer does not count) {
  start();
  answer(nothing());
  auto old = asked() - 1;
  auto news = placed(3);
  auto later = placed(4);
  answer(later, old);
  // What followed was asked with news of the instance.
  CAF_CHECK(runs(4));
  auto before = asked();
  CAF_REQUIRE(before > old + 2);
  answer(news, old + 1);
  CAF_CHECK(runs(4));
  CAF_CHECK_EQUAL(asked(), before);
}

CAF_TEST(an exclusive instance ends when nobody answers for its lease) {
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_exclusive(true);
  answer(x);
  CAF_REQUIRE(runs(3));
  for (auto i = 0; i < 7; ++i) {
    pass(1s);
    answer(no_leader);
  }
  CAF_CHECK(runs(3));
  pass(1500ms);
  CAF_CHECK(!services->find(first));
  auto report = said();
  CAF_CHECK_EQUAL(report.status(), proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(report.why(),
                  "no manager has answered for the time of its lease");
  // It is not started again in the same epoch.
  x.set_version(++version);
  answer(x);
  CAF_CHECK(!services->find(first));
}

CAF_TEST(answers renew the lease of an exclusive instance) {
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_exclusive(true);
  answer(x);
  for (auto i = 0; i < 10; ++i) {
    pass(2s);
    answer(x);
  }
  CAF_CHECK(runs(3));
}

CAF_TEST(a lease counts from the question and not from the answer) {
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_exclusive(true);
  answer(x);
  pass(6s);
  answer(x);
  CAF_CHECK(runs(3));
  pass(3s);
  CAF_CHECK(!services->find(first));
}

CAF_TEST(a lease ends while the machine is suspended) {
  auto now = std::chrono::nanoseconds{1h};
  boot_time = [&now] { return now; };
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_exclusive(true);
  answer(x);
  now += 7s;
  pass(200ms);
  CAF_CHECK(runs(3));
  now += 2s;
  pass(200ms);
  CAF_CHECK(!services->find(first));
}

CAF_TEST(after a freeze an exclusive instance is not served before its end) {
  auto now = std::chrono::nanoseconds{1h};
  boot_time = [&now] { return now; };
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_exclusive(true);
  answer(x);
  auto here = services->find(first);
  CAF_REQUIRE(here);
  CAF_CHECK(here->may_serve());
  now += 9s;
  // Nobody has noticed yet.
  CAF_CHECK(runs(3));
  CAF_CHECK(!here->may_serve());
  // An answer to what was asked since does not bring it back.
  auto old = asked() - 1;
  pass(200ms);
  CAF_CHECK(!runs(3));
  answer(x, old);
  answer(x);
  CAF_CHECK(!here->may_serve());
  CAF_CHECK(!runs(3));
}

CAF_TEST(a process is followed by its next epoch when it is gone) {
  launcher = sys.spawn(fake_launcher, launched);
  start();
  auto x = placed(3);
  x.mutable_services(0)->mutable_spec()->set_form(proto::PROCESS_SERVICE);
  answer(x);
  CAF_REQUIRE_EQUAL(launched->size(), 1u);
  x.set_version(++version);
  x.mutable_services(0)->mutable_places(0)->set_epoch(4);
  answer(x);
  answer(x);
  CAF_CHECK_EQUAL(launched->size(), 1u);
  CAF_CHECK(said().status() != proto::SERVICE_STOPPED);
  launch_event gone;
  gone.event.mutable_exited()->set_signal(SIGKILL);
  self->send((*launched)[0].observer, gone);
  consume_messages();
  CAF_REQUIRE_EQUAL(launched->size(), 2u);
  auto& next = (*launched)[1].start;
  auto is_next = std::any_of(
    next.environment().begin(), next.environment().end(),
    [](auto& y) { return y.name() == "COPPICE_EPOCH" && y.value() == "4"; });
  CAF_CHECK(is_next);
}

CAF_TEST(a process has the time that it takes to save its state) {
  launcher = sys.spawn(fake_launcher, launched);
  start();
  auto x = placed(3);
  auto& spec = *x.mutable_services(0)->mutable_spec();
  spec.set_form(proto::PROCESS_SERVICE);
  spec.set_state_path("/state");
  answer(x);
  CAF_REQUIRE_EQUAL(launched->size(), 1u);
  x.set_version(++version);
  x.mutable_services(0)->mutable_places(0)->set_status(proto::SERVICE_LEAVING);
  answer(x);
  pass(650s);
  auto why = said().why();
  CAF_CHECK_EQUAL(why, "");
  pass(15s);
  why = said().why();
  CAF_CHECK_EQUAL(why, "it did not leave in time");
}

CAF_TEST(others than exclusive ones go on without a manager) {
  start();
  answer(placed(3));
  pass(60s);
  CAF_CHECK(runs(3));
}

CAF_TEST(a node that stops has its services leave and says so) {
  start();
  answer(placed(3));
  self->send_exit(host, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(!services->find(first));
  auto status = said().status();
  CAF_CHECK_EQUAL(status, proto::SERVICE_STOPPED);
  auto before = asked();
  answer(nothing());
  pass(1s);
  CAF_CHECK_EQUAL(asked(), before);
}

CAF_TEST(a node that stops says of each service when it has stopped) {
  start();
  auto x = placed(3);
  auto& other = *x.add_services();
  other = x.services(0);
  other.set_number(2);
  other.mutable_spec()->set_name("idle");
  other.mutable_spec()->set_native_class("counter");
  answer(x);
  CAF_REQUIRE(services->find({"idle", 0}));
  add_in_vain();
  self->send_exit(host, caf::exit_reason::user_shutdown);
  consume_messages();
  auto& last = cluster->asked.back();
  CAF_REQUIRE_EQUAL(last.reports_size(), 2);
  CAF_CHECK_EQUAL(last.reports(0).service(), "counter");
  CAF_CHECK_EQUAL(last.reports(0).status(), proto::SERVICE_LEAVING);
  CAF_CHECK_EQUAL(last.reports(1).status(), proto::SERVICE_STOPPED);
  pass(9s); // It is not ended before.
}

CAF_TEST(a node that stops does not ask without a pause) {
  start();
  answer(placed(3));
  add_in_vain();
  self->send_exit(host, caf::exit_reason::user_shutdown);
  consume_messages();
  auto before = asked();
  answer(placed(3));
  CAF_CHECK_EQUAL(asked(), before);
  pass(250ms);
  CAF_CHECK_EQUAL(asked(), before + 1);
  pass(9s); // As above.
}

CAF_TEST(a node that stops does not wait for a service for ever) {
  start();
  answer(placed(3));
  add_in_vain();
  self->send_exit(host, caf::exit_reason::user_shutdown);
  consume_messages();
  pass(7s);
  auto before = asked();
  pass(2s);
  CAF_CHECK_EQUAL(asked(), before + 1);
  auto report = said();
  CAF_CHECK_EQUAL(report.status(), proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(report.why(),
                  "it did not finish in the time that a stop of its node has");
}

CAF_TEST_FIXTURE_SCOPE_END()
