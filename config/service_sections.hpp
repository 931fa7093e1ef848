// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/settings.hpp"
#include "proto/service.pb.h"
#include "runtime/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// Services as people write them: sections `[service.NAME]`, the same in the
// config file of a node and in a file for `coppice service apply`.

namespace coppice {

/// Returns whether a setting is one of a service.
bool is_of_service(const setting& x);

/// Makes services of the settings of their sections, in the order in which they
/// begin.
/// @returns `invalid_argument` with file, line and key of what is wrong.
result<std::vector<proto::ServiceSpec>>
parse_services(const std::vector<setting>& xs);

/// Reads a file that has services and nothing else.
/// @param name What the file is called in messages.
/// @returns @copydoc parse_services
result<std::vector<proto::ServiceSpec>>
parse_service_file(std::string_view text, const std::string& name);

/// Takes a command line apart as a shell does: words between blanks; single
/// quotes keep everything, double quotes all but `\"` and `\\`, and a backslash
/// the character behind it. Nothing is expanded.
/// @returns `invalid_argument` if a quote is not closed.
result<std::vector<std::string>> parse_words(std::string_view text);

} // namespace coppice
