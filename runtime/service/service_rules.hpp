// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/service.pb.h"
#include "runtime/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace coppice {

inline constexpr uint32_t max_service_instances = 100;

/// Checks the name of a service: 1 to 64 of [A-Za-z0-9._-].
/// @returns `ec::invalid_argument` with what is wrong.
result<> check_service_name(std::string_view x);

/// Checks a service before it is accepted: every rule that
/// `proto/service.proto` states.
/// @returns `ec::invalid_argument` with the field, what is wrong with it and
///          what to do.
result<> check_service(const proto::ServiceSpec& x);

/// Returns whether what it does is kept in a journal.
bool has_journal(const proto::ServiceSpec& x);

/// Returns how many instances are wanted.
uint32_t instances_of(const proto::ServiceSpec& x);

/// Returns the shard that has the journal of a new service.
/// @param shards How many there are, not 0.
uint32_t journal_shard(std::string_view service, uint32_t shards);

/// Returns the name of *x* for people.
const char* describe(proto::ServiceStatus x) noexcept;

} // namespace coppice
