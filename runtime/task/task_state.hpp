// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"

namespace coppice {

/// Returns whether a task in this state stays in it, unless people retry it.
bool has_ended(proto::TaskState x) noexcept;

/// Returns the state as a word for people: "waiting", "timed out"; "unknown"
/// for a number from a newer peer.
const char* state_name(proto::TaskState x) noexcept;

/// Returns the verb for a sentence that goes on with the name of the state: a
/// task *is* running, *has* failed, *was* cancelled.
const char* state_verb(proto::TaskState x) noexcept;

} // namespace coppice
