// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/balance.hpp"

#include <algorithm>
#include <utility>

namespace coppice::forward {

namespace {

using ms = std::chrono::milliseconds;

ms doubled(ms first, uint32_t times, ms last) {
  return times >= 16 ? last : std::min(first * (1 << times), last);
}

bool is_same(const route_place& x, const route_place& y) {
  return x.instance == y.instance && x.epoch == y.epoch && x.node == y.node
         && x.address == y.address;
}

} // namespace

void balance::update(const std::vector<route_place>& places) {
  std::vector<entry> next;
  for (auto& place : places) {
    entry y;
    auto known = std::find_if(entries_.begin(), entries_.end(),
                              [&](auto& x) { return is_same(x.place, place); });
    if (known != entries_.end())
      y = std::move(*known);
    y.place = place;
    next.push_back(std::move(y));
  }
  entries_ = std::move(next);
}

std::optional<route_place> balance::pick(time now) {
  auto search = [&](bool also_out) {
    entry* best = nullptr;
    for (size_t i = 0; i < entries_.size(); ++i) {
      auto& x = entries_[(turn_ + i) % entries_.size()];
      if (!x.place.ready || x.open >= most_open || now < x.rests_until
          || (!also_out && now < x.out_until))
        continue;
      if (!best || x.open < best->open)
        best = &x;
    }
    return best;
  };
  auto* best = search(false);
  // Who is out is better than nobody; who is only busy is not nobody.
  if (!best && std::none_of(entries_.begin(), entries_.end(), [&](auto& x) {
        return x.place.ready && now >= x.out_until;
      }))
    best = search(true);
  if (!best)
    return std::nullopt;
  ++best->open;
  turn_ = static_cast<size_t>(best - entries_.data()) + 1;
  return best->place;
}

void balance::ended(const route_place& place, place_verdict verdict, time now) {
  auto x = std::find_if(entries_.begin(), entries_.end(),
                        [&](auto& y) { return is_same(y.place, place); });
  if (x == entries_.end())
    return;
  if (x->open > 0)
    --x->open;
  switch (verdict) {
    case place_verdict::fine:
      x->failures = 0;
      x->outs = 0;
      x->rests_until = {};
      x->out_until = {};
      break;
    case place_verdict::failed:
      fail(*x, true, now);
      break;
    case place_verdict::refused:
      fail(*x, false, now);
      break;
    case place_verdict::nothing:
      break;
  }
}

void balance::fail(entry& x, bool counts, time now) {
  // Those that were under way together fail together: that is one failure of
  // the place, as far as pauses go.
  if (now < x.rests_until)
    return;
  ++x.failures;
  x.rests_until = now + doubled(first_rest, x.failures - 1, last_rest);
  if (counts && x.failures >= most_failures && now >= x.out_until)
    x.out_until = now + doubled(first_out, x.outs++, last_out);
}

bool balance::has_ready() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](auto& x) { return x.place.ready; });
}

} // namespace coppice::forward
