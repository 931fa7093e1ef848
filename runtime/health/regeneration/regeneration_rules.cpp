// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_rules.hpp"

#include "runtime/duration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace coppice {

namespace {

/// Names of nodes and services are shorter everywhere.
constexpr size_t max_name_bytes = 128;

/// Nobody waits for anything that is a year away.
constexpr double longest_told_s = 365.0 * 24 * 3'600;

std::string short_number(double x) {
  std::array<char, 32> text{};
  auto digits = x < 10 ? 1 : 0;
  std::snprintf(text.data(), text.size(), "%.*f", digits, x);
  return text.data();
}

std::string amount(double x, const std::string& unit) {
  if (unit != "B")
    return short_number(x) + (unit.empty() ? "" : " " + unit);
  auto* prefix = "";
  for (auto* next : {"Ki", "Mi", "Gi", "Ti"}) {
    if (std::abs(x) < 1'024)
      break;
    x /= 1'024;
    prefix = next;
  }
  return short_number(x) + ' ' + prefix + 'B';
}

std::string duration_text(double seconds) {
  auto x = std::clamp(seconds, 0.0, longest_told_s);
  return format_duration(
    std::chrono::seconds{static_cast<int64_t>(std::lround(x))});
}

result<> wrong(std::string what) {
  return error{ec::invalid_argument, std::move(what)};
}

} // namespace

const char* describe(proto::RegenerationPhase x) noexcept {
  switch (x) {
    case proto::QUIESCE:
      return "quiesce";
    case proto::DRAIN:
      return "drain";
    case proto::CAPTURE:
      return "capture";
    case proto::RESTART:
      return "restart";
    case proto::RESTORE:
      return "restore";
    case proto::VERIFY:
      return "verify";
    case proto::READMIT:
      return "readmit";
    default:
      return "unknown";
  }
}

const char* describe(proto::RegenerationCause x) noexcept {
  switch (x) {
    case proto::ASKED:
      return "asked for";
    case proto::WEAR:
      return "wear";
    case proto::LIMIT:
      return "limit";
    case proto::AGE:
      return "age";
    default:
      return "unknown";
  }
}

const char* describe(proto::RegenerationEnd x) noexcept {
  switch (x) {
    case proto::UNDER_WAY:
      return "under way";
    case proto::REGENERATED:
      return "regenerated";
    case proto::NOT_CURED:
      return "not cured";
    case proto::ROLLED_BACK:
      return "rolled back";
    case proto::LOST:
      return "lost";
    default:
      return "unknown";
  }
}

std::string describe_target(const proto::RegenerationRow& x) {
  if (!is_of_service(x))
    return "node " + x.node();
  return "service " + x.service() + '/' + std::to_string(x.instance())
         + " on node " + x.node();
}

std::string describe(const proto::Vital& x) {
  auto text = x.name() + ' ' + amount(x.value(), x.unit());
  if (x.limit() > 0)
    text += " of " + amount(x.limit(), x.unit());
  if (x.growth_per_hour() <= 0)
    return text;
  return text + ", " + amount(x.growth_per_hour(), x.unit())
         + " more each hour for " + duration_text(x.seen_s()) + ", full in "
         + duration_text(x.left_s());
}

bool same_target(const proto::RegenerationRow& x,
                 const proto::RegenerationRow& y) {
  return x.node() == y.node() && x.service() == y.service()
         && x.instance() == y.instance();
}

void count_regeneration(
  google::protobuf::RepeatedPtrField<proto::RegenerationCount>& to,
  proto::RegenerationEnd x, uint64_t n) {
  auto same = std::find_if(to.begin(), to.end(),
                           [&](auto& y) { return y.outcome() == x; });
  auto& y = same == to.end() ? *to.Add() : *same;
  y.set_outcome(x);
  y.set_count(y.count() + n);
}

google::protobuf::RepeatedPtrField<proto::RegenerationCount>
count_regenerations(const std::vector<proto::RegenerationRow>& kept) {
  google::protobuf::RepeatedPtrField<proto::RegenerationCount> out;
  if (!kept.empty())
    out = kept.back().forgotten();
  for (auto& x : kept)
    count_regeneration(out, x.outcome());
  return out;
}

result<> check_regeneration(const proto::RegenerationRow& x) {
  if (x.node().empty() || x.node().size() > max_name_bytes
      || x.service().size() > max_name_bytes)
    return wrong("a regeneration needs the name of a node, of 1 to "
                 + std::to_string(max_name_bytes) + " bytes");
  if (x.reason().size() > max_regeneration_words)
    return wrong("the reason of a regeneration has at most "
                 + std::to_string(max_regeneration_words) + " bytes");
  if (x.evidence_size() > max_evidence)
    return wrong("a regeneration has at most " + std::to_string(max_evidence)
                 + " pieces of evidence");
  for (auto& y : x.evidence())
    if (y.name().size() > max_name_bytes || y.unit().size() > max_name_bytes)
      return wrong("the names of what was measured are too long");
  return ok();
}

} // namespace coppice
