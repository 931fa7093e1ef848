// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Nodes cannot reach each other for a while, and nobody believes two of them.

#include "tests/process/support/network.hpp"
#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

/// Long enough for what works, and not for ever for what is cut off.
constexpr auto soon = 3s;

/// What CTest takes for "skipped".
constexpr int skipped = 77;

/// Before the test engine has threads: a namespace is for a process with one.
const auto may_cut = [] {
  auto why = allow_networks();
  if (why.empty())
    return true;
  std::fprintf(stderr, "SKIPPED: cannot have a network here: %s\n",
               why.c_str());
  ::_exit(skipped);
}();

struct fixture {
  fixture() {
    for (auto name : {"w1", "w2"})
      workers.push_back(
        std::make_unique<real_node>(managers.folder.path(), name,
                                    std::map<std::string, std::string>{
                                      {"node.roles", "worker"},
                                      {"worker.managers", managers.addresses()},
                                      {"keepalive.interval", "300ms"},
                                      {"lease.duration", "2s"}},
                                    COPPICE_BINARY, net.add()));
    managers.start();
    c = managers.connect_to_all();
  }

  /// Returns a client that knows nobody but *x*, and gives up soon.
  static std::unique_ptr<client> connect_to(const real_node& x) {
    client_options options;
    options.address = x.listens_at();
    options.patience = soon;
    options.persistence = soon;
    auto result = std::make_unique<client>(options);
    CAF_REQUIRE(result->connect());
    return result;
  }

  /// Returns a client that knows all managers but *x*.
  std::unique_ptr<client> connect_to_others_than(const real_node& x) const {
    std::vector<host_port> xs;
    for (auto& node : managers.nodes)
      if (node.get() != &x)
        xs.push_back(node->listens_at());
    client_options options;
    options.address = xs[0];
    options.others = {xs[1]};
    options.persistence = patience;
    return std::make_unique<client>(options);
  }

  proto::Node look(const std::string& worker) {
    return find_node(*c, worker);
  }

  size_t listed() {
    proto::Request request;
    request.mutable_list()->set_limit(1'000);
    return static_cast<size_t>(ask(*c, request).list().tasks_size());
  }

  // Before those who are in it.
  network net;
  real_cluster managers{{{"node.roles", "manager"},
                         {"keepalive.interval", "300ms"},
                         {"keepalive.limit", "1s"},
                         {"lease.duration", "2s"}},
                        {"a", "b", "c"},
                        &net};
  std::vector<std::unique_ptr<real_node>> workers;
  std::unique_ptr<client> c;
};

proto::Request get(const std::string& id) {
  proto::Request x;
  x.mutable_get()->add_ids(id);
  return x;
}

/// Returns whether nothing was said of what was asked.
bool knows_nothing(const result<proto::Reply>& x) {
  return !x || x.value().has_error()
         || (x.value().has_get() && x.value().get().items(0).has_error())
         || (x.value().has_submit() && x.value().submit().items(0).has_error());
}

proto::TaskSpec sleep_task(std::chrono::seconds time,
                           const std::filesystem::path& journal) {
  proto::TaskSpec x;
  x.set_kind("sleep");
  x.mutable_sleep()->mutable_duration()->set_seconds(time.count());
  x.mutable_sleep()->set_journal(journal.string());
  return x;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_tests, fixture)

CAF_TEST(a cut is silent and has a direction and an end) {
  auto at = managers.nodes[0]->listens_at();
  CAF_REQUIRE(eventually([&] { return bool{probe(at, soon)}; }));
  net.cut_one_way(at.host, workers[0]->host());
  CAF_CHECK(probe(at, soon));
  net.cut_one_way(at.host, net.here());
  auto said = probe(at, 100ms);
  CAF_REQUIRE(!said);
  CAF_MESSAGE(said.error().message);
  net.heal();
  CAF_CHECK(probe(at, patience));
}

CAF_TEST(a leader that is cut off from the others speaks for nobody) {
  auto known = submit(*c, {noop()}).front();
  auto& old = managers.leader();
  auto others = connect_to_others_than(old);
  CAF_CHECK(!knows_nothing(others->ask(get(known))));
  auto reader = connect_to(old);
  auto writer = connect_to(old);
  CAF_CHECK(!knows_nothing(reader->ask(get(known))));
  CAF_CHECK(!knows_nothing(writer->ask(get(known))));
  net.isolate(old.host(), net.here());
  // The old leader does not know it yet, and must not answer all the same.
  auto read = reader->begin(get(known));
  auto spec = noop();
  spec.set_idempotency_key("through the old leader");
  proto::Request request;
  request.mutable_submit()->add_specs(spec.SerializeAsString());
  auto written = writer->begin(request);
  auto id = submit(*others, {noop()}).front();
  CAF_CHECK(!knows_nothing(others->ask(get(id))));
  CAF_CHECK(knows_nothing(reader->finish(read)));
  CAF_CHECK(knows_nothing(writer->finish(written)));
  CAF_CHECK(managers.leader().name() != old.name());
  // Who is patient has it carried out by the new one: once, whatever became of
  // the first time.
  std::atomic<bool> answered = false;
  std::string late;
  std::thread patient{[&] {
    late = submit(*connect(old), {spec}).front();
    answered = true;
  }};
  CAF_CHECK(!knows_nothing(others->ask(get(known))));
  CAF_CHECK(!answered);
  net.heal();
  patient.join();
  auto again = submit(*others, {spec}).front();
  CAF_CHECK_EQUAL(again, late);
  CAF_CHECK(late != id);
  auto all = listed();
  CAF_CHECK_EQUAL(all, 3u);
  CAF_CHECK(eventually([&] { return votes(*c, old.name()); }));
}

CAF_TEST(a host that is cut off is down in time until it is reached again) {
  for (auto& x : workers)
    x->start();
  auto& lost = *workers[0];
  auto is_whole = [&] {
    return look("w1").state() == "healthy" && look("w2").state() == "healthy"
           && look("w1").connected() && look("w2").connected();
  };
  CAF_REQUIRE(eventually(is_whole));
  auto start = look("w1").incarnation();
  auto quickest = clock_type::duration::max();
  auto slowest = clock_type::duration::zero();
  // Often enough that it is not up to what else the cluster and this machine
  // do.
  for (auto round = 0; round < 3 || (quickest > 1100ms && round < 12);
       ++round) {
    auto first_cut = clock_type::now();
    for (auto& x : managers.nodes)
      net.cut(lost.host(), x->host());
    auto last_cut = clock_type::now();
    // Another manager that takes the lead meanwhile begins anew.
    CAF_REQUIRE(eventually([&] { return look("w1").state() == "down"; }));
    auto down = clock_type::now();
    quickest = std::min(quickest, down - last_cut);
    slowest = std::max(slowest, down - first_cut);
    auto said = run_coppice({"nodes", "--connect", managers.addresses()}).out;
    CAF_CHECK(contains(said, "it was silent for the keep-alive limit"));
    CAF_CHECK(eventually([&] {
      auto peer = run_coppice({"nodes", "--connect", workers[1]->address()});
      return peer.code == 0 && contains(peer.out, "down");
    }));
    net.heal();
    CAF_CHECK(eventually(is_whole));
    CAF_CHECK_EQUAL(look("w1").incarnation(), start);
  }
  CAF_CHECK(quickest <= 1100ms);
  // It was last heard of up to a fifth of the limit before, and earlier if this
  // machine stood still.
  CAF_CHECK(slowest >= 750ms);
}

CAF_TEST(a worker that is cut off for longer than its lease is not believed) {
  for (auto& x : workers)
    x->start();
  CAF_REQUIRE(eventually(
    [&] { return look("w1").connected() && look("w2").connected(); }));
  auto journal = managers.folder.path() / "journal";
  auto id = submit(*c, {sleep_task(3s, journal)}).front();
  CAF_REQUIRE(
    eventually([&] { return get_task(*c, id).state() == proto::RUNNING; }));
  auto lost = get_task(*c, id).node();
  auto& worker = lost == "w1" ? *workers[0] : *workers[1];
  for (auto& x : managers.nodes)
    net.cut(worker.host(), x->host());
  CAF_REQUIRE(eventually(
    [&] { return contains(read_file(journal), "end " + id + " 1\n"); }));
  CAF_REQUIRE(eventually([&] { return get_task(*c, id).attempt() == 2; }));
  net.heal();
  CAF_CHECK(eventually([&] {
    auto x = look(lost);
    return x.connected() && x.fenced() == 1;
  }));
  CAF_CHECK(eventually([&] { return look(lost).state() == "healthy"; }));
  auto task = await_end(*c, id);
  CAF_CHECK(task.state() == proto::SUCCEEDED);
  CAF_REQUIRE(task.attempts_size() == 2);
  CAF_CHECK(task.attempts(0).reason() == proto::LEASE_EXPIRED);
  CAF_CHECK(task.attempts(1).node() != lost);
  CAF_CHECK(contains(read_file(journal), "end " + id + " 2\n"));
  CAF_CHECK(look(lost).fenced() == 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
