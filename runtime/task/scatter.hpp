// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/task/task_id.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

// A request for several shards is cut into one for each, and their answers
// become one again. Tasks are asked for by id, and each id is in one shard.

namespace coppice {

/// The part of a request that is for one shard.
struct shard_request {
  uint32_t shard = 0;
  proto::Request request;
  /// The places of its tasks in the whole request.
  std::vector<int> places;
};

/// Returns the shard that has a task, if there is a binding that it names.
using shard_finder = std::function<std::optional<uint32_t>(const task_id&)>;

/// Returns the ids that *x* names: get, cancel, retry, explain, log,
/// client_lease.
std::vector<std::string> ids_of(const proto::Request& x);

/// Cuts a request that names tasks. What is no id, or in no shard, is refused
/// in *out*: as an item of its own where the request may have several.
/// @param out Gets an item for each id.
std::vector<shard_request> scatter(const proto::Request& x,
                                   const shard_finder& find, proto::Reply& out);

/// Puts the answer to a part into the whole one. An answer that refuses the
/// part refuses the whole, but for what must not be repeated: there it refuses
/// the tasks of the part.
void gather(const shard_request& part, proto::Reply&& answer,
            proto::Reply& out);

/// Makes one page of the pages of several shards.
/// @param limit The most tasks of a page.
proto::Reply merge_lists(std::vector<proto::Reply> answers, uint32_t limit);

/// Makes one list of the nodes as several shards see them.
proto::Reply merge_nodes(std::vector<proto::Reply> answers);

/// Makes one answer of those of several shards that were to release a node. One
/// that refuses refuses the whole: to ask again is safe.
proto::Reply merge_releases(std::vector<proto::Reply> answers);

} // namespace coppice
