// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_rules.hpp"

#include <algorithm>

namespace coppice {

namespace {

bool is_start(const node_entry* row, const worker_key& start) {
  return row && row->start == start;
}

/// Returns the row with another state, without its version.
node_entry changed(const node_entry& row, node_state state, down_cause cause) {
  return {row.start, state, cause, row.card, {}, 0, row.hold, row.regeneration};
}

} // namespace

admission admit(const node_entry* row, const worker_key& start) {
  if (!row || row->start.incarnation < start.incarnation)
    return admission::fresh;
  if (row->start.incarnation > start.incarnation)
    return admission::over;
  switch (row->state) {
    case node_state::healthy:
      return admission::known;
    case node_state::down:
      return admission::fresh;
    case node_state::left:
    case node_state::forgotten:
      break;
  }
  return admission::over;
}

std::optional<node_entry> registered(const node_entry* row,
                                     const worker_key& start,
                                     const std::string& card) {
  if (admit(row, start) != admission::fresh)
    return std::nullopt;
  node_entry out{start, node_state::healthy, down_cause::none, card, {}, 0};
  if (row) {
    out.hold = row->hold;
    out.regeneration = row->regeneration;
  }
  return out;
}

std::optional<node_entry> left(const node_entry* row, const worker_key& start) {
  if (!is_start(row, start) || row->state == node_state::left)
    return std::nullopt;
  return changed(*row, node_state::left, down_cause::none);
}

std::optional<node_entry> down(const node_entry* row, const worker_key& start,
                               down_cause cause) {
  if (!is_start(row, start) || row->state == node_state::left)
    return std::nullopt;
  if (row->state == node_state::down && row->cause >= cause)
    return std::nullopt;
  return changed(*row, node_state::down, cause);
}

std::optional<node_entry> forgotten(const node_entry* row) {
  if (!row || row->state == node_state::healthy)
    return std::nullopt;
  return node_entry{row->start, node_state::forgotten, down_cause::none, {}, {},
                    0};
}

std::optional<node_entry> drained(const node_entry* row,
                                  const node_hold& hold) {
  if (!row || (row->hold && row->hold->deadline_ms == hold.deadline_ms))
    return std::nullopt;
  auto out = changed(*row, row->state, row->cause);
  out.hold
    = {row->hold ? row->hold->since_ms : hold.since_ms, hold.deadline_ms};
  return out;
}

std::optional<node_entry> released(const node_entry* row) {
  if (!row || !row->hold)
    return std::nullopt;
  auto out = changed(*row, row->state, row->cause);
  out.hold.reset();
  return out;
}

node_entry regenerating(const node_entry& row,
                        const std::optional<node_regeneration>& x) {
  auto out = changed(row, row.state, row.cause);
  out.regeneration = x;
  return out;
}

std::optional<node_hold> task_hold(const node_entry& row) {
  if (!row.regeneration)
    return row.hold;
  auto& own = *row.regeneration;
  node_hold out{own.since_ms, own.drain_deadline_ms};
  if (!row.hold)
    return out;
  out.since_ms = std::min(out.since_ms, row.hold->since_ms);
  if (auto other = row.hold->deadline_ms; other != 0)
    out.deadline_ms
      = out.deadline_ms == 0 ? other : std::min(out.deadline_ms, other);
  return out;
}

bool keeps_services_away(const node_entry& row) {
  return row.hold
         || (row.regeneration && row.regeneration->phase < proto::RESTORE);
}

bool sends_services_away(const node_entry& row) {
  return row.regeneration
         && (row.regeneration->phase == proto::CAPTURE
             || row.regeneration->phase == proto::RESTART);
}

proto::DrainOrder drain_order(const std::optional<node_hold>& hold,
                              int64_t now_ms) {
  if (!hold)
    return proto::NO_DRAIN;
  auto is_over = hold->deadline_ms != 0 && now_ms >= hold->deadline_ms;
  return is_over ? proto::STOP_ATTEMPTS : proto::MOVE_ATTEMPTS;
}

bool proves_end(const node_entry& row) {
  return row.state == node_state::down && row.cause == down_cause::refused;
}

} // namespace coppice
