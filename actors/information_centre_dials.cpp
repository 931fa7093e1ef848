// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the INFORMATION_CENTRE that finds out whether nodes are there.

#include "actors/information_centre.hpp"
#include "runtime/health/node_card.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <utility>

namespace coppice {

void information_centre_state::begin_dialling(const worker_key& x) {
  if (reached.count(x) == 0)
    return;
  dials[x] = {++diallings, options.probe_min};
  on_dial(x, diallings);
}

void information_centre_state::verify(const worker_key& x) {
  if (!options.probe || reached.count(x) != 0)
    return;
  auto older = reached.lower_bound({x.node, 0});
  while (older != reached.end() && older->node == x.node)
    older = reached.erase(older);
  if (!unreached.emplace(x, options.verify_min).second)
    return;
  probes.push_back({x, 0});
  start_probes();
}

void information_centre_state::verify_later(const worker_key& x) {
  auto known = unreached.find(x);
  if (known == unreached.end())
    return;
  auto& pause = known->second;
  self->delayed_send(self, pause, atom::dial::value, x, uint64_t{0});
  pause = std::min(2 * pause, options.verify_max);
}

void information_centre_state::on_dial(const worker_key& x, uint64_t number) {
  auto wanted = dials.find(x);
  auto is_wanted = number == 0
                     ? unreached.count(x) > 0
                     : wanted != dials.end() && wanted->second.number == number;
  if (!is_wanted)
    return;
  // Work waits for the proof of a death. Whether a node can be reached at all
  // is not urgent, and where none can each try takes its whole time.
  probes.insert(number == 0 ? probes.end() : probes.begin(), {x, number});
  start_probes();
}

void information_centre_state::start_probes() {
  while (!probes.empty() && probes_under_way < options.max_probes) {
    auto [start, number] = std::move(probes.front());
    probes.pop_front();
    auto* row = list->table().find(start.node);
    if (!row || row->start != start || row->state == node_state::left) {
      dials.erase(start);
      unreached.erase(start);
      continue;
    }
    ++probes_under_way;
    auto here = caf::actor_cast<information_centre_impl>(self);
    options.probe(decode_card(row->card).address(),
                  [here, x = node_probe{start, number, {}}](
                    net::probe_result result) mutable {
                    x.result = result;
                    caf::anon_send(here, x);
                  });
  }
}

void information_centre_state::on_probe(const node_probe& x) {
  --probes_under_way;
  start_probes();
  if (x.result == net::probe_result::reached) {
    reached.insert(x.start);
    unreached.erase(x.start);
  } else if (x.number == 0) {
    verify_later(x.start);
  }
  auto wanted = dials.find(x.start);
  if (wanted == dials.end() || wanted->second.number != x.number)
    return;
  if (x.result == net::probe_result::refused && list->refused(x.start, now())) {
    dials.erase(wanted);
    return declare_down(x.start, down_cause::refused);
  }
  // A process that ends closes its connections one after the other.
  auto known = list->book().find(x.start.node, now());
  if (!known || !known->cut) {
    dials.erase(wanted);
    return;
  }
  auto& pause = wanted->second.pause;
  self->delayed_send(self, pause, atom::dial::value, x.start, x.number);
  pause = std::min(2 * pause, options.probe_max);
}

} // namespace coppice
