// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice::http {

/// Parameters of a query, decoded, in the order in which they came.
using query_list = std::vector<std::pair<std::string, std::string>>;

/// What a request line asks for.
struct target {
  /// Of the path, decoded: `/v1/tasks/a%2Fb` is "v1", "tasks", "a/b".
  std::vector<std::string> segments;
  query_list query;
};

/// Takes the target of a request apart: `/path?query`, or the same behind
/// `http://host`.
/// @returns `invalid_argument` for what is none, or hides control characters or
///          bytes that are no UTF-8.
result<target> parse_target(std::string_view text);

/// Returns *text* with `%XX` as the bytes that are meant, and `+` as a blank if
/// *plus* says so.
/// @returns `invalid_argument` as `parse_target`.
result<std::string> percent_decode(std::string_view text, bool plus);

/// Cuts a path into its segments, without decoding.
std::vector<std::string_view> split_path(std::string_view path);

} // namespace coppice::http
