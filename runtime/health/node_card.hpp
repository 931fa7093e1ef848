// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "proto/node_list.pb.h"
#include "runtime/health/node_entry.hpp"

#include <string_view>

namespace coppice {

/// Reads what a node says of itself; an empty card if that does not decode.
proto::NodeCard decode_card(std::string_view x);

/// Says of a node what its row in the list says.
void describe(const node_entry& x, proto::Node& out);

} // namespace coppice
