// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class formatter;
} // namespace spdlog

/// The log of a process: one sentence a line, on standard error.
///
/// error: someone must act; warn: it may go wrong; info: life cycle, readable
/// without the source; debug: per message. Payloads are never logged.
///
/// spdlog writes the lines, and only `log.cpp` includes it: formatting that is
/// made in each file that logs is half of the time that it takes to compile.
namespace coppice::log {

enum class level : uint8_t { debug, info, warn, error };

/// Writes one line, or nothing if the log is set to less.
void write(level severity, fmt::string_view format, fmt::format_args args);

template <class... Ts>
void debug(fmt::format_string<Ts...> format, Ts&&... xs) {
  write(level::debug, format, fmt::make_format_args(xs...));
}

template <class... Ts>
void info(fmt::format_string<Ts...> format, Ts&&... xs) {
  write(level::info, format, fmt::make_format_args(xs...));
}

template <class... Ts>
void warn(fmt::format_string<Ts...> format, Ts&&... xs) {
  write(level::warn, format, fmt::make_format_args(xs...));
}

template <class... Ts>
void error(fmt::format_string<Ts...> format, Ts&&... xs) {
  write(level::error, format, fmt::make_format_args(xs...));
}

/// Sets format and level.
/// @param level debug, info, warn, error or off.
/// @param who Goes into each line, e.g. the name of the node.
void init(const std::string& level, const std::string& who);

/// Returns how a line looks: when, level, *who*, text.
std::unique_ptr<spdlog::formatter> line_format(const std::string& who);

} // namespace coppice::log
