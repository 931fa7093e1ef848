// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "proto/service.pb.h"
#include "runtime/error.hpp"
#include "runtime/health/node_entry.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace coppice {

/// @returns nullptr if there is no such node.
const node_entry* find_node(const std::vector<node_entry>& nodes,
                            std::string_view name);

/// @returns nullptr if there is no such service.
const proto::ServiceRow*
find_service(const std::vector<proto::ServiceRow>& services,
             std::string_view name);

/// Returns whether nothing runs at a place any more.
bool is_over(const proto::ServicePlace& x);

/// Returns what *target* means: a node, all instances of a service, or one as
/// in "web/0"; "node:" or "service:" in front says which of both. One row with
/// names for each.
/// @returns `not_found` or `invalid_argument` with what people can do.
result<std::vector<proto::RegenerationRow>>
find_targets(const std::string& target, const std::vector<node_entry>& nodes,
             const std::vector<proto::ServiceRow>& services);

} // namespace coppice
