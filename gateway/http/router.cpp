// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/router.hpp"

#include "gateway/http/target.hpp"

#include <algorithm>

namespace coppice::http {

namespace {

bool is_variable(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

} // namespace

router::router(std::vector<route_pattern> patterns) {
  for (auto& x : patterns)
    entries_.push_back({x.method, split_path(x.path)});
}

bool router::fits(const entry& x, const std::vector<std::string>& segments,
                  std::string& rank) {
  if (x.segments.size() != segments.size())
    return false;
  rank.clear();
  for (size_t i = 0; i < segments.size(); ++i) {
    auto any = is_variable(x.segments[i]);
    if (any ? segments[i].empty() : x.segments[i] != segments[i])
      return false;
    rank += any ? '0' : '1';
  }
  return true;
}

std::variant<route_match, route_miss>
router::find(std::string_view method,
             const std::vector<std::string>& segments) const {
  // The path first: what is spelled out hides the others, with all methods.
  std::string best;
  std::vector<size_t> found;
  std::string rank;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!fits(entries_[i], segments, rank) || rank < best)
      continue;
    if (rank > best)
      found.clear();
    best = rank;
    found.push_back(i);
  }
  route_miss miss;
  for (auto i : found) {
    auto& x = entries_[i];
    if (x.method == method || (x.method == "GET" && method == "HEAD")) {
      route_match match{i, {}};
      for (size_t j = 0; j < segments.size(); ++j)
        if (auto name = x.segments[j]; is_variable(name))
          match.values.emplace(name.substr(1, name.size() - 2), segments[j]);
      return match;
    }
    miss.allowed.push_back(x.method);
    if (x.method == "GET")
      miss.allowed.push_back("HEAD");
  }
  return miss;
}

} // namespace coppice::http
