// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/task_id.hpp"
#include "storage/tables.hpp"
#include "storage/task_query.hpp"

#include <functional>
#include <string>
#include <vector>

// What clients read of tasks: of a leader, or of any manager that has tables.

namespace coppice {

/// Parses the ids of a request.
/// @returns `invalid_argument` if one is none.
result<std::vector<task_id>>
parse_ids(const google::protobuf::RepeatedPtrField<std::string>& texts);

/// Writes what tables say into a reply.
using reply_writer = std::function<result<>(const table_view&, proto::Reply&)>;

/// Returns what *f* writes, or why it cannot.
proto::Reply read_tables(const tables& from, const reply_writer& f);

/// Lists tasks.
/// @param amend Adds what is not in the tables.
proto::Reply list_reply(const tables& from, const proto::ListRequest& x,
                        const task_amendment& amend);

/// Shows tasks by their ids.
/// @param amend Adds what is not in the tables.
proto::Reply get_reply(const tables& from, const proto::GetRequest& x,
                       const task_amendment& amend);

} // namespace coppice
