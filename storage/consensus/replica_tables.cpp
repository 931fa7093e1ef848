// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/replica.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace coppice {

// -- the caller's tables ------------------------------------------------------

result<std::vector<committed_entry>> replica::next_committed(size_t max_bytes) {
  std::vector<committed_entry> result;
  auto end = commit_index() + 1;
  if (delivered_ + 1 >= end)
    return result;
  auto xs = read(delivered_ + 1, end, max_bytes);
  if (!xs)
    return xs.as_failure();
  result.reserve(xs.value().size());
  for (auto& x : xs.value())
    result.push_back({++delivered_, std::move(x)});
  return result;
}

void replica::applied(uint64_t index) {
  applied_ = std::max(applied_, index);
  freshness_.applied(applied_);
}

result<> replica::trim(uint64_t index, time_point now) {
  now_ = std::max(now_, now);
  if (index > delivered_)
    return error{ec::invalid_argument,
                 "entry " + std::to_string(index) + " was not handed out yet"};
  if (index <= snapshot_ || index <= base_.position.index)
    return ok();
  auto base = index;
  uint32_t entries = 0;
  size_t bytes = 0;
  while (base > base_.position.index && entries < options_.trailing_entries) {
    bytes += heads_[base - base_.position.index - 1].size;
    if (bytes > options_.trailing_bytes)
      break;
    ++entries;
    --base;
  }
  if (base == base_.position.index)
    return ok();
  auto snapshot = position_at(index);
  auto compacted = engine_.compact(snapshot, entries, now_);
  if (!compacted)
    return compacted.as_failure();
  snapshot_ = index;
  auto gone = base - base_.position.index;
  base_ = position_at(base);
  heads_.erase(heads_.begin(), heads_.begin() + static_cast<ptrdiff_t>(gone));
  std::erase_if(configurations_, [this](const configuration_record& x) {
    return x.index < base_.configuration.index;
  });
  trim_ = base_;
  return carry_out(std::move(compacted.value()), {});
}

/// Tells the leader what it may go on after: all that is committed here it has,
/// too. If that is not in its log any more, this member needs its tables.
void replica::note_offer(const peer_message& x) {
  auto& offer = std::get<install_snapshot>(x.body);
  auto term = engine_.state().term;
  // The leader's sign of life brings its term.
  if (offer.term != term)
    return;
  auto has = commit_index();
  waiting_.push_back({options_.id, x.from, append_reply{term, 0, has}});
  if (has < offer.first && has != offer.last.index)
    missing_snapshot_ = snapshot_offer{x.from, offer.last};
}

log_base replica::position_at(uint64_t index) const {
  return {{index, term_of(index)}, configuration_at(index)};
}

} // namespace coppice
