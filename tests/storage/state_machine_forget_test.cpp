// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/task_state.hpp"
#include "tests/storage/random_entries.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <filesystem>
#include <limits>
#include <map>

using namespace coppice;
using test::demand;

namespace {

#if defined(COPPICE_SANITIZE_THREAD) // One thread: it finds nothing here.
constexpr uint32_t runs = 10;
#elif defined(COPPICE_SANITIZE_ADDRESS)
constexpr uint32_t runs = 100;
#else
constexpr uint32_t runs = 1'000;
#endif

constexpr int64_t keep_ms = 10'000;

/// The rows of all tables, by table and key.
using rows = std::map<std::string, std::string>;

/// Returns what of *xs* belongs to the task *id*.
rows rows_of(const rows& xs, const task_id& id) {
  std::string bytes;
  append_key(bytes, id);
  rows out;
  for (auto& [key, value] : xs) {
    auto by_value = key.starts_with("key/") && value == bytes;
    if (by_value || key.find(bytes) != std::string::npos)
      out.emplace(key, value);
  }
  return out;
}

struct fixture {
  /// A task that failed with all that a task can have.
  proto::TaskRef failed_task(const std::string& key = "k") {
    machine.enrol("n1", 1);
    auto id = machine.submit(test::machine::item(key)).id();
    machine.lease(id, 1);
    machine.save(id, 1, 1, 0, "ab");
    machine.save(id, 1, 1, 1, "c", 3);
    machine.finish(id, 1, proto::FAILED);
    machine.now_ms += 60'000;
    machine.wake(id);
    machine.lease(id, 2);
    machine.save(id, 2, 1, 0, "staged");
    machine.finish(id, 2, proto::FAILED);
    return id;
  }

  rows dump() {
    auto out = test::dump(machine.store());
    out.erase("meta/state_time");
    return out;
  }

  /// Forgets *id*, which must be refused, and change nothing.
  void check_kept(const proto::TaskRef& id, int64_t keep = keep_ms) {
    auto before = dump();
    auto out = machine.forget({id}, keep);
    CAF_CHECK_EQUAL(out.kept(), 1u);
    CAF_CHECK_EQUAL(out.forgotten(), 0u);
    auto after = dump();
    CAF_CHECK(before == after);
  }

  test::machine machine;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_forget_tests, fixture)

CAF_TEST(nothing of a forgotten task remains) {
  machine.enrol("n1", 1);
  auto other = machine.submit(test::machine::item("other")).id();
  auto before = dump();
  auto id = failed_task();
  CAF_CHECK_EQUAL(machine.row(id).state(), proto::FAILED);
  auto mine = rows_of(dump(), test::machine::key(id));
  // Task, spec, two attempts, key, head of the checkpoint and two chunks.
  CAF_CHECK_EQUAL(mine.size(), 8u);
  machine.now_ms += keep_ms;
  auto out = machine.forget({id}, keep_ms);
  CAF_CHECK_EQUAL(out.forgotten(), 1u);
  CAF_CHECK_EQUAL(out.kept(), 0u);
  auto after = dump();
  // But for the number that it had.
  std::erase_if(before, [](auto& x) { return x.first.starts_with("seq"); });
  std::erase_if(after, [](auto& x) { return x.first.starts_with("seq"); });
  CAF_CHECK(before == after);
  CAF_CHECK(machine.queued(other));
}

CAF_TEST(a task that has not ended is kept) {
  machine.enrol("n1", 1);
  auto queued = machine.submit().id();
  auto leased = machine.leased_task();
  auto paused = machine.leased_task();
  machine.finish(paused, 1, proto::FAILED);
  CAF_CHECK(machine.row(paused).due_ms() > 0);
  machine.now_ms += 100 * keep_ms;
  check_kept(queued);
  check_kept(leased);
  check_kept(paused);
  machine.cancel(leased);
  machine.now_ms += 100 * keep_ms;
  check_kept(leased); // It is asked to stop, no more.
}

CAF_TEST(a task is kept until its time has come) {
  auto id = failed_task();
  machine.now_ms += keep_ms - 1;
  check_kept(id);
  machine.now_ms += 1;
  CAF_CHECK_EQUAL(machine.forget({id}, keep_ms).forgotten(), 1u);
}

CAF_TEST(what makes no sense changes nothing) {
  auto id = failed_task();
  machine.now_ms += keep_ms;
  check_kept(id, -1);
  check_kept(id, std::numeric_limits<int64_t>::min());
  check_kept(id, std::numeric_limits<int64_t>::max());
  auto unknown = id;
  unknown.set_sequence(99);
  check_kept(unknown);
  check_kept({});
  CAF_CHECK_EQUAL(machine.forget({}, keep_ms).kept(), 0u);
}

CAF_TEST(a task is forgotten once) {
  auto id = failed_task();
  machine.now_ms += keep_ms;
  auto out = machine.forget({id, id}, keep_ms);
  CAF_CHECK_EQUAL(out.forgotten(), 1u);
  CAF_CHECK_EQUAL(out.kept(), 1u);
  check_kept(id);
}

CAF_TEST(a task that is retried lives on) {
  auto id = failed_task();
  machine.now_ms += keep_ms;
  machine.retry(id);
  check_kept(id);
  machine.cancel(id);
  check_kept(id); // Its end is new.
  machine.now_ms += keep_ms;
  CAF_CHECK_EQUAL(machine.forget({id}, keep_ms).forgotten(), 1u);
}

CAF_TEST(a key is free again and names another task then) {
  auto id = failed_task("k");
  CAF_CHECK(machine.submit(test::machine::item("k")).duplicate());
  machine.now_ms += keep_ms;
  machine.forget({id}, keep_ms);
  auto again = machine.submit(test::machine::item("k"));
  CAF_CHECK(!again.duplicate());
  CAF_CHECK(again.id().sequence() > id.sequence());
  // Nor does the new one go with the old one's second removal.
  check_kept(id);
  CAF_CHECK(machine.submit(test::machine::item("k")).duplicate());
}

CAF_TEST(the last key in a spec counts as it does for whoever parses it) {
  auto item = test::machine::item("first");
  item.set_spec(item.spec() + test::machine::item("second").spec());
  item.set_idempotency_key("second");
  auto id = machine.submit(item).id();
  machine.cancel(id);
  machine.now_ms += keep_ms;
  machine.forget({id}, keep_ms);
  auto left = rows_of(dump(), test::machine::key(id));
  CAF_CHECK(left.empty());
}

CAF_TEST(late news of a forgotten task are refused) {
  auto id = failed_task();
  machine.now_ms += keep_ms;
  machine.forget({id}, keep_ms);
  auto before = dump();
  CAF_CHECK(machine.finish(id, 2, proto::SUCCEEDED).fenced());
  CAF_CHECK_EQUAL(machine.node("n1").fenced(), 1u);
  auto fenced = static_cast<uint32_t>(ec::fenced);
  CAF_CHECK_EQUAL(machine.save(id, 2, 2, 0, "x", 1).code(), fenced);
  CAF_CHECK(!machine.lease(id, 3).granted());
  CAF_CHECK(!machine.wake(id).queued());
  auto text = "there is no task " + to_string(test::machine::key(id))
              + "; ended tasks are kept for history.keep";
  auto retried = machine.retry(id);
  CAF_CHECK_EQUAL(retried.error().message(), text);
  auto cancelled = machine.cancel(id);
  CAF_CHECK_EQUAL(cancelled.error().message(), text);
  auto after = dump();
  CAF_CHECK_EQUAL(before.size(), after.size());
}

CAF_TEST(after random histories exactly the rows of forgotten tasks are gone) {
  for (auto seed : test::seeds(runs)) {
    CAF_MESSAGE("seed " << seed);
    test::machine aut;
    test::random_entries random{seed, aut};
    for (uint64_t i = 1; i <= 80; ++i)
      aut.apply(i, random.next());
    auto expected = test::dump(aut.store());
    proto::Command command;
    command.mutable_forget()->set_keep_ms(seed % 20'000);
    aut.read([&](const table_view& view) {
      aut.now_ms = state_time_ms(view);
      for_each_task(view, {}, 0, [&](const task_id& id, auto& row) {
        *command.mutable_forget()->add_ids() = test::machine::ref(id);
        if (has_ended(row.state())
            && aut.now_ms - row.changed_ms() >= command.forget().keep_ms())
          for (auto& [key, value] : rows_of(expected, id))
            expected.erase(key);
        return true;
      });
      return 0;
    });
    aut.run(command);
    CAF_REQUIRE(test::dump(aut.store()) == expected);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

// -- disk ---------------------------------------------------------------------

namespace {

/// Submits, ends and forgets tasks, as many each time.
class constant_load {
public:
  constant_load() {
    machine_.enrol("n1", 1);
  }

  /// @returns Size of the tables on disk.
  uintmax_t round() {
    for (auto i = 0; i < 50; ++i) {
      auto item = test::machine::item("key-" + std::to_string(++count_));
      proto::TaskSpec spec;
      spec.ParseFromString(item.spec());
      spec.set_data(std::string(static_cast<size_t>(count_ % 7) * 700, 'x'));
      item.set_spec(spec.SerializeAsString());
      auto id = machine_.submit(item).id();
      machine_.lease(id, 1);
      machine_.save(id, 1, 1, 0, std::string(5'000, 'c'), 5'000);
      machine_.finish(machine_.ending(id, 1, proto::CANCELLED));
      ended_.push_back(id);
    }
    // What is forgotten has been on the disk.
    test::unwrap(machine_.store().flush_now());
    machine_.now_ms += keep_ms;
    machine_.forget(ended_, keep_ms);
    ended_.clear();
    test::unwrap(machine_.store().flush_now());
    return std::filesystem::file_size(machine_.dir() / "data.mdb");
  }

private:
  test::machine machine_;
  std::vector<proto::TaskRef> ended_;
  int count_ = 0;
};

} // namespace

CAF_TEST(the tables stop growing when as much is forgotten as is submitted) {
  constant_load load;
  uintmax_t early = 0;
  for (auto i = 0; i < 20; ++i)
    early = load.round();
  auto late = early;
  for (auto i = 0; i < 100; ++i)
    late = std::max(late, load.round());
  CAF_MESSAGE(early << " bytes after 20 rounds, at most " << late
                    << " in 100 further ones");
  CAF_CHECK_LESS_OR_EQUAL(late, early + early / 4);
}
