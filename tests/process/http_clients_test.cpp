// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The scheduling client of the examples, against processes that are killed.

#include "tests/process/support/real_node.hpp"
#include "tests/support/http_socket.hpp"

#include <caf/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

constexpr int tasks = 20;

/// The client of the examples, as a process.
class python_client {
public:
  explicit python_client(uint16_t port) {
    auto url = "http://127.0.0.1:" + std::to_string(port);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execlp("python3", "python3", SCHEDULING_CLIENT, url.c_str(), "words-1",
               nullptr);
      ::_exit(127);
    }
  }

  ~python_client() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  python_client(const python_client&) = delete;
  python_client& operator=(const python_client&) = delete;

  bool runs() const {
    return ::waitpid(pid_, nullptr, WNOHANG) == 0;
  }

private:
  pid_t pid_;
};

/// Returns a text with so many words that its client reports progress.
std::string text_of(int words) {
  std::string result;
  for (auto i = 0; i < words; ++i)
    result += "w ";
  return result;
}

int words_of(int task) {
  return 2'000 + task;
}

struct fixture {
  fixture() {
    manager.set("node.roles", "manager");
    manager.start();
    gateway.start();
  }

  size_t succeeded(client& c) {
    proto::Request x;
    x.mutable_list()->add_states(proto::SUCCEEDED);
    return static_cast<size_t>(ask(c, x).list().tasks_size());
  }

  temp_folder folder;
  uint16_t port = free_port();
  real_node manager{folder.path(), "m1"};
  real_node gateway{folder.path(),
                    "g1",
                    {{"node.roles", "gateway"},
                     {"worker.managers", manager.address()},
                     {"http.listen", "127.0.0.1:" + std::to_string(port)}}};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_clients_tests, fixture)

CAF_TEST(a client in Python does each task once though nodes are killed) {
  auto c = connect(manager);
  python_client python{port};
  std::vector<proto::TaskSpec> specs;
  for (auto i = 0; i < tasks; ++i) {
    auto& spec = specs.emplace_back();
    spec.set_kind("words");
    spec.set_idempotency_key("k" + std::to_string(i));
    spec.set_text(text_of(words_of(i)));
    spec.mutable_retry()->set_attempts(20);
  }
  // Its kind is known when it has asked for tasks.
  CAF_REQUIRE(eventually([&] {
    proto::Request x;
    x.mutable_submit()->add_specs(specs[0].SerializeAsString());
    return !ask(*c, x).submit().items(0).has_error();
  }));
  auto ids = submit(*c, specs);
  CAF_REQUIRE_EQUAL(ids.size(), size_t{tasks});
  auto await = [&](size_t n) {
    CAF_CHECK(eventually([&] { return succeeded(*c) >= n; }, 120s));
  };
  await(3);
  CAF_CHECK(gateway.signal_node(SIGKILL));
  await(7);
  CAF_CHECK(manager.signal_node(SIGKILL));
  await(11);
  CAF_CHECK(gateway.signal_node(SIGKILL));
  CAF_CHECK(manager.signal_node(SIGKILL));
  await(tasks);
  CAF_CHECK(python.runs());
  for (auto i = 0; i < tasks; ++i) {
    auto task = get_task(*c, ids[static_cast<size_t>(i)]);
    auto& attempts = task.attempts();
    auto good = std::count_if(attempts.begin(), attempts.end(), [](auto& x) {
      return x.outcome() == proto::SUCCEEDED;
    });
    CAF_CHECK_EQUAL(good, 1);
    CAF_CHECK_EQUAL(task.result(), std::to_string(words_of(i)));
    for (auto& x : attempts)
      CAF_CHECK_EQUAL(x.node(), "client:words-1");
    CAF_MESSAGE(task.id() << ": " << attempts.size() << " attempts");
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
