// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/api/access.hpp"
#include "gateway/http/message.hpp"
#include "gateway/http/target.hpp"
#include "proto/api.pb.h"
#include "runtime/error.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The HTTP API: what there is to ask for. Pure; actors and sockets are
// elsewhere.

namespace coppice::api {

/// A request of the API, taken apart and checked against its route.
struct call {
  /// By the names in braces.
  std::map<std::string, std::string, std::less<>> path;
  /// Only parameters that the route has.
  http::query_list query;
  http::header_list headers;
  std::string body;

  /// Returns a parameter of the query, if it is there.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

/// Makes of a call what the cluster is asked, and of its reply the answer.
struct question {
  /// @returns `invalid_argument` that says what is wrong with the call.
  result<proto::Request> (*ask)(const call&) = nullptr;
  /// @pre Nothing refuses the request as a whole, unless this is a probe.
  http::response (*answer)(const call&, const proto::Reply&) = nullptr;
  /// It finds out how things stand: asked once, and errors are answers.
  bool is_probe = false;
};

/// What the gateway answers without asking.
struct own_answer {
  http::response (*answer)() = nullptr;
};

class stream;

using stream_ptr = std::unique_ptr<stream>;

/// Makes an answer that comes in parts, see stream.hpp.
struct streaming {
  /// @returns `invalid_argument` that says what is wrong with the call.
  result<stream_ptr> (*open)(const call&) = nullptr;
};

/// The numbers of the gateway, which it has itself.
struct metrics_answer {};

/// A parameter of a query.
struct parameter {
  std::string_view name;
  /// It may be given more than once.
  bool repeats = false;
};

/// What becomes of the body of a request.
enum class body_use { none, optional, required };

/// A part of the API.
struct route {
  std::string_view method;
  /// With names in braces: `/v1/tasks/{id}`.
  std::string_view path;
  /// Its name in the description, and in metrics.
  std::string_view operation;
  std::vector<parameter> parameters;
  body_use body = body_use::none;
  std::variant<question, own_answer, streaming, metrics_answer> serve;
  /// The least role it takes once there are tokens; `TOKEN_ROLE_UNKNOWN`:
  /// anybody may ask, without a token.
  proto::TokenRole least = proto::VIEWER;
};

/// Returns the whole API.
const std::vector<route>& routes();

/// A request and its route.
struct routed_call {
  const route* what = nullptr;
  call x;
};

/// Finds the route of a request and checks what can be checked before it is
/// understood; that who asks may, before all else.
/// @param known See `admit`.
/// @param now_ms Unix time in milliseconds.
/// @returns an answer that refuses it, if it is not to be served.
std::variant<routed_call, http::response>
route_request(http::request x, const token_book* known, int64_t now_ms);

} // namespace coppice::api
