// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/hold_book.hpp"

namespace coppice::forward {

bool hold_book::add(uint64_t number, uint64_t bytes, time deadline,
                    const hold_limits& limits) {
  if (held_.size() >= limits.requests || bytes > limits.bytes
      || bytes_ > limits.bytes - bytes)
    return false;
  put_back(number, bytes, deadline);
  return true;
}

void hold_book::put_back(uint64_t number, uint64_t bytes, time deadline) {
  remove(number);
  held_.emplace(number, entry{bytes, deadline});
  bytes_ += bytes;
}

void hold_book::remove(uint64_t number) {
  auto x = held_.find(number);
  if (x == held_.end())
    return;
  bytes_ -= x->second.bytes;
  held_.erase(x);
}

std::optional<uint64_t> hold_book::oldest() const {
  if (held_.empty())
    return std::nullopt;
  return held_.begin()->first;
}

std::vector<uint64_t> hold_book::expired(time now) const {
  std::vector<uint64_t> xs;
  for (auto& [number, x] : held_)
    if (now >= x.deadline)
      xs.push_back(number);
  return xs;
}

std::vector<uint64_t> hold_book::all() const {
  std::vector<uint64_t> xs;
  for (auto& [number, x] : held_)
    xs.push_back(number);
  return xs;
}

} // namespace coppice::forward
