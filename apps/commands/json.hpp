// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/error.hpp"

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

namespace coppice {

/// Renders *x* as protobuf JSON on one line: names in lowerCamelCase, and what
/// has its default value left out.
std::string to_json(const google::protobuf::Message& x);

/// Reads a task spec from protobuf JSON.
/// @returns `invalid_argument` that says what is wrong, on one line.
result<proto::TaskSpec> parse_spec(std::string_view json);

} // namespace coppice
