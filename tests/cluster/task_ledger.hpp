// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "runtime/task/product_route.hpp"
#include "storage/task_tables.hpp"
#include "tests/cluster/invariants.hpp"
#include "tests/cluster/replica_state.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// The promises that groups keep together, held against all that they have ever
/// done: a key is accepted once, in one shard, and an answer stays true.
class task_ledger {
public:
  /// Product and idempotency key.
  using key = std::pair<std::string, std::string>;

  // -- what happened ----------------------------------------------------------

  /// A replica of *group* applied the entry *index*. Equal entries must come to
  /// the same on each, whatever it lost and was given in between.
  void note_effect(size_t group, uint64_t index,
                   const replica_state::effect& x) {
    auto bytes = x.outcome.SerializeAsString();
    auto [known, first] = effects_.try_emplace({group, index}, bytes);
    if (known->second != bytes)
      throw violation{"replicas of group " + std::to_string(group)
                      + " differ at entry " + std::to_string(index)};
    if (!first || !x.command.has_submit())
      return;
    auto& item = x.command.submit().items(0);
    auto& said = x.outcome.submit().items(0);
    if (said.moved())
      ++moves_;
    else
      settle({item.product(), item.idempotency_key()}, said);
  }

  /// A client was told that its task is *said*.
  void note_answer(const key& x, const proto::SubmitOutcome::Item& said) {
    if (said.has_error() || said.moved())
      throw violation{name(x) + " is refused for ever"};
    auto owner = accepted_.find(x);
    if (owner == accepted_.end() || owner->second != id_of(said))
      throw violation{name(x) + " is answered with " + to_string(id_of(said))
                      + ", which was not accepted for it"};
    answered_[x] = id_of(said);
  }

  /// All is well again: what was accepted must be where its id says, and
  /// nowhere else.
  /// @param groups One replica of each group.
  void check_end(const std::vector<const replica_state*>& groups) const {
    auto products = groups[0]->read(
      [](const table_view& view) { return get_products(view); });
    size_t tasks = 0;
    for (uint32_t shard = 0; shard + 1 < groups.size(); ++shard)
      groups[shard + 1]->read([&](const table_view& view) {
        for_each_task(view, {}, 0, [&](const task_id& id, auto&) {
          ++tasks;
          auto& row = products.at(id.product - 1);
          if (shard_of(row, id.epoch) != shard)
            throw violation{"task " + to_string(id) + " is in shard "
                            + std::to_string(shard)};
          return true;
        });
        return 0;
      });
    if (tasks != accepted_.size())
      throw violation{std::to_string(tasks) + " tasks of "
                      + std::to_string(accepted_.size()) + " keys"};
    for (auto& [x, id] : accepted_)
      check_present(groups, products.at(id.product - 1), x, id);
  }

  // -- properties -------------------------------------------------------------

  const std::map<key, task_id>& answered() const {
    return answered_;
  }

  /// Returns how many submits came to a sealed binding.
  size_t moves() const {
    return moves_;
  }

private:
  static std::string name(const key& x) {
    return "key " + x.first + '/' + x.second;
  }

  static task_id id_of(const proto::SubmitOutcome::Item& x) {
    return {x.id().product(), x.id().epoch(), x.id().sequence()};
  }

  void settle(const key& x, const proto::SubmitOutcome::Item& said) {
    if (said.has_error())
      throw violation{name(x) + " is refused: " + said.error().message()};
    auto [known, added] = accepted_.try_emplace(x, id_of(said));
    if (known->second != id_of(said))
      throw violation{name(x) + " was accepted as " + to_string(known->second)
                      + " and as " + to_string(id_of(said))};
    if (added == said.duplicate())
      throw violation{name(x) + " is not as new as is said"};
  }

  static void check_present(const std::vector<const replica_state*>& groups,
                            const proto::ProductRow& product, const key& x,
                            const task_id& id) {
    for (auto shard : shards_of(product)) {
      auto found = groups[shard + 1]->read([&](const table_view& view) {
        return find_key(view, id.product, x.second);
      });
      auto expected = shard_of(product, id.epoch) == shard ? std::optional{id}
                                                           : std::nullopt;
      if (found != expected)
        throw violation{name(x) + " is not in one shard, as " + to_string(id)};
    }
  }

  std::map<std::pair<size_t, uint64_t>, std::string> effects_;
  std::map<key, task_id> accepted_;
  std::map<key, task_id> answered_;
  size_t moves_ = 0;
};

} // namespace coppice::test
