// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "storage/consensus/replica.hpp"
#include "storage/log_store.hpp"

#include <cstdint>
#include <optional>

namespace coppice {

/// Brings a log store into a state that an engine can start on: checks the
/// options, bootstraps an empty log, resets one that is behind the tables, and
/// begins a new term if this is the only voter.
/// @param applied The last entry in the tables behind the log; see
///        `replica::start`.
/// @returns What the store has then, or why the replica must not start.
result<log_image> prepare_log(const replica_options& options, log_store& store,
                              const log_base& applied);

/// Returns what to tell the engine of the tables, so that it takes all up to
/// *applied* for committed; nothing if they are empty.
/// @pre *x* was prepared.
std::optional<log_base> snapshot_at(const log_image& x, uint64_t applied);

} // namespace coppice
