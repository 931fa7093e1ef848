// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_message.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// A number that does not fit is none that is known.
template <class T>
T to_enum(uint32_t x) {
  return static_cast<T>(std::min<uint32_t>(x, 0xff));
}

} // namespace

list_version from_message(const proto::ListVersion& x) {
  return {x.epoch(), x.counter()};
}

proto::ListVersion to_message(const list_version& x) {
  proto::ListVersion out;
  out.set_epoch(x.epoch);
  out.set_counter(x.counter);
  return out;
}

node_entry from_message(const proto::NodeListRow& x) {
  node_entry out{{x.node(), x.incarnation()},    to_enum<node_state>(x.state()),
                 to_enum<down_cause>(x.cause()), x.card(),
                 from_message(x.changed()),      x.changed_ms()};
  if (x.has_hold())
    out.hold = {x.hold().since_ms(), x.hold().deadline_ms()};
  if (x.has_regeneration()) {
    auto& y = x.regeneration();
    out.regeneration = {y.number(), y.phase(), y.since_ms(),
                        y.drain_deadline_ms(), y.incarnation()};
  }
  return out;
}

proto::NodeListRow to_message(const node_entry& x) {
  proto::NodeListRow out;
  out.set_node(x.start.node);
  out.set_incarnation(x.start.incarnation);
  out.set_state(static_cast<uint32_t>(x.state));
  out.set_cause(static_cast<uint32_t>(x.cause));
  out.set_card(x.card);
  *out.mutable_changed() = to_message(x.changed);
  out.set_changed_ms(x.changed_ms);
  if (x.hold) {
    out.mutable_hold()->set_since_ms(x.hold->since_ms);
    out.mutable_hold()->set_deadline_ms(x.hold->deadline_ms);
  }
  if (x.regeneration) {
    auto& y = *out.mutable_regeneration();
    y.set_number(x.regeneration->number);
    y.set_phase(x.regeneration->phase);
    y.set_since_ms(x.regeneration->since_ms);
    y.set_drain_deadline_ms(x.regeneration->drain_deadline_ms);
    y.set_incarnation(x.regeneration->incarnation);
  }
  return out;
}

changes_part from_message(const proto::NodeChangesPart& x) {
  changes_part out;
  out.index = x.index();
  out.count = x.count();
  out.changes.cluster = x.cluster();
  out.changes.whole = x.whole();
  out.changes.since = from_message(x.since());
  out.changes.version = from_message(x.version());
  for (auto& row : x.rows())
    out.changes.entries.push_back(from_message(row));
  return out;
}

proto::NodeChangesPart to_message(const changes_part& x) {
  proto::NodeChangesPart out;
  out.set_index(x.index);
  out.set_count(x.count);
  out.set_cluster(x.changes.cluster);
  out.set_whole(x.changes.whole);
  *out.mutable_since() = to_message(x.changes.since);
  *out.mutable_version() = to_message(x.changes.version);
  for (auto& entry : x.changes.entries)
    *out.add_rows() = to_message(entry);
  return out;
}

} // namespace coppice
