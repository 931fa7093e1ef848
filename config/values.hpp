// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"
#include "runtime/error.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// How values are written in config files and on command lines. Strict: what is
// not wholly understood is refused. Every parser returns `invalid_argument`
// with a clause that begins with the quoted text: "'many' is not ...".

namespace coppice {

/// The smallest and the largest value that is allowed, both inclusive.
template <class T>
struct range {
  T least;
  T most;
};

using count_range = range<uint64_t>;
using size_range = range<uint64_t>;
using duration_range = range<std::chrono::milliseconds>;

/// Parses a whole number, e.g. `16`.
result<uint64_t> parse_count(std::string_view text, count_range allowed);

/// Parses a size in bytes with its unit: `64KiB`; B, KiB, MiB, GiB or TiB.
result<uint64_t> parse_size(std::string_view text, size_range allowed);

/// Parses a duration with its unit: `500ms`; ms, s, m, h or d.
result<std::chrono::milliseconds> parse_duration(std::string_view text,
                                                 duration_range allowed);

/// Parses hours of the day, `08:00-18:00`; `never` for none.
result<std::optional<daily_hours>> parse_daily_hours(std::string_view text);

/// Parses `yes`, `true`, `no` or `false`.
result<bool> parse_bool(std::string_view text);

/// Parses a name of 1 to 64 characters of `A-Za-z0-9._-`.
result<std::string> parse_name(std::string_view text);

/// Parses `HOST:PORT`; an IPv6 address stands in brackets.
result<host_port> parse_host_port(std::string_view text);

/// Parses addresses separated by commas; none has port 0.
result<std::vector<host_port>> parse_host_ports(std::string_view text);

/// Reads `NAME=HOST:PORT`, with commas between.
/// @returns an error if a name stands there twice as well.
result<std::vector<node_config::manager_address>>
parse_managers(std::string_view text);

/// Parses one or more of `manager`, `worker` and `gateway`, separated by
/// commas.
result<node_roles> parse_roles(std::string_view text);

/// Parses `debug`, `info`, `warn` or `error`.
result<log_level> parse_log_level(std::string_view text);

/// Parses labels of the form `key=value`, separated by commas.
result<std::map<std::string, std::string>> parse_labels(std::string_view text);

/// Renders *bytes* as `parse_size` reads it, in the largest unit that fits.
std::string show_size(uint64_t bytes);

/// Renders *x* as `parse_duration` reads it, in the largest unit that fits.
std::string show_duration(std::chrono::milliseconds x);

/// Renders *x* as `parse_daily_hours` reads it.
std::string show_daily_hours(const std::optional<daily_hours>& x);

/// Renders *xs* as `parse_host_ports` reads it.
std::string show_host_ports(const std::vector<host_port>& xs);

/// Renders *xs* as `parse_managers` reads it.
std::string show_managers(const std::vector<node_config::manager_address>& xs);

/// Renders *xs* as `parse_labels` reads it.
std::string show_labels(const std::map<std::string, std::string>& xs);

} // namespace coppice
