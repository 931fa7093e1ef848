// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/api/routes.hpp"

#include <google/protobuf/message.h>

#include <cstdint>
#include <string_view>

// What the handlers of the API have in common.

namespace coppice::api {

/// Returns an answer in protobuf JSON.
http::response json(const google::protobuf::Message& x, unsigned status = 200);

/// Returns the answer to a refusal of one task or node.
http::response refused(const proto::Error& x);

/// Returns a number of the query, 0 if it is not there.
result<uint32_t> number(const call& x, std::string_view name, uint32_t most);

/// Returns whether a parameter of the query is `true`; `false` and none are
/// not.
result<bool> flag(const call& x, std::string_view name);

/// Returns the task id of the path.
result<std::string> task(const call& x);

/// The routes, by what they are about.
void add_task_routes(std::vector<route>& xs);
void add_lease_routes(std::vector<route>& xs);
void add_node_routes(std::vector<route>& xs);
void add_service_routes(std::vector<route>& xs);
void add_gateway_routes(std::vector<route>& xs);

} // namespace coppice::api
