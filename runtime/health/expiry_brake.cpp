// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/expiry_brake.hpp"

#include "runtime/duration.hpp"

namespace coppice {

expiry_brake::expiry_brake(const brake_limits& limits, time limit)
  : limits_(limits),
    limit_(limit) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

expiry_brake::time expiry_brake::judge(const census& x, time now) {
  drop_old(now);
  late_ = x.late + declared_count_;
  watched_ = x.watched + declared_count_;
  if (is_too_many(late_, watched_)) {
    calm_since_.reset();
    engaged_ = engaged_ || x.expiring;
  } else if (engaged_) {
    // Those that come back after a cut do not all come at once.
    if (!calm_since_)
      calm_since_ = now;
    engaged_ = now - *calm_since_ < limit_;
  }
  return engaged_ ? time{limits_.hold} : time{0};
}

void expiry_brake::declared(size_t count, time now) {
  // What was held in full is settled.
  if (engaged_ || count == 0)
    return;
  declared_.emplace_back(now, count);
  declared_count_ += count;
}

void expiry_brake::reset() {
  engaged_ = false;
  calm_since_.reset();
  declared_.clear();
  declared_count_ = 0;
}

// -- properties ---------------------------------------------------------------

std::string expiry_brake::explain() const {
  if (!engaged_)
    return {};
  auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(
    limit_ + limits_.hold);
  return std::to_string(late_) + " of " + std::to_string(watched_)
         + " nodes fell silent at once, more than "
         + std::to_string(limits_.share_percent)
         + " %: this manager or its network is suspected first, and none of "
           "them is declared down before it was silent for "
         + format_duration(patience);
}

bool expiry_brake::is_too_many(size_t late, size_t watched) const {
  return late > limits_.free && late * 100 > limits_.share_percent * watched;
}

void expiry_brake::drop_old(time now) {
  while (!declared_.empty() && declared_.front().first + limit_ <= now) {
    declared_count_ -= declared_.front().second;
    declared_.pop_front();
  }
}

} // namespace coppice
