// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_card.hpp"

namespace coppice {

proto::NodeCard decode_card(std::string_view x) {
  proto::NodeCard card;
  if (!card.ParseFromArray(x.data(), static_cast<int>(x.size())))
    card.Clear();
  return card;
}

void describe(const node_entry& x, proto::Node& out) {
  auto card = decode_card(x.card);
  out.set_name(x.start.node);
  out.set_incarnation(x.start.incarnation);
  out.set_state(to_string(x.state));
  out.set_changed_ms(x.changed_ms);
  out.set_address(card.address());
  out.set_manager(card.manager());
  out.set_worker(card.worker());
  out.set_slots(card.slots());
  *out.mutable_labels() = std::move(*card.mutable_labels());
  out.set_host(card.host());
  out.set_pid(card.pid());
  if (x.regeneration)
    out.set_regeneration(x.regeneration->phase);
  if (!x.hold)
    return;
  out.set_drained_ms(x.hold->since_ms);
  out.set_drain_deadline_ms(x.hold->deadline_ms);
}

} // namespace coppice
