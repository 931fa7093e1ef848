// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/command.hpp"

#include <deque>
#include <istream>
#include <string>
#include <vector>

namespace coppice {

/// Submits task specs that are JSON, one a line, in batches; several batches
/// are on their way at a time.
class bulk_submit {
public:
  // -- constants --------------------------------------------------------------

  /// More in one batch makes each of them wait longer for its answer.
  static constexpr size_t batch_size = 100;

  /// As much as one message should carry: a longer one holds up the heartbeats
  /// of the connection.
  static constexpr size_t batch_bytes = 1 << 20;

  /// Batches without an answer.
  static constexpr size_t window = 8;

  // -- constructors, destructors, and assignment operators --------------------

  bulk_submit(context& ctx, bool json) : ctx_(ctx), json_(json) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  /// Submits all lines of *input*. Prints the ids in their order, and reports
  /// each line that is refused.
  /// @returns `success`; `refused` if a line was; `no_cluster` if answers are
  ///          missing in the end.
  exit_code run(std::istream& input);

  // -- properties -------------------------------------------------------------

  /// The ids of the tasks, in the order of their lines.
  const std::vector<std::string>& ids() const noexcept {
    return ids_;
  }

private:
  // -- member types -----------------------------------------------------------

  struct batch {
    proto::Request request;
    /// Numbers of the lines of the specs in there.
    std::vector<size_t> lines;
    size_t bytes = 0;
    client::call_ptr call;
  };

  // -- member functions -------------------------------------------------------

  void add(size_t line, const std::string& text);

  void send();

  /// Waits for the answer to the oldest batch.
  void receive();

  void accept(const batch& x, const proto::SubmitReply& reply);

  /// Reports the refused item *begin*, together with those behind it that are
  /// refused for the same reason.
  /// @returns The item behind them.
  size_t refuse(const batch& x, size_t begin, const proto::SubmitReply& reply);

  void print_summary();

  // -- member variables -------------------------------------------------------

  context& ctx_;
  bool json_;
  batch next_;
  std::deque<batch> sent_;
  std::vector<std::string> ids_;
  size_t duplicates_ = 0;
  size_t refused_ = 0;
  size_t unanswered_ = 0;
};

} // namespace coppice
