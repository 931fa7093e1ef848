// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/log_store.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// Thrown out of a write when the power goes: whoever owned the disk is dead.
struct power_cut {};

/// What happens at the next write.
enum class disk_fault {
  none,
  refuse,     ///< Nothing is written; the disk says so.
  cut_before, ///< The power goes, nothing is written.
  cut_after,  ///< The power goes, all is written.
};

/// A log store in memory that outlives its replica. A write is all or nothing,
/// as in LMDB.
class simulated_disk : public log_store {
public:
  // -- modifiers --------------------------------------------------------------

  void fault_next(disk_fault x) {
    fault_ = x;
    vote_fault_ = disk_fault::none;
  }

  /// As `fault_next`, but nothing happens unless term or vote are written.
  void fault_next_vote(disk_fault x) {
    fault_ = disk_fault::none;
    vote_fault_ = x;
  }

  /// From now on no entry up to *index* may be cut off.
  void protect(uint64_t index) {
    protected_ = std::max(protected_, index);
  }

  result<> write(const log_write& x) override {
    auto fault = std::exchange(fault_, disk_fault::none);
    if (x.state && vote_fault_ != disk_fault::none)
      fault = std::exchange(vote_fault_, disk_fault::none);
    if (fault == disk_fault::cut_before)
      throw power_cut{};
    if (fault == disk_fault::refuse)
      return error{ec::storage_failure, "injected"};
    ++writes_;
    carry_out(x);
    if (fault == disk_fault::cut_after)
      throw power_cut{};
    return ok();
  }

  // -- properties -------------------------------------------------------------

  result<log_image> load() override {
    log_image x{state_, base_, {}, {}};
    auto index = base_.position.index;
    for (auto& y : entries_) {
      ++index;
      x.heads.push_back(
        {y.term, y.type, static_cast<uint32_t>(y.bytes().size())});
      if (y.type == entry_type::configuration)
        x.configurations.push_back({index, std::string{y.bytes()}});
    }
    return x;
  }

  result<std::vector<log_entry>> read(uint64_t from, uint64_t to,
                                      size_t max_bytes) override {
    std::vector<log_entry> xs;
    size_t bytes = 0;
    for (auto index = from; index < to; ++index) {
      if (index < first_index() || index > last_index())
        return error{ec::corrupt_store, "no entry " + std::to_string(index)};
      auto& x = at(index);
      bytes += x.bytes().size();
      if (index > from && bytes > max_bytes)
        break;
      xs.push_back(x);
    }
    return xs;
  }

  uint64_t first_index() const override {
    return base_.position.index + 1;
  }

  uint64_t last_index() const override {
    return base_.position.index + entries_.size();
  }

  /// @pre `first_index() <= index && index <= last_index()`
  const log_entry& at(uint64_t index) const {
    return entries_[index - first_index()];
  }

  const hard_state& state() const {
    return state_;
  }

  size_t writes() const {
    return writes_;
  }

  /// Returns what was written that must never be, or nothing.
  const std::string& violation() const {
    return violation_;
  }

private:
  void carry_out(const log_write& x) {
    if (x.state)
      set(*x.state);
    if (x.reset && x.reset->position.index < protected_)
      violation_ = "dropped a log with committed entries up to "
                   + std::to_string(protected_);
    if (x.reset) {
      base_ = *x.reset;
      entries_.clear();
    }
    if (x.truncate_from != 0 && x.truncate_from <= protected_)
      violation_ = "cut off entry " + std::to_string(x.truncate_from)
                   + ", which is committed";
    if (x.truncate_from != 0 && x.truncate_from <= last_index())
      entries_.resize(x.truncate_from - first_index());
    if (!x.entries.empty() && x.first != last_index() + 1)
      violation_ = "a gap in the log before " + std::to_string(x.first);
    entries_.insert(entries_.end(), x.entries.begin(), x.entries.end());
    if (x.trim) {
      auto gone = x.trim->position.index - base_.position.index;
      entries_.erase(entries_.begin(), entries_.begin()
                                         + static_cast<ptrdiff_t>(
                                           std::min(gone, entries_.size())));
      base_ = *x.trim;
    }
  }

  void set(const hard_state& x) {
    if (x.term < state_.term)
      violation_ = "the term went back to " + std::to_string(x.term);
    if (x.term == state_.term && state_.voted_for != 0
        && x.voted_for != state_.voted_for)
      violation_ = "voted twice in term " + std::to_string(x.term);
    state_ = x;
  }

  hard_state state_;
  log_base base_;
  std::vector<log_entry> entries_;
  disk_fault fault_ = disk_fault::none;
  disk_fault vote_fault_ = disk_fault::none;
  size_t writes_ = 0;
  uint64_t protected_ = 0;
  std::string violation_;
};

} // namespace coppice::test
