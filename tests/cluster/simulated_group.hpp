// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/product_route.hpp"
#include "storage/task_tables.hpp"
#include "tests/cluster/letter.hpp"
#include "tests/cluster/replica_state.hpp"
#include "tests/cluster/task_ledger.hpp"
#include "tests/cluster/world.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace coppice::test {

/// One group of several: a replica on each machine with its state, and those
/// who wait for an answer.
class simulated_group : public world_observer {
public:
  // -- member types -----------------------------------------------------------

  struct surroundings {
    task_ledger* ledger = nullptr;
    std::function<void(letter)> reply;
    /// A machine, by number, loses its power.
    std::function<void(uint64_t, milliseconds)> power_off;
  };

  // -- constructors, destructors, and assignment operators --------------------

  /// @param common As for `world`.
  simulated_group(size_t number, uint32_t seed, uint64_t founders,
                  const replica_options& common, uint64_t newcomers,
                  surroundings x)
    : aut(seed, founders, common, newcomers),
      number_(number),
      around_(std::move(x)),
      states_(founders + newcomers) {
    aut.observer = this;
  }

  simulated_group(const simulated_group&) = delete;

  simulated_group& operator=(const simulated_group&) = delete;

  // -- modifiers --------------------------------------------------------------

  /// Proposes what a letter asks of the machine that it came to.
  void take(letter x) {
    auto& member = at(x.to);
    if (!member.alive())
      return;
    if (x.question.has_product() && !x.question.product().rebind())
      choose_shard(x);
    proto::Entry entry;
    entry.set_wall_ms(wall_ms(member));
    *entry.add_commands() = x.question;
    if (auto position = aut.propose(member, entry.SerializeAsString()))
      waiting_[{position->term, position->index}] = std::move(x);
    else
      refuse(x);
  }

  void applied(simulated_member& x, bool acknowledged) override {
    auto last = x.tables.applied();
    auto effect = states_[x.id() - 1].follow(x);
    around_.ledger->note_effect(number_, last.index, effect);
    auto asked = waiting_.find({last.term, last.index});
    if (!acknowledged || asked == waiting_.end())
      return;
    around_.reply(answer_to(asked->second, std::move(effect.outcome)));
    waiting_.erase(asked);
  }

  void power_off(simulated_member& x, milliseconds pause) override {
    around_.power_off(x.id(), pause);
  }

  // -- properties -------------------------------------------------------------

  simulated_member& at(uint64_t machine) {
    return aut.members()[machine - 1];
  }

  /// Returns whom a machine takes for the leader; 0 if for nobody.
  uint64_t leader_for(uint64_t machine) {
    return at(machine).alive() ? at(machine).aut->leader() : 0;
  }

  bool is_led_by(uint64_t machine) {
    return at(machine).alive() && at(machine).aut->ready_to_lead();
  }

  /// Returns what a machine has applied.
  const replica_state& state(uint64_t machine) {
    auto& x = states_[machine - 1];
    x.follow(at(machine)); // A crash may have taken something since.
    return x;
  }

  world aut;

private:
  /// The clocks of machines do not agree.
  int64_t wall_ms(const simulated_member& x) const {
    auto time
      = std::chrono::duration_cast<milliseconds>(aut.now.time_since_epoch());
    return time.count() + static_cast<int64_t>(x.id() % 3) * 50;
  }

  void choose_shard(letter& x) {
    auto& command = *x.question.mutable_product();
    auto shards = state(x.to).read(
      [](const table_view& view) { return get_shards(view).size(); });
    if (shards > 0)
      command.set_shard(
        first_shard(command.name(), static_cast<uint32_t>(shards)));
  }

  void refuse(const letter& x) {
    proto::Outcome said;
    said.mutable_error()->set_message("not the leader");
    around_.reply(answer_to(x, std::move(said)));
  }

  size_t number_;
  surroundings around_;
  std::vector<replica_state> states_;
  /// By term and index of what was proposed for them.
  std::map<std::pair<uint64_t, uint64_t>, letter> waiting_;
};

} // namespace coppice::test
