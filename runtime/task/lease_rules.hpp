// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/attempt_key.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// What scheduling clients may say, and what it means. A scheduling client is
// not a node: it leases tasks by requests, and the leader of each shard holds a
// worker of the name `client:NAME` in its place.

namespace coppice {

/// The most leases that a client has in one shard.
inline constexpr size_t max_client_leases = 100;

/// How long a client may wait for a task.
inline constexpr std::chrono::milliseconds max_lease_wait
  = std::chrono::seconds{20};

/// The largest checkpoint that a client saves.
inline constexpr size_t max_lease_checkpoint = size_t{1} << 20;

/// Renders the lease on an attempt as clients see it:
/// `PRODUCT.EPOCH.SEQUENCE.ATTEMPT`.
std::string to_lease_id(const attempt_key& x);

/// Reads what `to_lease_id` wrote.
/// @returns `ec::invalid_argument` if *text* is anything else.
result<attempt_key> parse_lease_id(std::string_view text);

/// Returns the name of the worker that stands for a client. No node is called
/// so.
std::string client_node(std::string_view client);

/// Returns the client that a worker stands for; nothing if it is a node.
std::optional<std::string_view> client_of(std::string_view node);

/// Returns whether a client asks for the leases that its request id has got,
/// and for no others. Only between managers.
bool is_recall(const proto::LeaseTasksRequest& x);

/// Checks what a client asks; a recall is none.
/// @returns `ec::invalid_argument`
result<> check_lease_request(const proto::LeaseTasksRequest& x);

/// Checks the news of a client, but for whether there is such a lease.
/// @returns `ec::invalid_argument`
result<> check_lease_news(const proto::ClientLeaseRequest& x);

/// Returns how long a client waits for its first task.
std::chrono::milliseconds lease_wait(const proto::LeaseTasksRequest& x);

/// Returns how many tasks a client asks for.
uint32_t lease_limit(const proto::LeaseTasksRequest& x);

/// Returns the end of an attempt as its client says it. One that was told to
/// stop, and did not succeed, ended because of *stop*.
proto::FinishCommand::Item end_of_lease(const attempt_key& key,
                                        const proto::FinishLease& said,
                                        std::optional<proto::Reason> stop);

/// Returns the end of an attempt whose client was silent.
proto::FinishCommand::Item end_of_silence(const attempt_key& key,
                                          std::string_view client);

/// Returns the end of an attempt that never reached its client.
proto::FinishCommand::Item end_of_unwanted(const attempt_key& key,
                                           std::string_view client);

/// Returns whether an attempt has ended as a client says: then it may say so
/// again and again. Who was told to stop and did may call it a failure.
bool confirms(const proto::Attempt& ended, proto::TaskState said);

} // namespace coppice
