// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Durable tasks per second: submit -> lease -> finish of `noop` tasks, one
// manager process and one worker process, every answer durable, every row kept.
// Rules: submits of at most 100 tasks, at most 8 outstanding, on a real disk.
// Beside it, measured in the same run: this machine's synchronous LMDB commits
// per second, and the latency from submit to the start of a task when idle.

#include "storage/lmdb_env.hpp"
#include "tests/process/support/real_node.hpp"

#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

using namespace coppice;
using namespace coppice::test;

namespace {

using clock_type = std::chrono::steady_clock;

constexpr int batch_size = 100;
constexpr size_t max_outstanding = 8;
constexpr int idle_samples = 300;

double seconds_since(clock_type::time_point x) {
  return std::chrono::duration<double>(clock_type::now() - x).count();
}

double percentile(std::vector<double> xs, double p) {
  std::sort(xs.begin(), xs.end());
  return xs.empty() ? 0 : xs[static_cast<size_t>(p * (xs.size() - 1))];
}

bool is_tmpfs(const std::filesystem::path& dir) {
  constexpr long tmpfs_magic = 0x01021994;
  struct statfs info {};
  return ::statfs(dir.c_str(), &info) == 0 && info.f_type == tmpfs_magic;
}

/// Synchronous commits of one 100-byte value per second.
double lmdb_commits(const std::filesystem::path& dir) {
  auto env = lmdb_env::open(dir, {});
  if (!env)
    throw std::runtime_error{env.error().message};
  auto table = env.value().open_table("t", 0);
  if (!table)
    throw std::runtime_error{table.error().message};
  auto n = 0;
  auto begin = clock_type::now();
  while (seconds_since(begin) < 3) {
    auto done = env.value().write([&](lmdb_txn& txn) {
      return txn.put(table.value(), "key" + std::to_string(n % 1000),
                     std::string(100, 'x'));
    });
    if (!done)
      throw std::runtime_error{done.error().message};
    ++n;
  }
  return n / seconds_since(begin);
}

proto::Request make_batch(int n) {
  proto::Request request;
  proto::TaskSpec spec;
  spec.set_kind("noop");
  spec.set_text(std::string(60, 'x')); // About 100 bytes with key and kind.
  for (auto i = 0; i < n; ++i) {
    spec.set_idempotency_key(make_idempotency_key());
    request.mutable_submit()->add_specs(spec.SerializeAsString());
  }
  return request;
}

struct throughput {
  double tasks_per_second = 0;
  std::vector<double> submit_ms;
};

/// Waits until all tasks up to the last one have succeeded.
void await_all(client& c, const std::vector<std::string>& last) {
  proto::Request request;
  for (auto& id : last)
    request.mutable_get()->add_ids(id);
  auto done = eventually([&] {
    auto reply = ask(c, request);
    for (auto& item : reply.get().items())
      if (item.task().state() != proto::SUCCEEDED)
        return false;
    return true;
  });
  if (!done)
    throw std::runtime_error{"the tasks do not end"};
}

/// Counts what succeeded, page by page.
int count_succeeded(client& c) {
  proto::Request request;
  request.mutable_list()->set_limit(1'000);
  auto n = 0;
  do {
    auto reply = ask(c, request);
    for (auto& task : reply.list().tasks())
      n += task.state() == proto::SUCCEEDED ? 1 : 0;
    request.mutable_list()->set_after(reply.list().next());
  } while (!request.list().after().empty());
  return n;
}

throughput run_tasks(client& c, int tasks) {
  struct flight {
    client::call_ptr call;
    clock_type::time_point begun;
  };
  throughput result;
  std::deque<flight> open;
  std::vector<std::string> last;
  auto finish_one = [&] {
    auto reply = c.finish(open.front().call);
    if (!reply || reply.value().has_error())
      throw std::runtime_error{"a submit failed"};
    result.submit_ms.push_back(seconds_since(open.front().begun) * 1e3);
    open.pop_front();
    last.clear();
    for (auto& item : reply.value().submit().items()) {
      if (item.has_error())
        throw std::runtime_error{"a submit failed: " + item.error().message()};
      last.push_back(item.id());
    }
  };
  auto begin = clock_type::now();
  for (auto sent = 0; sent < tasks; sent += batch_size) {
    if (open.size() == max_outstanding)
      finish_one();
    auto now = clock_type::now();
    open.push_back(
      {c.begin(make_batch(std::min(batch_size, tasks - sent))), now});
  }
  while (!open.empty())
    finish_one();
  await_all(c, last);
  result.tasks_per_second = tasks / seconds_since(begin);
  return result;
}

/// Milliseconds from the submit to the line that the task writes first.
double idle_latency(client& c, const std::filesystem::path& journal) {
  proto::TaskSpec spec;
  spec.set_kind("sleep");
  spec.mutable_sleep()->set_journal(journal.string());
  auto size = [&] {
    std::error_code err;
    auto n = std::filesystem::file_size(journal, err);
    return err ? 0 : n;
  };
  auto before = size();
  auto begin = clock_type::now();
  proto::Request request;
  spec.set_idempotency_key(make_idempotency_key());
  request.mutable_submit()->add_specs(spec.SerializeAsString());
  auto call = c.begin(std::move(request));
  while (size() == before)
    ;
  auto result = seconds_since(begin) * 1e3;
  auto reply = c.finish(call);
  await_end(c, reply.value().submit().items(0).id());
  return result;
}

int run(int tasks, const std::filesystem::path& where) {
  ::setenv("TMPDIR", where.c_str(), 1);
  temp_folder folder;
  if (is_tmpfs(folder.path()))
    throw std::runtime_error{where.string() + " is no real disk"};
  auto commits = lmdb_commits(folder.path() / "reference");
  real_node manager{folder.path(), "manager", {{"node.roles", "manager"}}};
  real_node worker{folder.path(),
                   "worker",
                   {{"node.roles", "worker"},
                    {"worker.slots", "1000"},
                    {"worker.managers", manager.address()}}};
  manager.start();
  auto c = connect(manager);
  if (!c->connect())
    throw std::runtime_error{"the manager does not start"};
  worker.start();
  auto first = submit(*c, {[] {
    proto::TaskSpec x;
    x.set_kind("noop");
    return x;
  }()});
  await_end(*c, first.at(0));
  auto busy = run_tasks(*c, tasks);
  auto succeeded = count_succeeded(*c);
  if (succeeded != tasks + 1)
    throw std::runtime_error{"only " + std::to_string(succeeded)
                             + " tasks succeeded"};
  std::vector<double> idle;
  for (auto i = 0; i < idle_samples; ++i)
    idle.push_back(idle_latency(*c, folder.path() / "journal"));
  std::printf("tasks                         %d (all succeeded, rows kept)\n"
              "tasks/s                       %.0f\n"
              "LMDB synchronous commits/s    %.0f\n"
              "ratio                         %.2f\n"
              "submit (100 tasks) p50, p99   %.1f ms, %.1f ms\n"
              "idle submit -> start p50, p99 %.2f ms, %.2f ms (%d samples)\n",
              tasks, busy.tasks_per_second, commits,
              busy.tasks_per_second / commits, percentile(busy.submit_ms, 0.5),
              percentile(busy.submit_ms, 0.99), percentile(idle, 0.5),
              percentile(idle, 0.99), idle_samples);
  worker.stop();
  manager.stop();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  auto tasks = argc > 1 ? std::atoi(argv[1]) : 200'000;
  auto where = argc > 2 ? std::filesystem::path{argv[2]}
                        : std::filesystem::current_path();
  try {
    return run(tasks, where);
  } catch (const std::exception& x) {
    std::fprintf(stderr, "task_throughput: %s\n", x.what());
    return 1;
  }
}
