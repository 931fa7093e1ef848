// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

// What holds for requests, whoever answers them.

namespace coppice {

/// The most tasks that one request submits or names.
inline constexpr size_t max_request_tasks = 1'000;

/// The most tasks that one page of a list has.
inline constexpr uint32_t max_page_tasks = 1'000;

/// Checks what can be told of a request before anybody looks into it.
/// @returns `ec::invalid_argument` if it has more than `max_request_tasks`.
result<> check_request(const proto::Request& x);

/// Returns whether *x* changes nothing. Whoever got no answer to it may be told
/// that nobody leads, and ask somebody else.
bool changes_nothing(const proto::Request& x);

/// Returns whether asking twice has the effect of asking once. A submit is:
/// each spec has an idempotency key.
bool is_repeatable(const proto::Request& x);

/// Returns why *reply* refuses *x*, or a part of it, if that may be over in a
/// moment, so that it is worth asking again. Whether that is safe is another
/// question: see `is_repeatable`.
std::optional<error> passing_refusal(const proto::Reply& reply,
                                     const proto::Request& x);

/// Returns how many tasks the answer to *x* has at most.
uint32_t page_limit(const proto::ListRequest& x);

} // namespace coppice
