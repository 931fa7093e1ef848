// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/workload.hpp"

#include "storage/lmdb_env.hpp"
#include "tests/process/support/real_node.hpp"

#include <sys/statfs.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <thread>

namespace coppice::bench {

using namespace coppice::test;

namespace {

constexpr size_t max_asked = 1'000;

bool is_tmpfs(const std::filesystem::path& dir) {
  constexpr long tmpfs_magic = 0x01021994;
  struct statfs info {};
  return ::statfs(dir.c_str(), &info) == 0 && info.f_type == tmpfs_magic;
}

proto::Request make_batch(const load& x, const std::string& product, int n) {
  proto::Request request;
  proto::TaskSpec spec;
  spec.set_kind("noop");
  spec.set_product(product);
  for (auto& label : x.labels)
    spec.add_labels(label);
  spec.set_text(std::string(60, 'x')); // About 100 bytes with key and kind.
  for (auto i = 0; i < n; ++i) {
    spec.set_idempotency_key(make_idempotency_key());
    request.mutable_submit()->add_specs(spec.SerializeAsString());
  }
  return request;
}

/// Submits in a closed loop.
class submitter {
public:
  submitter(client& c, const load& x) : client_(c), load_(x) {
    // nop
  }

  void run() {
    for (auto sent = 0; sent < load_.tasks; sent += load_.batch) {
      if (open_.size() == load_.outstanding)
        finish_one();
      auto& product = load_.products[turn_++ % load_.products.size()];
      auto n = std::min(load_.batch, load_.tasks - sent);
      auto now = clock_type::now();
      open_.push_back({client_.begin(make_batch(load_, product, n)), now});
    }
    while (!open_.empty())
      finish_one();
  }

  std::vector<double> submit_ms;

  /// The last ids; as many as a request may ask for. They end last, or the few
  /// that end after them do so in no time.
  std::deque<std::string> last;

private:
  struct flight {
    client::call_ptr call;
    clock_type::time_point begun;
  };

  void finish_one() {
    auto x = std::move(open_.front());
    open_.pop_front();
    auto reply = client_.finish(x.call);
    if (!reply || reply.value().has_error())
      throw std::runtime_error{"a submit failed"};
    submit_ms.push_back(seconds_since(x.begun) * 1e3);
    for (auto& item : reply.value().submit().items()) {
      if (item.has_error())
        throw std::runtime_error{"a submit failed: " + item.error().message()};
      last.push_back(item.id());
      if (last.size() > max_asked)
        last.pop_front();
    }
  }

  client& client_;
  const load& load_;
  std::deque<flight> open_;
  size_t turn_ = 0;
};

void await_success(client& c, const std::deque<std::string>& ids) {
  proto::Request request;
  for (auto& id : ids)
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

} // namespace

// -- figures ------------------------------------------------------------------

double seconds_since(clock_type::time_point x) {
  return std::chrono::duration<double>(clock_type::now() - x).count();
}

double percentile(std::vector<double> xs, double p) {
  std::sort(xs.begin(), xs.end());
  auto last = static_cast<double>(xs.empty() ? 0 : xs.size() - 1);
  return xs.empty() ? 0 : xs[static_cast<size_t>(p * last)];
}

double median(std::vector<double> xs) {
  return percentile(std::move(xs), 0.5);
}

// -- the disk -----------------------------------------------------------------

void use_disk(const std::filesystem::path& where) {
  if (is_tmpfs(where))
    throw std::runtime_error{where.string() + " is no real disk"};
  ::setenv("TMPDIR", where.c_str(), 1);
}

double lmdb_commits(const std::filesystem::path& dir,
                    std::chrono::milliseconds span) {
  auto env = lmdb_env::open(dir, {});
  if (!env)
    throw std::runtime_error{env.error().message};
  auto table = env.value().open_table("t", 0);
  if (!table)
    throw std::runtime_error{table.error().message};
  auto n = 0;
  auto begin = clock_type::now();
  while (clock_type::now() - begin < span) {
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

// -- tasks --------------------------------------------------------------------

throughput submit_all(client& c, const load& x) {
  submitter s{c, x};
  auto begin = clock_type::now();
  s.run();
  return {x.tasks / seconds_since(begin), std::move(s.submit_ms)};
}

throughput run_all(client& c, const load& x) {
  submitter s{c, x};
  auto begin = clock_type::now();
  s.run();
  await_success(c, s.last);
  return {x.tasks / seconds_since(begin), std::move(s.submit_ms)};
}

uint64_t count_succeeded(client& c, const std::string& product) {
  proto::Request request;
  request.mutable_list()->set_product(product);
  request.mutable_list()->add_states(proto::SUCCEEDED);
  request.mutable_list()->set_limit(1'000);
  uint64_t n = 0;
  do {
    auto reply = ask(c, request);
    n += static_cast<uint64_t>(reply.list().tasks_size());
    request.mutable_list()->set_after(reply.list().next());
  } while (!request.list().after().empty());
  return n;
}

double start_latency(client& c, const std::string& product,
                     const std::filesystem::path& journal) {
  proto::TaskSpec spec;
  spec.set_kind("sleep");
  spec.set_product(product);
  spec.mutable_sleep()->set_journal(journal.string());
  spec.set_idempotency_key(make_idempotency_key());
  auto size = [&] {
    std::error_code err;
    auto n = std::filesystem::file_size(journal, err);
    return err ? 0 : n;
  };
  auto before = size();
  proto::Request request;
  request.mutable_submit()->add_specs(spec.SerializeAsString());
  auto begin = clock_type::now();
  auto call = c.begin(std::move(request));
  while (size() == before) {
    // To spin would take a processor from those who are measured.
    std::this_thread::sleep_for(std::chrono::microseconds{50});
    if (seconds_since(begin) > 60)
      throw std::runtime_error{"a task does not start"};
  }
  auto result = seconds_since(begin) * 1e3;
  auto reply = c.finish(call);
  if (!reply)
    throw std::runtime_error{"a submit failed"};
  await_end(c, reply.value().submit().items(0).id());
  return result;
}

} // namespace coppice::bench
