// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coppice {

/// Says in sentences why *x* is in its state, and what happens next.
/// @param now_ms Unix time in milliseconds.
std::vector<std::string> explain_state(const proto::Task& x, int64_t now_ms);

/// Says *x* for people.
const char* describe(proto::Reason x) noexcept;

} // namespace coppice
