// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/task_context.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice::test {

/// What a task function is given in a test. Time does not pass in it.
class fake_context : public task_context {
public:
  // -- the attempt ------------------------------------------------------------

  const proto::TaskSpec& spec() const override {
    return spec_;
  }

  task_id id() const override {
    return {1, 1, 1};
  }

  uint32_t attempt() const override {
    return number;
  }

  const std::optional<std::string>& last_checkpoint() const override {
    return resumed;
  }

  bool cancelled() const override {
    return checkpoints_left == 0;
  }

  bool checkpoint_wanted() const override {
    return wants_checkpoint;
  }

  // -- what it says -----------------------------------------------------------

  void progress(double percent, std::string_view) override {
    percents.push_back(percent);
  }

  void add_stage(std::string_view, double) override {}

  void stage(std::string_view, double, std::string_view) override {}

  void checkpoint(std::string bytes) override {
    if (cancelled())
      throw task_stopped();
    checkpoints.push_back(std::move(bytes));
    --checkpoints_left;
  }

  void log(std::string_view line) override {
    lines.emplace_back(line);
  }

  bool sleep_for(std::chrono::nanoseconds pause) override {
    slept += pause;
    return !cancelled();
  }

  // -- member variables -------------------------------------------------------

  proto::TaskSpec spec_;
  uint32_t number = 1;
  std::optional<std::string> resumed;
  /// It is cancelled behind this many checkpoints; negative: never.
  int checkpoints_left = -1;
  std::vector<std::string> checkpoints;
  bool wants_checkpoint = false;
  std::vector<std::string> lines;
  std::vector<double> percents;
  std::chrono::nanoseconds slept{0};
};

} // namespace coppice::test
