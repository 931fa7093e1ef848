// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/log_tail.hpp"

#include <utility>

namespace coppice {

void log_tail::append(log_entry x) {
  bytes_ += x.bytes().size();
  entries_.push_back(std::move(x));
}

void log_tail::truncate(uint64_t index) {
  while (size() > 0 && last() >= index) {
    bytes_ -= entries_.back().bytes().size();
    entries_.pop_back();
  }
  if (size() == 0)
    first_ = index;
}

void log_tail::shrink(uint64_t index, size_t max_bytes) {
  while (size() > 0 && first_ <= index && bytes_ > max_bytes) {
    bytes_ -= entries_[gone_].bytes().size();
    entries_[gone_] = {};
    ++gone_;
    ++first_;
  }
  // Moving the rest to the front costs no more than what was dropped.
  if (gone_ > 64 && gone_ > entries_.size() / 2) {
    entries_.erase(entries_.begin(),
                   entries_.begin() + static_cast<ptrdiff_t>(gone_));
    gone_ = 0;
  }
}

} // namespace coppice
