// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/cluster/letter.hpp"
#include "tests/cluster/simulated_network.hpp"
#include "tests/cluster/task_ledger.hpp"
#include "tests/storage/machine.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// Who submits, each task with a key of its own, and asks again by way of any
/// machine until there is an answer.
class simulated_clients {
public:
  /// @param self Their address; those of machines are lower, from 1 on.
  simulated_clients(uint64_t self, dice& chance, task_ledger& ledger)
    : self_(self),
      chance_(&chance),
      ledger_(&ledger) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  void submit_new(const std::string& product, time_point now) {
    jobs_.push_back({{product, std::to_string(jobs_.size())}, now});
  }

  /// Somebody has forgotten that he has an answer.
  void submit_again(time_point now) {
    if (!jobs_.empty()) {
      auto& x = jobs_[chance_->below(static_cast<uint32_t>(jobs_.size()))];
      x.next_try = std::min(x.next_try, now);
    }
  }

  /// Sends what is due at *now*.
  void run(time_point now, const std::function<void(letter)>& send) {
    for (auto& x : jobs_) {
      if (x.next_try > now)
        continue;
      x.next_try = now + pause();
      letter y;
      y.number = static_cast<uint64_t>(&x - jobs_.data());
      y.to_be_routed = true;
      y.from = self_;
      y.to = 1 + chance_->below(static_cast<uint32_t>(self_ - 1));
      auto& item = *y.question.mutable_submit()->add_items();
      item = machine::item(x.key.second);
      item.set_product(x.key.first);
      send(std::move(y));
    }
  }

  void take_answer(const letter& x) {
    if (x.answer.has_error() || !x.answer.has_submit())
      return; // Nobody knows, and it asks again.
    auto& asked = jobs_.at(x.number);
    ledger_->note_answer(asked.key, x.answer.submit().items(0));
    asked.next_try = time_point::max();
  }

  // -- properties -------------------------------------------------------------

  bool all_answered() const {
    return ledger_->answered().size() == jobs_.size();
  }

private:
  struct job {
    task_ledger::key key;
    time_point next_try;
  };

  milliseconds pause() {
    return chance_->between(milliseconds{10}, milliseconds{400});
  }

  uint64_t self_;
  dice* chance_;
  task_ledger* ledger_;
  std::vector<job> jobs_;
};

} // namespace coppice::test
