// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace coppice::http {

/// What a route answers to: a method and a path whose segments in braces stand
/// for any one that is not empty, as in `/v1/tasks/{id}`.
struct route_pattern {
  std::string_view method;
  std::string_view path;
};

/// The route that was asked for.
struct route_match {
  /// Index of its pattern.
  size_t route = 0;
  /// What stood where its pattern has braces, by the names in them.
  std::map<std::string, std::string, std::less<>> values;
};

/// No route was asked for.
struct route_miss {
  /// The methods that the path does have; none: there is no such path.
  std::vector<std::string_view> allowed;
};

/// Finds routes. A segment that is spelled out goes before one in braces, so
/// `/v1/tasks/batch` is never the task "batch".
class router {
public:
  explicit router(std::vector<route_pattern> patterns);

  /// @param method HEAD finds what GET finds.
  /// @param segments Of the path, decoded.
  std::variant<route_match, route_miss>
  find(std::string_view method, const std::vector<std::string>& segments) const;

private:
  struct entry {
    std::string_view method;
    std::vector<std::string_view> segments;
  };

  /// Returns whether *x* is as *segments*, and how far it is spelled out.
  static bool fits(const entry& x, const std::vector<std::string>& segments,
                   std::string& rank);

  std::vector<entry> entries_;
};

} // namespace coppice::http
