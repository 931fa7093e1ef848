// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/product_route.hpp"
#include "tests/cluster/invariants.hpp"
#include "tests/cluster/letter.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace coppice::test {

/// The part of a machine that takes submits from shard to shard, as its
/// DIRECTORY does: nothing of it survives a crash, and what it asks may never
/// be answered.
class submit_desk {
public:
  // -- member types -----------------------------------------------------------

  /// What it needs of its machine.
  struct surroundings {
    /// What the machine's own replica of the cluster group says of a product.
    std::function<std::optional<proto::ProductRow>(const std::string&)> product;
    /// Sends a question to the leader of its group, if one is known.
    std::function<void(letter)> ask;
    /// Sends an answer.
    std::function<void(letter)> reply;
  };

  explicit submit_desk(surroundings x) : around_(std::move(x)) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  void take(letter x) {
    trip fresh;
    fresh.item = x.question.submit().items(0);
    fresh.request = std::move(x);
    if (auto row = around_.product(fresh.item.product()))
      fresh.way.emplace(std::move(*row));
    go_on(std::move(fresh));
  }

  /// Takes an answer; one to a question that is over is nobody's.
  void take_answer(letter x) {
    auto found = trips_.extract(x.number);
    if (found.empty())
      return;
    auto& way = found.mapped();
    auto& said = x.answer;
    if (said.has_product() && !said.product().has_error()) {
      learn(way, std::move(*said.mutable_product()->mutable_product()));
      go_on(std::move(way));
    } else if (said.has_submit() && said.submit().items(0).moved()) {
      way.way->moved(way.visit);
      go_on(std::move(way));
    } else {
      around_.reply(answer_to(way.request, std::move(said)));
    }
  }

  void crash() {
    trips_.clear();
  }

private:
  struct trip {
    letter request;
    proto::SubmitCommand::Item item;
    std::optional<submit_trip> way;
    shard_visit visit; ///< Where it is.
    size_t questions = 0;
  };

  static void learn(trip& x, proto::ProductRow row) {
    if (x.way)
      x.way->learn(std::move(row));
    else
      x.way.emplace(std::move(row));
  }

  void go_on(trip x) {
    auto next = x.way ? x.way->next() : std::nullopt;
    letter y;
    if (next) {
      x.visit = *next;
      x.item.set_product_number(x.way->product().number());
      x.item.set_epoch(next->epoch);
      x.item.set_newest_epoch(x.way->newest_epoch());
      y.group = next->shard + 1;
      *y.question.mutable_submit()->add_items() = x.item;
    } else {
      y.question.mutable_product()->set_name(x.item.product());
    }
    y.number = ++questions_;
    // No product moves so often.
    if (++x.questions > 200)
      throw violation{"a submit finds no shard"};
    trips_.emplace(y.number, std::move(x));
    around_.ask(std::move(y));
  }

  surroundings around_;
  std::map<uint64_t, trip> trips_; ///< By question.
  uint64_t questions_ = 0;         ///< Not even a crash repeats a number.
};

} // namespace coppice::test
