// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/command.hpp"
#include "apps/commands/render.hpp"
#include "proto/task.pb.h"

#include <map>
#include <string>
#include <vector>

namespace coppice {

/// The tasks that somebody watches, and how they look at a moment.
class watch_board {
public:
  // -- member types -----------------------------------------------------------

  struct summary {
    size_t waiting = 0;
    size_t running = 0;
    size_t succeeded = 0;
    size_t failed = 0;
    /// Mean progress of all.
    double percent = 0;
  };

  // -- constructors, destructors, and assignment operators --------------------

  explicit watch_board(const std::vector<std::string>& ids);

  // -- modifiers --------------------------------------------------------------

  /// Takes note of a task.
  /// @returns a line for those who have no terminal if there is news: another
  ///          state, another attempt, or ten percent more; empty otherwise.
  std::string update(const proto::Task& x, unix_ms now);

  // -- properties -------------------------------------------------------------

  /// Returns the ids of those that have not ended.
  std::vector<std::string> unfinished() const;

  summary sum() const;

  /// Returns a line for each task that did not succeed: why, and how to learn
  /// more. Beyond *most* of them there is one line for the rest.
  std::vector<std::string> failures(size_t most, unix_ms now) const;

  /// Renders the lines of a screen: as many tasks as fit, those that run
  /// first, and a line for all.
  /// @param note Shown below that if it is not empty.
  std::vector<std::string> frame(const screen& size, unix_ms now,
                                 const std::string& note) const;

private:
  // -- member types -----------------------------------------------------------

  struct row {
    proto::Task task;
    /// What the last line of `update` said.
    int told_state = -1;
    uint32_t told_attempt = 0;
    int told_tenth = 0;
  };

  // -- member functions -------------------------------------------------------

  std::vector<size_t> visible(size_t room) const;

  std::string total_line(size_t columns) const;

  // -- member variables -------------------------------------------------------

  std::vector<row> rows_;

  std::map<std::string, size_t> index_;
};

/// Renders a task on one line with a bar, at most *columns* wide.
std::string render_watched(const proto::Task& x, size_t columns,
                           size_t id_width, unix_ms now);

} // namespace coppice
