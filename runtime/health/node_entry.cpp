// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_entry.hpp"

namespace coppice {

namespace {

bool is_sound(const node_entry& x) {
  auto has_state
    = x.state >= node_state::healthy && x.state <= node_state::forgotten;
  auto has_cause
    = x.cause <= down_cause::refused
      && (x.cause != down_cause::none) == (x.state == node_state::down);
  return has_state && has_cause && !x.start.node.empty();
}

} // namespace

const char* to_string(node_state x) noexcept {
  switch (x) {
    case node_state::healthy:
      return "healthy";
    case node_state::down:
      return "down";
    case node_state::left:
      return "left";
    case node_state::forgotten:
      return "forgotten";
  }
  return "unknown";
}

const char* describe(down_cause x) noexcept {
  switch (x) {
    case down_cause::none:
      return "none";
    case down_cause::silent:
      return "it was silent for the keep-alive limit";
    case down_cause::refused:
      return "its process is gone: a connection was refused";
  }
  return "unknown";
}

bool is_sound(const node_changes& x) {
  if (!x.whole && (x.since.epoch != x.version.epoch || x.since > x.version))
    return false;
  const list_version* last = nullptr;
  for (auto& entry : x.entries) {
    if (!is_sound(entry) || entry.changed > x.version)
      return false;
    if (!x.whole && entry.changed <= x.since)
      return false;
    if (x.whole && entry.state == node_state::forgotten)
      return false;
    if (last && entry.changed <= *last)
      return false;
    last = &entry.changed;
  }
  return true;
}

} // namespace coppice
