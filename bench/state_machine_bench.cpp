// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "proto/command.pb.h"
#include "storage/state_machine/state_machine.hpp"
#include "storage/tables.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

// What applying costs per task: submit, lease and finish, and the removal of
// what ended long ago, in entries of 100 tasks. It bounds how many tasks a
// shard takes: at 20,000 per second, 1 us is 2 % of a core.

using namespace coppice;

namespace {

constexpr auto batch = 100;

std::filesystem::path new_folder() {
  // In the working folder: /tmp may be memory, and a flush is to reach a disk.
  auto text = (std::filesystem::current_path() / "bench-XXXXXX").string();
  if (!mkdtemp(text.data()))
    std::abort();
  return text;
}

template <class T>
T unwrap(result<T> x) {
  if (!x) {
    std::fprintf(stderr, "%s\n", to_string(x.error()).c_str());
    std::abort();
  }
  if constexpr (!std::is_void_v<T>)
    return std::move(x).value();
}

/// Makes entries and applies them.
class shard {
public:
  explicit shard(const tables_options& options)
    : folder_(new_folder()),
      tables_(unwrap(tables::open(folder_, options))) {
    proto::Entry x;
    x.add_commands()->mutable_register_()->set_node("worker-1");
    x.mutable_commands(0)->mutable_register_()->set_incarnation(1);
    apply(x);
  }

  ~shard() {
    tables_.reset();
    std::filesystem::remove_all(folder_);
  }

  void apply(const proto::Entry& x) {
    auto index = tables_->applied() + 1;
    unwrap(tables_->apply(
      [&](table_view& view) {
        outcomes_ = state_machine::apply(view, index, x);
      },
      {{index, 1}, {}}));
    tables_->flush_due(tables::time_point::clock::now());
  }

  /// Submits a batch; half a million and more wait afterwards if that is what
  /// the benchmark wants.
  proto::Entry submits(bool lease_at_once = false) {
    proto::Entry x;
    x.set_wall_ms(1'000'000);
    auto& command = *x.add_commands()->mutable_submit();
    for (auto i = 0; i < batch; ++i) {
      auto& item = *command.add_items();
      item.set_product("product");
      item.set_product_number(1);
      item.set_epoch(1);
      item.set_newest_epoch(1);
      item.set_kind("noop");
      item.set_idempotency_key("client-4711-" + std::to_string(++keys_));
      proto::TaskSpec spec;
      spec.set_kind("noop");
      spec.set_idempotency_key(item.idempotency_key());
      spec.set_text(std::string(70, 's'));
      item.set_spec(spec.SerializeAsString());
      if (lease_at_once) {
        item.set_lease_to_node("worker-1");
        item.set_lease_to_incarnation(1);
      }
    }
    return x;
  }

  proto::Entry leases() {
    proto::Entry x;
    x.set_wall_ms(1'000'000);
    auto& command = *x.add_commands()->mutable_lease();
    for (auto i = 0; i < batch; ++i) {
      auto& item = *command.add_items();
      set(*item.mutable_id(), leased_ + i);
      item.set_attempt(1);
      item.set_node("worker-1");
      item.set_incarnation(1);
    }
    leased_ += batch;
    return x;
  }

  proto::Entry finishes() {
    proto::Entry x;
    x.set_wall_ms(1'000'000);
    auto& command = *x.add_commands()->mutable_finish();
    for (auto i = 0; i < batch; ++i) {
      auto& item = *command.add_items();
      set(*item.mutable_id(), finished_ + i);
      item.set_attempt(1);
      item.set_outcome(proto::SUCCEEDED);
      item.set_reason(proto::COMPLETED);
      item.set_started(true);
      item.set_started_ms(1'000'001);
      item.set_reporter("worker-1");
    }
    finished_ += batch;
    return x;
  }

  /// Removes the oldest batch that has ended.
  proto::Entry forgets() {
    proto::Entry x;
    x.set_wall_ms(1'000'000);
    auto& command = *x.add_commands()->mutable_forget();
    for (auto i = 0; i < batch; ++i)
      set(*command.add_ids(), forgotten_ + i);
    forgotten_ += batch;
    return x;
  }

  void check_forgotten() const {
    if (outcomes_.at(0).forget().forgotten() != batch)
      std::abort();
  }

  void check() const {
    // A benchmark of refusals would be a fast one.
    auto& items = outcomes_.at(0).finish().items();
    if (items.Get(0).state() != proto::SUCCEEDED || items.Get(99).fenced())
      std::abort();
  }

  tables& store() {
    return *tables_;
  }

private:
  static void set(proto::TaskRef& to, uint64_t sequence) {
    to.set_product(1);
    to.set_epoch(1);
    to.set_sequence(sequence);
  }

  std::filesystem::path folder_;
  std::unique_ptr<tables> tables_;
  std::vector<proto::Outcome> outcomes_;
  uint64_t keys_ = 0;
  uint64_t leased_ = 1;
  uint64_t finished_ = 1;
  uint64_t forgotten_ = 1;
};

tables_options in_memory() {
  tables_options x;
  x.background = false;
  x.environment.flags = MDB_NOSYNC;
  x.max_age = std::chrono::hours{1};
  x.max_keys = size_t{1} << 40;
  x.max_bytes = size_t{1} << 40;
  return x;
}

/// The life of tasks, with *waiting* more in the queue; flushed as it is in
/// production, in the other thread.
void life(benchmark::State& state) {
  shard x{tables_options{}};
  for (auto n = state.range(0); n > 0; n -= batch)
    x.apply(x.submits());
  for (auto _ : state) {
    x.apply(x.submits());
    x.apply(x.leases());
    x.apply(x.finishes());
  }
  x.check();
  state.SetItemsProcessed(state.iterations() * batch);
}

/// The same, and as many tasks are removed that ended 20,000 tasks before, so
/// that they come from the disk: the difference is what history costs.
void life_with_history(benchmark::State& state) {
  shard x{tables_options{}};
  auto one_batch = [&] {
    x.apply(x.submits());
    x.apply(x.leases());
    x.apply(x.finishes());
  };
  for (auto n = 0; n < 20'000; n += batch)
    one_batch();
  for (auto _ : state) {
    one_batch();
    x.apply(x.forgets());
  }
  x.check_forgotten();
  state.SetItemsProcessed(state.iterations() * batch);
}

/// The same, each task leased by its submit: an idle cluster.
void short_life(benchmark::State& state) {
  shard x{tables_options{}};
  for (auto _ : state) {
    x.apply(x.submits(true));
    x.apply(x.finishes());
  }
  x.check();
  state.SetItemsProcessed(state.iterations() * batch);
}

/// What applying costs without any flush: 80 batches, then a new overlay.
void apply_only(benchmark::State& state) {
  while (state.KeepRunningBatch(80)) {
    state.PauseTiming();
    {
      shard x{in_memory()};
      std::vector<proto::Entry> entries;
      for (auto i = 0; i < 80; ++i) {
        entries.push_back(x.submits());
        entries.push_back(x.leases());
        entries.push_back(x.finishes());
      }
      state.ResumeTiming();
      for (auto& entry : entries)
        x.apply(entry);
      state.PauseTiming();
      x.check();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

/// What it costs to write a full overlay, by tasks that are there already.
void flush(benchmark::State& state) {
  auto options = in_memory();
  options.environment.flags = 0;
  shard x{options};
  for (auto n = state.range(0); n > 0; n -= batch) {
    x.apply(x.submits());
    if (n % 10'000 == 0)
      unwrap(x.store().flush_now());
  }
  unwrap(x.store().flush_now());
  constexpr auto batches = 20;
  for (auto _ : state) {
    state.PauseTiming();
    for (auto i = 0; i < batches; ++i) {
      x.apply(x.submits());
      x.apply(x.leases());
      x.apply(x.finishes());
    }
    state.ResumeTiming();
    unwrap(x.store().flush_now());
  }
  state.SetItemsProcessed(state.iterations() * batches * batch);
}

} // namespace

BENCHMARK(apply_only);
BENCHMARK(life)->Arg(0)->Arg(100'000)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(life_with_history)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(short_life)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(flush)->Arg(0)->Arg(500'000);

BENCHMARK_MAIN();
