// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/regeneration.pb.h"
#include "storage/table_view.hpp"

#include <cstdint>
#include <optional>
#include <vector>

// The regenerations, in the tables of the cluster group. Only the state machine
// changes them.

namespace coppice {

std::optional<proto::RegenerationRow> get_regeneration(const table_view& view,
                                                       uint64_t number);

/// Returns all of them in their order: those under way, and the last that
/// ended.
std::vector<proto::RegenerationRow> get_regenerations(const table_view& view);

void put_regeneration(table_view& view, const proto::RegenerationRow& x);

void erase_regeneration(table_view& view, uint64_t number);

} // namespace coppice
