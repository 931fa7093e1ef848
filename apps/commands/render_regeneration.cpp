// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// Returns the phases with what each took; the last one of those under way with
/// what it has taken so far.
std::string phases_of(const proto::RegenerationRow& x, unix_ms now) {
  std::string out;
  for (int i = 0; i < x.steps_size(); ++i) {
    auto& step = x.steps(i);
    // It is the end.
    if (step.phase() == proto::READMIT)
      break;
    auto is_last = i + 1 == x.steps_size();
    auto until = is_last ? (is_under_way(x) ? now : x.ended_ms())
                         : x.steps(i + 1).at_ms();
    out += (out.empty() ? "" : ", ") + std::string{describe(step.phase())} + ' '
           + render_duration(std::max<int64_t>(0, until - step.at_ms()))
           + (is_last && is_under_way(x) ? " so far" : "");
  }
  return out;
}

} // namespace

std::string render_regeneration(const proto::RegenerationRow& x, unix_ms now) {
  auto began = x.steps().empty() ? 0 : x.steps(0).at_ms();
  auto until = is_under_way(x) ? now : x.ended_ms();
  std::string out = render_time(began) + "  " + std::to_string(x.number())
                    + "  " + printable(describe_target(x)) + ": "
                    + describe(x.outcome())
                    + (is_under_way(x) ? " for " : " after ")
                    + render_duration(std::max<int64_t>(0, until - began));
  if (!x.why().empty())
    out += "; " + printable(x.why());
  out += "\n    " + std::string{describe(x.cause())};
  if (x.evidence().empty() && !x.reason().empty())
    out += ": " + printable(x.reason());
  for (auto& y : x.evidence())
    out += "\n      " + printable(describe(y));
  return out + "\n    " + phases_of(x, now) + "\n";
}

} // namespace coppice
