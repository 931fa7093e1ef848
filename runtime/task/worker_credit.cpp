// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/worker_credit.hpp"

#include <algorithm>

namespace coppice {

void worker_credit::pulled(const slot_offer& slots, uint64_t seen) {
  pulled_ = slots;
  last_number_ = std::max(last_number_, seen); // The leader may have changed.
  while (!sent_.empty() && sent_.front().first <= seen) {
    unseen_ -= sent_.front().second;
    sent_.pop_front();
  }
}

uint64_t worker_credit::send(uint32_t n) {
  unseen_ += n;
  sent_.emplace_back(++last_number_, n);
  return last_number_;
}

slot_offer worker_credit::available() const {
  return pulled_.less(unseen_);
}

} // namespace coppice
