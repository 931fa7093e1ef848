// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/bulk_submit.hpp"
#include "apps/commands/commands.hpp"
#include "tests/apps/fake_node.hpp"

#include <caf/test/dsl.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <sstream>
#include <streambuf>
#include <thread>

using namespace coppice;
using namespace std::chrono_literals;

using test::fake_node;

namespace {

/// What survives a fake node: its tasks, and what became of them.
class fake_store {
public:
  std::optional<proto::Reply> answer(const proto::Request& x) {
    std::lock_guard guard{mutex_};
    proto::Reply reply;
    if (x.has_submit())
      submit(x.submit(), *reply.mutable_submit());
    else if (x.has_get())
      get(x.get(), *reply.mutable_get());
    else if (x.has_list())
      list(x.list(), *reply.mutable_list());
    else if (x.has_cancel())
      change(x.cancel().ids(), *reply.mutable_cancel());
    else if (x.has_retry())
      change(x.retry().ids(), *reply.mutable_retry());
    else if (x.has_explain())
      *reply.mutable_explain()->mutable_task() = tasks_[x.explain().id()];
    else if (x.has_log())
      *reply.mutable_log() = output;
    else
      reply.mutable_error()->set_message("not here");
    return reply;
  }

  /// Lets every task end like this at the next look.
  void end_all(proto::TaskState state) {
    std::lock_guard guard{mutex_};
    for (auto& [id, task] : tasks_)
      task.set_state(state);
  }

  /// Gives every task a first attempt that ended then; 0: it has not.
  void add_attempts(int64_t ended_ms) {
    std::lock_guard guard{mutex_};
    for (auto& [id, task] : tasks_) {
      task.clear_attempts();
      task.add_attempts()->set_number(1);
      task.mutable_attempts(0)->set_ended_ms(ended_ms);
    }
  }

  /// What there is to read.
  proto::LogReply output;

  std::atomic<size_t> largest_batch{0};
  std::atomic<size_t> submits{0};
  /// What a spec of the kind "large" is refused with.
  ec large_code = ec::storage_failure;
  /// What new tasks are.
  std::atomic<proto::TaskState> born{proto::WAITING};

private:
  void submit(const proto::SubmitRequest& x, proto::SubmitReply& reply) {
    ++submits;
    largest_batch
      = std::max<size_t>(largest_batch, static_cast<size_t>(x.specs_size()));
    for (auto& bytes : x.specs()) {
      auto* item = reply.add_items();
      proto::TaskSpec spec;
      spec.ParseFromString(bytes);
      if (spec.kind() == "unknown") {
        item->mutable_error()->set_message("kind 'unknown' is not known");
        continue;
      }
      if (spec.kind() == "large") {
        item->mutable_error()->set_code(static_cast<uint32_t>(large_code));
        item->mutable_error()->set_message("there is no room");
        continue;
      }
      auto known = ids_.find(spec.idempotency_key());
      item->set_duplicate(known != ids_.end());
      if (known == ids_.end()) {
        auto id = "1.1." + std::to_string(ids_.size() + 1);
        known = ids_.emplace(spec.idempotency_key(), id).first;
        tasks_[id].set_id(id);
        tasks_[id].set_kind(spec.kind());
        tasks_[id].set_state(born);
      }
      item->set_id(known->second);
    }
  }

  void get(const proto::GetRequest& x, proto::GetReply& reply) {
    for (auto& id : x.ids()) {
      auto* item = reply.add_items();
      if (auto i = tasks_.find(id); i != tasks_.end())
        *item->mutable_task() = i->second;
      else
        item->mutable_error()->set_message("no task " + id);
    }
  }

  /// Changes nothing, and says that it did.
  void change(const auto& ids, auto& reply) {
    for (auto& id : ids) {
      auto* item = reply.add_items();
      item->set_id(id);
      auto i = tasks_.find(id);
      if (i == tasks_.end())
        item->mutable_error()->set_message("no task " + id);
      else if constexpr (requires { item->set_state(proto::WAITING); })
        item->set_state(i->second.state());
    }
  }

  void list(const proto::ListRequest& x, proto::ListReply& reply) {
    for (auto& [id, task] : tasks_) {
      if (!x.after().empty() && id <= x.after())
        continue;
      if (reply.tasks_size() == static_cast<int>(x.limit())) {
        reply.set_next(reply.tasks(reply.tasks_size() - 1).id());
        return;
      }
      *reply.add_tasks() = task;
    }
  }

  std::mutex mutex_;
  std::map<std::string, std::string> ids_;
  std::map<std::string, proto::Task> tasks_;
};

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

struct fixture {
  fixture() {
    start();
    port = node->port();
  }

  void start() {
    node = std::make_unique<fake_node>(
      [this](const proto::Request& x) { return store.answer(x); }, port);
  }

  /// Runs a command line as `coppice` would.
  exit_code run(std::vector<std::string> args) {
    out.str("");
    return run(std::move(args), out);
  }

  exit_code run(std::vector<std::string> args, std::ostream& to) {
    auto x = parse(args);
    CAF_REQUIRE(x);
    x.value().connection.address = {"127.0.0.1", port};
    err.str("");
    context ctx{x.value().connection, to, err};
    return x.value().run(ctx);
  }

  /// Submits *lines*.
  exit_code submit(const std::string& lines) {
    client_options options;
    options.address = {"127.0.0.1", port};
    options.patience = options.persistence = persistence;
    context ctx{options, out, err};
    std::istringstream input{lines};
    bulk_submit bulk{ctx, false};
    auto code = bulk.run(input);
    ids = bulk.ids();
    return code;
  }

  bool complains(const std::string& part) const {
    return err.str().find(part) != std::string::npos;
  }

  fake_store store;
  std::chrono::milliseconds persistence{60'000};
  uint16_t port = 0;
  std::unique_ptr<fake_node> node;
  std::ostringstream out;
  std::ostringstream err;
  std::vector<std::string> ids;
};

/// In milliseconds.
constexpr int64_t hour = 3'600'000;

std::string noop_line(int i) {
  return "{\"kind\":\"noop\",\"idempotencyKey\":\"k" + std::to_string(i)
         + "\"}\n";
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(client_commands_tests, fixture)

CAF_TEST(many lines are submitted in small batches and answered in order) {
  std::string lines;
  std::string expected;
  for (int i = 1; i <= 1'234; ++i) {
    lines += noop_line(i);
    expected += "1.1." + std::to_string(i) + "\n";
  }
  CAF_CHECK(submit(lines) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), expected);
  CAF_CHECK_EQUAL(ids.size(), 1'234u);
  CAF_CHECK_EQUAL(store.largest_batch.load(), 100u);
  CAF_CHECK(complains("1234 tasks accepted, 0 refused"));
}

CAF_TEST(bad lines are reported and the others go on) {
  CAF_CHECK(submit("\n" + noop_line(1) + "nonsense\n" + noop_line(2)
                   + "{\"kind\":\"unknown\"}\n{\"kind\":\"\xff\"}\n"
                     "{\"kind\":\"noop\",\"colour\":1}\n  \r\n"
                     "{\"kind\":\"noop\"}")
            == exit_code::refused);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n1.1.2\n1.1.3\n");
  for (auto part : {"line 3: not a task spec in JSON", "line 5: kind 'unknown'",
                    "line 6: invalid UTF-8 at byte 10",
                    "line 7: ", "3 tasks accepted, 4 refused"})
    CAF_CHECK(complains(part));
}

CAF_TEST(what is refused of a batch is told apart from what is accepted) {
  std::string large = "{\"kind\":\"large\"}\n";
  CAF_CHECK(submit(noop_line(1) + large + large + noop_line(2) + large)
            == exit_code::refused);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n1.1.2\n");
  CAF_CHECK_EQUAL(err.str(), "coppice: lines 2 to 3: there is no room\n"
                             "coppice: line 5: there is no room\n"
                             "2 tasks accepted, 3 refused\n");
}

CAF_TEST(lines whose fate is unknown are not called refused) {
  store.large_code = ec::deadline_exceeded;
  persistence = 100ms;
  CAF_CHECK(submit(noop_line(1) + "{\"kind\":\"large\"}\n")
            == exit_code::no_cluster);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n");
  CAF_CHECK(complains("line 2: there is no room"));
  CAF_CHECK(complains("1 task accepted (1 known already), 0 refused, 1 without "
                      "an answer"));
}

CAF_TEST(a second submit of the same keys names the same tasks) {
  CAF_CHECK(submit(noop_line(1) + noop_line(2)) == exit_code::success);
  CAF_CHECK(submit(noop_line(2) + noop_line(3)) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n1.1.2\n1.1.2\n1.1.3\n");
  CAF_CHECK(complains("2 tasks accepted (1 known already), 0 refused"));
}

CAF_TEST(a submit survives a node that dies in the middle) {
  constexpr int total = 20'000;
  std::string lines;
  for (int i = 1; i <= total; ++i)
    lines += "{\"kind\":\"noop\"}\n"; // The client makes the keys.
  std::thread killer{[this] {
    while (store.submits < 20)
      std::this_thread::yield();
    node.reset();
    start();
  }};
  auto code = submit(lines);
  killer.join();
  CAF_CHECK(code == exit_code::success);
  CAF_CHECK_EQUAL(ids.size(), static_cast<size_t>(total));
  // Each line is a task of its own, and none became two.
  CAF_CHECK_EQUAL(ids.back(), "1.1." + std::to_string(total));
}

CAF_TEST(without a cluster nothing is accepted) {
  node.reset();
  CAF_CHECK(run({"submit", "--patience=200ms", "/dev/null"})
            == exit_code::no_cluster);
  CAF_CHECK(complains("no cluster reached at 127.0.0.1:"));
  CAF_CHECK(complains("--connect and COPPICE_ADDRESS name another one"));
  CAF_CHECK(run({"tasks", "--patience=200ms"}) == exit_code::no_cluster);
}

CAF_TEST(a file that cannot be read is a usage error) {
  CAF_CHECK(run({"submit", "/no/such/file"}) == exit_code::usage);
  CAF_CHECK(run({"submit", "/"}) == exit_code::usage);
}

CAF_TEST(run prints the id and waits for the end) {
  CAF_CHECK(run({"run", "--", "true"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.1\n");
  store.born = proto::SUCCEEDED;
  CAF_CHECK(run({"run", "--wait", "--", "true"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.2\n");
  CAF_CHECK(complains("1.1.2 succeeded"));
  store.born = proto::FAILED;
  CAF_CHECK(run({"run", "--wait", "--json", "--", "true"})
            == exit_code::work_failed);
  CAF_CHECK_EQUAL(out.str(), "{\"id\":\"1.1.3\"}\n"
                             "{\"id\":\"1.1.3\",\"kind\":\"exec\","
                             "\"state\":\"FAILED\"}\n");
  CAF_CHECK(complains("coppice: 1.1.3 failed"));
}

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

CAF_TEST(an empty list says that it is empty) {
  CAF_CHECK(run({"tasks"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(), "no tasks\n");
  CAF_CHECK(run({"tasks", "--json"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str() + err.str(), "");
}

CAF_TEST(lists come in pages) {
  std::string lines;
  for (int i = 1; i <= 5; ++i)
    lines += noop_line(i);
  CAF_REQUIRE(submit(lines) == exit_code::success);
  CAF_CHECK(run({"tasks", "--limit=2", "--json"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(),
                  "{\"id\":\"1.1.1\",\"kind\":\"noop\",\"state\":\"WAITING\"}\n"
                  "{\"id\":\"1.1.2\",\"kind\":\"noop\",\"state\":\"WAITING\"}"
                  "\n");
  CAF_CHECK(complains("--after=1.1.2"));
  CAF_CHECK(run({"tasks", "--limit=2", "--all", "--json"})
            == exit_code::success);
  auto text = out.str();
  CAF_CHECK_EQUAL(std::count(text.begin(), text.end(), '\n'), 5);
}

CAF_TEST(what the cluster refuses ends with 4) {
  CAF_CHECK(run({"task", "7.7.7"}) == exit_code::refused);
  CAF_CHECK(complains("no task 7.7.7"));
  CAF_CHECK(run({"cancel", "7.7.7"}) == exit_code::refused);
  CAF_CHECK(run({"nodes"}) == exit_code::refused);
  CAF_CHECK(complains("not here"));
}

CAF_TEST(what becomes of each task is told) {
  store.born = proto::LEASED;
  CAF_REQUIRE(submit(noop_line(1)) == exit_code::success);
  store.born = proto::CANCELLED;
  CAF_REQUIRE(submit(noop_line(2)) == exit_code::success);
  CAF_CHECK(run({"cancel", "1.1.1", "1.1.2"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "1.1.1 is being stopped by its node\n"
                             "1.1.2 cancelled\n");
  CAF_CHECK(run({"retry", "1.1.2", "7.7.7"}) == exit_code::refused);
  CAF_CHECK_EQUAL(out.str(), "1.1.2 waits for another attempt\n");
  CAF_CHECK(complains("no task 7.7.7"));
  CAF_CHECK(run({"retry", "--json", "1.1.2"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "{\"id\":\"1.1.2\"}\n");
}

CAF_TEST(explain says where a task stands in a sentence) {
  auto id = 0;
  for (auto& [state, sentence] :
       {std::pair{proto::WAITING, "is waiting"},
        std::pair{proto::RUNNING, "is running"},
        std::pair{proto::SUCCEEDED, "has succeeded"},
        std::pair{proto::CANCELLED, "was cancelled"}}) {
    store.born = state;
    CAF_REQUIRE(submit(noop_line(++id)) == exit_code::success);
    auto name = "1.1." + std::to_string(id);
    CAF_CHECK(run({"explain", name}) == exit_code::success);
    CAF_CHECK_EQUAL(out.str(), name + " " + sentence + "\n");
  }
}

CAF_TEST(logs are printed as they are) {
  store.output.set_data("hello\n");
  store.output.set_next(6);
  store.output.set_attempt(1);
  store.output.set_complete(true);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(out.str(), "hello\n");
  CAF_CHECK_EQUAL(err.str(), "");
}

CAF_TEST(output that was never written is no error) {
  CAF_REQUIRE(submit(noop_line(1)) == exit_code::success);
  store.output.set_attempt(1);
  store.output.set_complete(true);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(), "attempt 1 of task 1.1.1 has written no output\n");
  store.output.set_missing(true);
  store.output.set_removed_until_ms(hour);
  store.add_attempts(3 * hour);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(), "attempt 1 of task 1.1.1 has written no output\n");
  store.add_attempts(0);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::success);
  CAF_CHECK_EQUAL(err.str(),
                  "attempt 1 of task 1.1.1 has written no output yet\n");
  CAF_CHECK_EQUAL(out.str(), "");
}

CAF_TEST(output that was removed is an error that says so) {
  CAF_REQUIRE(submit(noop_line(1)) == exit_code::success);
  store.output.set_attempt(1);
  store.output.set_missing(true);
  store.output.set_complete(true);
  store.output.set_removed_until_ms(3 * hour);
  store.add_attempts(hour);
  CAF_CHECK(run({"logs", "1.1.1"}) == exit_code::refused);
  CAF_CHECK(complains("has no output any more"));
  CAF_CHECK(complains("worker.logs_keep"));
}

CAF_TEST_FIXTURE_SCOPE_END()
