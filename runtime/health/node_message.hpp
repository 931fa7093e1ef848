// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/node_list.pb.h"
#include "runtime/health/changes_parts.hpp"
#include "runtime/health/list_version.hpp"
#include "runtime/health/node_entry.hpp"

// The list of nodes as it is stored and sent. Numbers that no version of
// Coppice knows come through as they are: see `is_sound`.

namespace coppice {

list_version from_message(const proto::ListVersion& x);

proto::ListVersion to_message(const list_version& x);

node_entry from_message(const proto::NodeListRow& x);

proto::NodeListRow to_message(const node_entry& x);

changes_part from_message(const proto::NodeChangesPart& x);

proto::NodeChangesPart to_message(const changes_part& x);

} // namespace coppice
