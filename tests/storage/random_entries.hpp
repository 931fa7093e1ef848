// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/service_tables.hpp"
#include "tests/storage/machine.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// Makes commands that are often right and sometimes wrong in some detail.
class random_entries {
public:
  random_entries(uint32_t seed, const machine& peek) : rng_(seed), peek_(peek) {
    // nop
  }

  proto::Entry next() {
    tasks_ = peek_.read([](const table_view& view) {
      std::vector<std::pair<task_id, proto::TaskRow>> out;
      for_each_task(view, {}, 0, [&](const task_id& id, auto& row) {
        out.emplace_back(id, row);
        return true;
      });
      return out;
    });
    // Mostly forward, sometimes back: another leader's clock.
    now_ms_ += static_cast<int64_t>(below(3'000)) - 300;
    proto::Entry x;
    x.set_wall_ms(now_ms_);
    for (auto n = below(4); n > 0; --n)
      fill(*x.add_commands());
    return x;
  }

private:
  uint32_t below(uint32_t n) {
    return static_cast<uint32_t>(rng_() % n);
  }

  std::string node() {
    return "n" + std::to_string(1 + below(3));
  }

  /// A task, preferably one in *state*; sometimes one that is not there.
  std::pair<task_id, proto::TaskRow> task(proto::TaskState state) {
    if (tasks_.empty() || below(20) == 0)
      return {{1 + below(2), 1, 1 + below(9)}, {}};
    for (auto tries = 0; tries < 6; ++tries) {
      auto& x = tasks_[below(static_cast<uint32_t>(tasks_.size()))];
      if (x.second.state() == state)
        return x;
    }
    return tasks_[below(static_cast<uint32_t>(tasks_.size()))];
  }

  void set(proto::TaskRef& to, const task_id& x) {
    to.set_product(x.product);
    to.set_epoch(x.epoch);
    to.set_sequence(x.sequence);
  }

  /// *x*, sometimes one more or less.
  uint32_t about(uint32_t x) {
    auto dice = below(12);
    return dice == 0 ? x + 1 : dice == 1 && x > 0 ? x - 1 : x;
  }

  void fill(proto::Command& x) {
    switch (below(14)) {
      case 0:
        return fill(*x.mutable_register_());
      case 1:
        return fill(*x.mutable_submit());
      case 2:
      case 3:
        return fill(*x.mutable_lease());
      case 4:
      case 5:
        return fill(*x.mutable_finish());
      case 6:
        if (below(2) == 0)
          return set(*x.mutable_cancel()->add_ids(), task(proto::LEASED).first);
        return set(*x.mutable_retry()->add_ids(), task(proto::FAILED).first);
      case 7:
        for (auto& [id, row] : tasks_)
          if (row.due_ms() != 0)
            set(*x.mutable_wake()->add_ids(), id);
        return;
      case 8:
        return fill(*x.mutable_checkpoint());
      case 9:
        return fill(*x.mutable_forget());
      case 10:
        if (below(3) == 0)
          x.mutable_shard()->add_founders(1); // Services need one.
        else
          fill(*x.mutable_service());
        return;
      case 11:
      case 12:
        return fill(*x.mutable_journal());
      default:
        return; // A command from a newer peer.
    }
  }

  void fill(proto::RegisterCommand& x) {
    x.set_node(node());
    x.set_incarnation(1 + below(4) + static_cast<uint32_t>(now_ms_ / 20'000));
    auto& kind = *x.add_kinds();
    kind.set_name(below(2) ? "noop" : "exec");
    kind.mutable_retry()->set_attempts(1 + below(4));
  }

  void fill(proto::SubmitCommand& x) {
    for (auto n = below(3) + 1; n > 0; --n) {
      auto key = below(2) ? "k" + std::to_string(below(6)) : std::string{};
      auto& item = *x.add_items();
      item = machine::item(key);
      item.set_product(below(3) ? "p" : "q");
      item.set_product_number(item.product() == "p" ? 1 : 2);
      item.set_epoch(1 + below(2));
      item.set_newest_epoch(item.epoch() + (below(20) == 0 ? 1 : 0));
      if (below(4) == 0)
        item.set_spec(item.spec() + item.spec());
      item.set_priority(static_cast<int32_t>(below(23)) - 11);
      if (below(3) == 0)
        item.add_labels("gpu=yes");
      if (below(3) == 0) {
        item.set_lease_to_node(node());
        item.set_lease_to_incarnation(incarnation(item.lease_to_node()));
      }
    }
  }

  uint64_t incarnation(const std::string& name) {
    return about(static_cast<uint32_t>(peek_.node(name).incarnation()));
  }

  void fill(proto::LeaseCommand& x) {
    for (auto n = below(4); n > 0; --n) {
      auto [id, row] = task(proto::WAITING);
      auto& item = *x.add_items();
      set(*item.mutable_id(), id);
      item.set_attempt(about(row.attempt() + 1));
      item.set_node(node());
      item.set_incarnation(incarnation(item.node()));
    }
  }

  void fill(proto::FinishCommand& x) {
    for (auto n = below(3); n > 0; --n) {
      auto [id, row] = task(proto::LEASED);
      auto& item = *x.add_items();
      set(*item.mutable_id(), id);
      item.set_attempt(about(row.attempt()));
      item.set_outcome(static_cast<proto::TaskState>(below(10)));
      item.set_started(below(4) != 0);
      if (below(4) == 0)
        item.set_reason(proto::NODE_STOPPED);
      item.set_result(std::string(below(3), 'r'));
      if (below(3))
        item.set_reporter(below(8) ? "n" + std::to_string(row.node()) : node());
      if (below(4) == 0)
        item.mutable_error()->set_code("exit_1");
    }
  }

  void fill(proto::CheckpointCommand& x) {
    auto [id, row] = task(proto::LEASED);
    set(*x.mutable_id(), id);
    x.set_attempt(about(row.attempt()));
    x.set_version(1 + below(4));
    x.set_chunk(below(3));
    x.set_data("c");
    x.set_last(below(2) == 0);
    x.set_size(x.chunk() + 1);
  }

  void fill(proto::ForgetCommand& x) {
    for (auto n = below(4); n > 0; --n)
      set(*x.add_ids(),
          task(below(2) ? proto::SUCCEEDED : proto::FAILED).first);
    // Sometimes negative, which is nonsense; never 0: nothing is removed by the
    // entry that ends it.
    auto keep = static_cast<int64_t>(below(40'000)) - 1'000;
    x.set_keep_ms(keep == 0 ? 1 : keep);
  }

  void fill(proto::ServiceCommand& x) {
    auto name = below(2) ? "web" : "counter";
    auto row = peek_.read(
      [&](const table_view& view) { return get_service(view, name); });
    x.set_name(name);
    if (row && below(4))
      x.set_based_on(about(static_cast<uint32_t>(row->changed())));
    switch (below(8)) {
      case 0:
        x.set_removed(true);
        return;
      case 1:
        x.set_erased(true);
        return;
      case 2:
      case 3:
      case 4:
        return fill_places(*x.mutable_placed(), row);
      default: {
        auto& spec = *x.mutable_applied();
        spec.set_name(below(9) ? name : "another");
        spec.set_form(proto::PROCESS_SERVICE);
        spec.add_command("run");
        spec.set_instances(below(4));
        (*spec.mutable_environment())["X"] = "1";
      }
    }
  }

  void fill_places(proto::ServiceCommand::Places& to,
                   const std::optional<proto::ServiceRow>& row) {
    if (row)
      *to.mutable_places() = row->places();
    for (auto& place : *to.mutable_places()) {
      place.set_status(static_cast<proto::ServiceStatus>(below(7)));
      if (below(3) == 0) {
        place.set_node(node());
        place.set_epoch(below(6) ? 0 : 1 + below(9));
      }
    }
    if (to.places_size() > 0 && below(4) == 0)
      to.mutable_places()->RemoveLast();
    if (below(3) == 0)
      return;
    auto& place = *to.add_places();
    place.set_instance(below(3));
    place.set_node(node());
    place.set_incarnation(1 + below(3));
  }

  void fill(proto::JournalCommand& x) {
    x.set_service(below(20) ? 1 + below(2) : 0);
    auto head = peek_.read([&](const table_view& view) {
      return get_journal(view, x.service()).value_or(proto::JournalHead{});
    });
    x.set_epoch(about(static_cast<uint32_t>(head.epoch())));
    auto last = static_cast<uint32_t>(head.last());
    switch (below(9)) {
      case 0:
        x.set_epoch(x.epoch() + below(3));
        x.set_take(true);
        return;
      case 1:
        if (below(5) == 0)
          x.set_drop(true);
        return;
      case 2:
      case 3: {
        auto& to = *x.mutable_snapshot();
        to.set_through(head.snapshot() + below(last + 2));
        to.set_chunk(below(3));
        to.set_data("c");
        to.set_last(below(2) == 0);
        to.set_size(to.chunk() + 1);
        return;
      }
      default: {
        auto& to = *x.mutable_append();
        to.set_dedupe_window_ms(below(3) ? 5'000 : below(20'000));
        auto sequence = about(last + 1);
        for (auto n = below(4); n > 0; --n) {
          auto& item = *to.add_items();
          item.set_sequence(sequence++);
          item.set_id("r" + std::to_string(below(50)));
          item.set_reply("done");
          for (auto k = below(3); k > 0; --k)
            item.add_events(std::string(below(4), 'e'));
        }
      }
    }
  }

  std::minstd_rand rng_;
  const machine& peek_;
  std::vector<std::pair<task_id, proto::TaskRow>> tasks_;
  int64_t now_ms_ = 1'000;
};

} // namespace coppice::test
