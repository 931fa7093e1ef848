// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/forward/route_table.hpp"
#include "gateway/http/message.hpp"
#include "runtime/error.hpp"

#include <string>
#include <string_view>

// Which headers go along with a request, and which do not. Pure.

namespace coppice::forward {

/// Headers between a forwarder and the listener of a node. Whatever a client or
/// a service sends that begins like these is taken out.
inline constexpr std::string_view own_prefix = "coppice-";
inline constexpr std::string_view service_header = "coppice-service";
inline constexpr std::string_view instance_header = "coppice-instance";
inline constexpr std::string_view epoch_header = "coppice-epoch";
inline constexpr std::string_view refused_header = "coppice-refused";

/// Of an answer: the instance is not here.
inline constexpr std::string_view refused_not_here = "not-here";
/// It takes no requests now.
inline constexpr std::string_view refused_not_ready = "not-ready";
/// Nobody knows whether it had an effect.
inline constexpr std::string_view refused_unknown = "unknown";
/// The process broke off before it answered.
inline constexpr std::string_view refused_lost = "lost";
/// It did not answer in time.
inline constexpr std::string_view refused_late = "late";

/// The most that an id of a request may have.
inline constexpr size_t most_id_bytes = 256;

/// What `/s/NAME/rest?query` asks for.
struct service_target {
  std::string name;
  /// With the query, as it came; begins with "/".
  std::string rest;
};

/// Returns whether *target* is below `/s/`, also where it is a whole address.
bool is_service_target(std::string_view target);

/// Takes apart a target below `/s/`.
/// @returns `invalid_argument` if it names no service.
result<service_target> parse_service_target(std::string_view target);

/// Compares without regard to case, as names of headers are.
bool is_same_name(std::string_view x, std::string_view y);

/// Returns whether *name*, in lower case, is for one connection only.
bool is_hop_by_hop(std::string_view name);

/// Returns whether *list*, the value of a header Connection, names *name*.
bool is_listed(std::string_view list, std::string_view name);

/// Returns the id that the client gave, or "".
/// @returns `invalid_argument` if there are several, or it is too long.
result<std::string> client_id(const http::header_list& xs);

/// Returns a new id that nobody else has.
std::string make_id();

/// Says to whom a request goes on.
struct next_hop {
  /// Set on the way to the listener of a node, not on the way to a process.
  const route_place* place = nullptr;
  std::string_view service;
  std::string_view target;
  /// See `client_id`.
  std::string_view id;
  /// Of the body.
  size_t body_bytes = 0;
  /// Whether to add who has sent it, and that it came this way: that is for the
  /// forwarder to say, and not for the listener behind it.
  bool says_sender = false;
};

/// Renders the head of *x* as it goes on: without what is for one connection
/// only, with its id, and with who sent it. Nothing in it can end a line.
std::string render_forwarded(const http::request& x, const next_hop& to);

} // namespace coppice::forward
