// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"

namespace coppice {

/// Puts together what is known of nodes.
/// @param list What the list of nodes says of them.
/// @param work What the shards say of those that run tasks, or why they do not.
/// @returns One reply: all nodes of either, ordered by name. Where only the
///          shards do not answer, a note says so.
proto::Reply node_overview(proto::Reply list, proto::Reply work);

} // namespace coppice
