// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <google/protobuf/duration.pb.h>

#include <chrono>
#include <string>
#include <string_view>

namespace coppice {

/// Reads a duration as people write it: whole numbers with the units `d`, `h`,
/// `m`, `s` and `ms`, from the largest to the smallest, each at most once, e.g.
/// "500ms", "10m", "1h30m", "0s". Neither sign, space nor fraction.
/// @returns `ec::invalid_argument` if *text* is anything else, or too long for
///          64 bits of milliseconds.
result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Renders *x* so that `parse_duration` reads it back, e.g. "1h30m". A negative
/// one gets a minus, which is for people only.
std::string format_duration(std::chrono::milliseconds x);

/// The longest duration that a spec may state: 10 years.
inline constexpr std::chrono::milliseconds max_stated_duration
  = std::chrono::hours{24} * 3'653;

/// Returns *x* in milliseconds. Parts of one are rounded up, so that what is
/// not zero does not become zero; what is not from 0 to `max_stated_duration`
/// is cut.
std::chrono::milliseconds to_milliseconds(const google::protobuf::Duration& x);

/// Returns *x* as messages carry it.
google::protobuf::Duration to_proto(std::chrono::milliseconds x);

} // namespace coppice
