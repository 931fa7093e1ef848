// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/error.hpp"
#include "runtime/proto_json.hpp"

#include <string_view>

namespace coppice {

/// Reads a task spec from protobuf JSON.
/// @returns `invalid_argument` that says what is wrong, on one line.
result<proto::TaskSpec> parse_spec(std::string_view json);

} // namespace coppice
