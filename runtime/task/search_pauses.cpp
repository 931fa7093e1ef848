// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/search_pauses.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// The pauses between managers that do not lead double only so often.
constexpr uint32_t quick_failures = 2;

/// Doubled more often, any pause is the longest one.
constexpr uint32_t most_doublings = 16;

/// One of so many repetitions is worth a line in the log.
constexpr uint32_t many = 32;

} // namespace

search_pauses::milliseconds search_pauses::after_loss(uint64_t chance) {
  return next(chance);
}

search_pauses::milliseconds search_pauses::after_follower(uint64_t chance) {
  ++followers_;
  failures_ = std::min(failures_, quick_failures);
  return next(chance);
}

void search_pauses::found() {
  failures_ = 0;
  followers_ = 0;
}

bool search_pauses::loss_is_news() const {
  return failures_ == 1 || failures_ % many == 0;
}

bool search_pauses::election_is_news() const {
  return followers_ > 0 && followers_ % many == 0;
}

search_pauses::milliseconds search_pauses::next(uint64_t chance) {
  auto doublings = std::min(failures_++, most_doublings);
  auto pause = std::min(least_ * (1 << doublings), most_);
  auto half = static_cast<uint64_t>(pause.count()) / 2;
  return pause - milliseconds{chance % (half + 1)};
}

} // namespace coppice
