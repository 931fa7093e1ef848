// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>

namespace coppice {

/// How long a worker pauses between managers while it looks for the one that
/// leads, and what of that is worth a line in the log. Managers that cannot be
/// reached are asked ever more seldom; those that do not lead go on to be asked
/// often, because one of them will in a moment.
class search_pauses {
public:
  using milliseconds = std::chrono::milliseconds;

  /// @param least The first pause.
  /// @param most No pause is longer.
  /// @pre `0 < least <= most`
  search_pauses(milliseconds least, milliseconds most)
    : least_(least),
      most_(most) {}

  /// Takes note that a manager could not be reached, or was lost.
  /// @param chance A random number: up to half of the pause falls away by it,
  ///        so that many workers do not come back at once.
  milliseconds after_loss(uint64_t chance);

  /// Takes note that a manager answered that it does not lead.
  milliseconds after_follower(uint64_t chance);

  /// Takes note that the search is over.
  void found();

  /// Returns whether the last loss is news for people: the first one is, and
  /// then one of many.
  bool loss_is_news() const;

  /// Returns whether those that do not lead are news: after very many.
  bool election_is_news() const;

private:
  milliseconds next(uint64_t chance);

  milliseconds least_;
  milliseconds most_;
  uint32_t failures_ = 0;
  uint32_t followers_ = 0;
};

} // namespace coppice
