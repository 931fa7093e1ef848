// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/apps/client_commands_fixture.hpp"

#include <condition_variable>
#include <mutex>
#include <ostream>
#include <streambuf>
#include <string>
#include <thread>

using namespace coppice;

using test::noop_line;

namespace {

/// Output that another thread can wait for.
class awaited_output : public std::streambuf {
public:
  void wait_for(const std::string& part) {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [&] { return text_.find(part) != std::string::npos; });
  }

  std::string text() {
    std::lock_guard guard{mutex_};
    return text_;
  }

protected:
  std::streamsize xsputn(const char* bytes, std::streamsize n) override {
    std::lock_guard guard{mutex_};
    text_.append(bytes, static_cast<size_t>(n));
    changed_.notify_all();
    return n;
  }

  int_type overflow(int_type c) override {
    auto byte = traits_type::to_char_type(c);
    xsputn(&byte, 1);
    return c;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(watch_command_tests, test::client_commands_fixture)

CAF_TEST(watch goes on after the node was away) {
  CAF_REQUIRE(submit(noop_line(1) + noop_line(2)) == exit_code::success);
  awaited_output shown;
  std::thread killer{[&] {
    shown.wait_for("1.1.2 waiting");
    node.reset();
    store.end_all(proto::SUCCEEDED);
    shown.wait_for("reconnecting");
    start();
  }};
  std::ostream to{&shown};
  auto code = run({"watch"}, to);
  killer.join();
  CAF_CHECK(code == exit_code::success);
  auto text = shown.text();
  for (auto part : {"1.1.1 waiting", "reconnecting: no cluster reached",
                    "connected again", "1.1.2 succeeded"})
    CAF_CHECK(text.find(part) != std::string::npos);
}

CAF_TEST(watch ends with the failure of a task) {
  store.born = proto::CANCELLED;
  CAF_REQUIRE(submit(noop_line(1)) == exit_code::success);
  CAF_CHECK(run({"watch", "1.1.1"}) == exit_code::work_failed);
  CAF_CHECK(run({"watch", "9.9.9"}) == exit_code::refused);
}

CAF_TEST_FIXTURE_SCOPE_END()
