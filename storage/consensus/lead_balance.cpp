// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/lead_balance.hpp"

namespace coppice {

namespace {

uint32_t leads_of(const lead_facts& x, uint64_t member) {
  auto i = x.leads.find(member);
  return i == x.leads.end() ? 0 : i->second;
}

} // namespace

std::optional<lead_move> next_lead_move(const lead_facts& x) {
  std::optional<lead_move> result;
  auto fewest = leads_of(x, x.self);
  for (auto& led : x.movable)
    for (auto heir : led.heirs)
      if (auto n = leads_of(x, heir); n < fewest && heir != x.self) {
        fewest = n;
        result = lead_move{led.group, heir};
      }
  if (fewest + 2 > leads_of(x, x.self))
    return std::nullopt;
  return result;
}

} // namespace coppice
