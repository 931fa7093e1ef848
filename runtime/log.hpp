// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

/// The log of a process: one sentence a line, on standard error.
///
/// error: someone must act; warn: it may go wrong; info: life cycle, readable
/// without the source; debug: per message. Payloads are never logged.
namespace coppice::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

/// Sets format and level.
/// @param level debug, info, warn, error or off.
/// @param who Goes into each line, e.g. the name of the node.
void init(const std::string& level, const std::string& who);

/// Returns how a line looks: when, level, *who*, text.
std::unique_ptr<spdlog::formatter> line_format(const std::string& who);

} // namespace coppice::log
