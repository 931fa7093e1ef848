// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

namespace coppice {

/// Renders *x* as protobuf JSON on one line: names in lowerCamelCase, and what
/// has its default value left out.
std::string to_json(const google::protobuf::Message& x);

/// Reads *x* from protobuf JSON, strictly: what it does not know it refuses.
/// @returns `invalid_argument` with one line that says what is wrong; it may
///          quote *json*, control characters included.
result<> from_json(std::string_view json, google::protobuf::Message& x);

} // namespace coppice
