// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_list.hpp"

#include "runtime/duration.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace coppice {

namespace {

std::string format(std::chrono::nanoseconds x) {
  return format_duration(
    std::chrono::duration_cast<std::chrono::milliseconds>(x));
}

std::string describe_silence(const keep_alive_book::silence& x) {
  std::array<char, 32> level{};
  std::snprintf(level.data(), level.size(), "%.1f", x.level);
  return "its last sign of life is " + format(x.length)
         + " old; its suspicion is " + level.data() + " ("
         + describe_suspicion(x.level) + ")";
}

} // namespace

node_list::node_list(node_table table, const health_limits& limits,
                     const brake_limits& brake, time_point now)
  : table_(std::move(table)),
    book_(limits, brake, now) {
  for (auto& row : table_.rows())
    if (row.state == node_state::healthy)
      book_.watch(row.start, now);
}

// -- modifiers ----------------------------------------------------------------

bool node_list::put(const node_entry& row, time_point now) {
  if (!table_.put(row))
    return false;
  if (row.state == node_state::healthy)
    book_.watch(row.start, now);
  else
    book_.forget(row.start.node);
  return true;
}

admission node_list::heard(const worker_key& start, time_point now) {
  auto result = admit(table_.find(start.node), start);
  if (result == admission::known)
    book_.heard(start, now);
  return result;
}

bool node_list::link_lost(const worker_key& start) {
  return book_.link_lost(start);
}

bool node_list::refused(const worker_key& start, time_point now) const {
  auto* row = table_.find(start.node);
  if (!row || row->start != start)
    return false;
  // If it were heard since, it would have registered again.
  if (row->state == node_state::down)
    return row->cause == down_cause::silent;
  auto known = book_.find(start.node, now);
  return known && known->cut;
}

std::vector<worker_key> node_list::tick(time_point now) {
  return book_.tick(now);
}

// -- properties ---------------------------------------------------------------

std::vector<std::string> node_list::explain(const std::string& node,
                                            time_point now) const {
  auto* row = table_.find(node);
  if (!row)
    return {"No node " + node + " has registered, or it was forgotten."};
  std::vector<std::string> result;
  result.push_back(node + " is " + to_string(row->state)
                   + (row->state == node_state::down
                        ? std::string{": "} + describe(row->cause) + "."
                        : "."));
  auto known = book_.find(node, now);
  if (!known)
    return result;
  if (known->suspected)
    result.push_back("It is suspected: " + describe_silence(*known) + ".");
  if (known->cut)
    result.push_back("Its connection is lost; it is being dialled.");
  if (known->held)
    result.push_back(book_.brake().explain() + ".");
  return result;
}

} // namespace coppice
