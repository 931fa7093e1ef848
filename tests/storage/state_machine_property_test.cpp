// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/storage/random_entries.hpp"
#include "tests/storage/table_laws.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

using namespace coppice;
using test::demand;

namespace {

#if defined(COPPICE_SANITIZE_THREAD) // One thread: it finds nothing here.
constexpr uint32_t short_runs = 20;
constexpr uint32_t long_runs = 1;
constexpr int long_history = 300;
#elif defined(COPPICE_SANITIZE_ADDRESS)
constexpr uint32_t short_runs = 300;
constexpr uint32_t long_runs = 2;
constexpr int long_history = 1'500;
#else
constexpr uint32_t short_runs = 2'000;
constexpr uint32_t long_runs = 4;
constexpr int long_history = 1'500;
#endif

std::string bytes(const std::vector<proto::Outcome>& xs) {
  std::string out;
  for (auto& x : xs)
    out += x.SerializeAsString() + "|";
  return out;
}

/// Lets one machine flush and fall over at random, and replay its log.
class shaky_replica {
public:
  explicit shaky_replica(uint32_t seed)
    : rng_(seed),
      machine_(options(static_cast<uint32_t>(rng_()))) {
    // nop
  }

  std::string apply(const proto::Entry& entry) {
    log_.push_back(entry);
    if (rng_() % 12 == 0)
      fall_over();
    if (rng_() % 8 == 0)
      test::unwrap(machine_.store().flush_now());
    return bytes(machine_.apply(log_.size(), entry));
  }

  const test::machine& machine() const {
    return machine_;
  }

  test::machine& machine() {
    return machine_;
  }

private:
  static tables_options options(uint32_t dice) {
    auto x = test::quick_tables();
    x.max_keys = 1 + dice % 60;
    return x;
  }

  void fall_over() {
    machine_.reopen();
    auto from = machine_.store().applied();
    demand(from < log_.size(), "nothing is applied that was not in the log");
    for (auto i = from + 1; i < log_.size(); ++i)
      machine_.apply(i, log_[i - 1]);
  }

  std::minstd_rand rng_;
  test::machine machine_;
  std::vector<proto::Entry> log_;
};

void run(uint32_t seed, int entries) {
  auto options = test::quick_tables();
  options.max_keys = 1'000'000; // Never flushes: all of it in memory.
  test::machine steady{options};
  shaky_replica shaky{seed * 31 + 7};
  test::random_entries random{seed, steady};
  test::table_laws law;
  for (auto i = 1; i <= entries; ++i) {
    auto entry = random.next();
    // As it would come off the wire.
    proto::Entry received;
    demand(received.ParseFromString(entry.SerializeAsString()), "parse");
    auto outcomes = steady.apply(static_cast<uint64_t>(i), entry);
    demand(bytes(outcomes) == shaky.apply(received), "equal outcomes");
    law.look(steady, entry, outcomes);
    if (i % 8 == 0)
      demand(test::dump(steady.store()) == test::dump(shaky.machine().store()),
             "equal tables");
  }
  test::unwrap(shaky.machine().store().flush_now());
  shaky.machine().reopen();
  demand(test::dump(steady.store()) == test::dump(shaky.machine().store()),
         "equal tables after a flush and a new start");
}

} // namespace

CAF_TEST(random commands keep the rules on each replica alike) {
  for (auto seed : test::seeds(short_runs)) {
    try {
      run(seed, 64);
    } catch (std::exception& e) {
      CAF_FAIL("seed " << seed << ": " << e.what());
    }
  }
}

CAF_TEST(long histories keep the rules as well) {
  for (auto seed : test::seeds(long_runs)) {
    try {
      run(1'000'000 + seed, long_history);
    } catch (std::exception& e) {
      CAF_FAIL("seed " << seed << ": " << e.what());
    }
  }
}
