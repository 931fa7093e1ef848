// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The disk of a manager is full, and has room again.

#include "tests/process/support/real_node.hpp"
#include "tests/process/support/small_disk.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

using namespace coppice;
using namespace coppice::test;

namespace {

constexpr uint64_t MiB = uint64_t{1} << 20;

/// What CTest takes for "skipped".
constexpr int skipped = 77;

/// Before the test engine has threads: a namespace is for a process with one.
const auto may_mount = [] {
  auto why = allow_mounts();
  if (why.empty())
    return true;
  std::fprintf(stderr, "SKIPPED: cannot mount a small disk here: %s\n",
               why.c_str());
  ::_exit(skipped);
}();

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Submits tasks from a thread of its own until it goes away, and takes note of
/// what was acknowledged.
class constant_load {
public:
  explicit constant_load(const real_node& node) : port_(node.port()) {
    thread_ = std::thread{[this] { run(); }};
  }

  ~constant_load() {
    stop();
  }

  void stop() {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
  }

  size_t count() const {
    std::unique_lock guard{lock_};
    return acknowledged_.size();
  }

  std::set<std::string> acknowledged() const {
    std::unique_lock guard{lock_};
    return acknowledged_;
  }

  /// What the cluster said in place of accepting.
  std::set<std::string> refusals() const {
    std::unique_lock guard{lock_};
    return refusals_;
  }

private:
  static proto::Request batch() {
    proto::Request x;
    for (auto i = 0; i < 10; ++i) {
      proto::TaskSpec spec;
      spec.set_kind("noop");
      spec.set_data(std::string(2'000, 'x'));
      spec.set_idempotency_key(make_idempotency_key());
      x.mutable_submit()->add_specs(spec.SerializeAsString());
    }
    return x;
  }

  void run() {
    client_options options;
    options.address = {"127.0.0.1", port_};
    options.persistence = options.answer = std::chrono::seconds{2};
    client c{options};
    auto request = batch();
    while (!stopping_) {
      auto reply = c.ask(request); // Again the same until it is accepted.
      std::unique_lock guard{lock_};
      if (!reply)
        continue;
      if (reply.value().has_error())
        refusals_.insert(reply.value().error().message());
      for (auto& item : reply.value().submit().items()) {
        if (item.has_error())
          refusals_.insert(item.error().message());
        else
          acknowledged_.insert(item.id());
      }
      if (!reply.value().has_error())
        request = batch();
    }
  }

  uint16_t port_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex lock_;
  std::set<std::string> acknowledged_;
  std::set<std::string> refusals_;
  std::thread thread_;
};

struct fixture {
  /// Starts a node on the small disk.
  void start(std::map<std::string, std::string> settings) {
    settings["data.dir"] = (disk.path() / "data").string();
    settings["worker.slots"] = "4";
    // Whoever takes a full disk for a crash soon gives up.
    settings["keeper.max_restarts"] = "3";
    node.emplace(folder.path(), "n1", settings);
    node->start();
    c = connect(*node);
  }

  command_result coppice(std::vector<std::string> words) {
    words.insert(words.begin() + 1, {"--connect", node->address()});
    return run_coppice(words);
  }

  /// Returns how often the node's log has *text*.
  int logged(const std::string& text) const {
    auto log = node->log();
    auto n = 0;
    for (auto i = log.find(text); i != std::string::npos;
         i = log.find(text, i + 1))
      ++n;
    return n;
  }

  /// Returns whether the node has said that it cannot write, and not yet that
  /// it can.
  bool struggles() const {
    auto log = node->log();
    auto cannot = log.rfind("tries again; nothing is answered meanwhile");
    if (cannot == std::string::npos)
      return false;
    auto over = [&](const char* text) {
      auto at = log.rfind(text);
      return at != std::string::npos && at > cannot;
    };
    return !over("can write again") && !over("node is ready");
  }

  /// Fills the disk to its last page until the node cannot write.
  bool fill_up() {
    return eventually([&] { return disk.leave(0) && struggles(); });
  }

  /// Kills all processes, and starts them again without a single free page.
  void start_on_full_disk() {
    node->kill_both();
    CAF_REQUIRE(disk.leave(0)); // Now nobody gives any back.
    node->start();
    CAF_REQUIRE(eventually(
      [&] { return logged("starts when there is free space") > 0; }));
  }

  /// Returns whether tasks are accepted again.
  static bool goes_on(const constant_load& load) {
    auto before = load.count();
    return eventually([&] { return load.count() > before + 50; });
  }

  /// Each task that was acknowledged is there, and has ended well by exactly
  /// one attempt. And no code of the database is for people, above all none
  /// that says that its map is full.
  void check_all(const constant_load& load) {
    size_t wrong = 0;
    for (auto& id : load.acknowledged()) {
      auto task = await_end(*c, id);
      auto good = 0;
      for (auto& attempt : task.attempts())
        good += attempt.outcome() == proto::SUCCEEDED;
      wrong += task.state() != proto::SUCCEEDED || good != 1;
    }
    CAF_CHECK_EQUAL(wrong, 0u);
    CAF_MESSAGE(load.count() << " tasks acknowledged");
    CAF_CHECK(!contains(node->log(), "MDB_"));
    for (auto& text : load.refusals())
      CAF_CHECK(!contains(text, "MDB_"));
  }

  temp_folder folder;
  small_disk disk{folder.path() / "disk", 64 * MiB};
  std::optional<real_node> node;
  std::unique_ptr<client> c;
};

/// No reserve, and maps that have to grow.
const std::map<std::string, std::string> no_reserve{
  {"storage.reserve", "0B"},
  {"storage.map_size", "1MiB"},
  {"raft.trailing_entries", "16"},
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(disk_full_tests, fixture)

CAF_TEST(below the reserve new work is refused and all else goes on) {
  start({{"storage.reserve", "16MiB"}});
  auto go = folder.path() / "go";
  proto::TaskSpec spec;
  spec.set_kind("exec");
  for (auto* word : {"sh", "-c"})
    spec.mutable_exec()->add_argv(word);
  spec.mutable_exec()->add_argv("until [ -e " + go.string()
                                + " ]; do sleep 0.02; done");
  auto running = submit(*c, {spec, spec}).at(1);
  CAF_REQUIRE(eventually(
    [&] { return get_task(*c, running).state() == proto::RUNNING; }));
  auto pid = node->node_pid();
  CAF_REQUIRE(eventually([&] { return disk.leave(8 * MiB); }));
  command_result said;
  CAF_REQUIRE(eventually([&] {
    said = coppice({"run", "--", "true"});
    return said.code != 0;
  }));
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK(contains(said.err, "less than storage.reserve is free on the disk"
                               " of"));
  CAF_CHECK(contains(said.err, "free some space"));
  auto tasks = coppice({"tasks"});
  CAF_CHECK_EQUAL(tasks.code, 0);
  CAF_CHECK(contains(tasks.out, running));
  std::ofstream{go}.flush();
  auto ended = await_end(*c, running);
  CAF_CHECK_EQUAL(ended.state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(coppice({"run", "--", "true"}).code, 4);
  disk.make_room();
  CAF_CHECK(eventually([&] {
    return coppice({"run", "--", "true"}).code == 0;
  }));
  CAF_CHECK(node->node_pid() == pid);
}

CAF_TEST(a disk that is full to the last page stops work until it has room) {
  start(no_reserve);
  constant_load load{*node};
  CAF_REQUIRE(eventually([&] { return load.count() >= 100; }));
  auto pid = node->node_pid();
  for (auto round = 0; round < 3; ++round) {
    CAF_REQUIRE(fill_up());
    CAF_CHECK_EQUAL(coppice({"tasks"}).code, 0);
    disk.make_room();
    CAF_CHECK(goes_on(load));
  }
  CAF_CHECK(node->node_pid() == pid);
  load.stop();
  check_all(load);
}

CAF_TEST(a node that dies on a full disk comes back when there is room) {
  start(no_reserve);
  constant_load load{*node};
  CAF_REQUIRE(eventually([&] { return load.count() >= 100; }));
  CAF_REQUIRE(fill_up());
  CAF_REQUIRE(node->signal_node(SIGKILL));
  disk.make_room();
  CAF_CHECK(goes_on(load));
  CAF_REQUIRE(fill_up());
  start_on_full_disk();
  disk.make_room();
  CAF_CHECK(goes_on(load));
  load.stop();
  check_all(load);
}

CAF_TEST(a node that starts with hardly any room is no crash either) {
  start(no_reserve);
  constant_load load{*node};
  CAF_REQUIRE(eventually([&] { return load.count() >= 100; }));
  CAF_REQUIRE(fill_up());
  start_on_full_disk();
  // Page by page: each of the things that a start writes is the first to fail.
  auto is_up = [&] { return logged("node is ready") > 1; };
  while (!eventually(is_up, std::chrono::milliseconds{700}))
    disk.give_back(4'096);
  CAF_CHECK_EQUAL(logged("started incarnation"), 2);
  disk.make_room();
  CAF_CHECK(goes_on(load));
  load.stop();
  check_all(load);
}

CAF_TEST_FIXTURE_SCOPE_END()
