// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"
#include "storage/table_view.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

/// The rules by which commands change the tables. Deterministic: equal tables
/// and equal entries give equal tables and equal outcomes on every replica, in
/// every build. Nothing here reads a clock, draws a number or talks.
///
/// They accept or refuse by compare-and-set; who gets which task, and when
/// something has expired, is the leader's policy and none of theirs.
namespace coppice::state_machine {

/// What is longer is refused.
inline constexpr size_t max_product_bytes = 128;
inline constexpr size_t max_kind_bytes = 64;
inline constexpr size_t max_labels = 16;
inline constexpr size_t max_label_bytes = 200;
inline constexpr size_t max_key_bytes = 256;
inline constexpr size_t max_node_bytes = 256;
inline constexpr size_t max_spec_bytes = size_t{16} << 20;
inline constexpr int32_t max_priority = 9;
inline constexpr size_t max_chunk_bytes = size_t{256} << 10;
inline constexpr size_t max_checkpoint_bytes = size_t{16} << 20;
inline constexpr uint32_t max_chunks = max_checkpoint_bytes / max_chunk_bytes;

/// What is longer is cut.
inline constexpr size_t max_result_bytes = size_t{16} << 10;
inline constexpr size_t max_message_bytes = size_t{4} << 10;
inline constexpr size_t max_code_bytes = 64;

/// Pause after an attempt that does not count against the retry policy, because
/// it never started or its node was stopped in good order: it doubles with each
/// such attempt up to the maximum, so that a node that refuses for ever, or a
/// task that stops its node, costs little.
inline constexpr auto min_uncounted_pause = std::chrono::milliseconds{250};
inline constexpr auto max_uncounted_pause = std::chrono::milliseconds{16'000};

/// Applies one entry of the log.
///
/// A row that does not decode becomes the failure of *view*; the outcomes are
/// worth nothing then.
/// @param index Place of the entry in the log. No rule depends on it.
/// @returns One outcome per command, in their order; one without a kind for a
///          command that this version does not know.
std::vector<proto::Outcome> apply(table_view& view, uint64_t index,
                                  const proto::Entry& entry);

} // namespace coppice::state_machine
