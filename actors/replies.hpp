// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/task_id.hpp"

#include <caf/fwd.hpp>

#include <cstdint>
#include <string>

namespace coppice {

/// Writes *x* as peers see it.
void set_error(proto::Error& out, const error& x);

/// Reads what a peer wrote; an unknown code stays what it is.
error to_error(const proto::Error& x);

/// Returns a reply that refuses a request as a whole.
proto::Reply refusal(const error& x);

/// @copydoc refusal
proto::Reply refusal(ec code, std::string message);

/// Says that nobody knows whether a proposal took effect.
proto::Error unknown_outcome(const caf::error& why);

/// Says that what changes nothing was not answered: it has to be asked again.
proto::Error lost_read(const caf::error& why);

/// Says that a node belongs elsewhere.
std::string other_cluster(const std::string& own, const std::string& node,
                          const std::string& named);

/// Returns the time of day, Unix time in milliseconds.
int64_t wall_clock_ms();

proto::TaskRef to_ref(const task_id& x);

task_id from_ref(const proto::TaskRef& x);

} // namespace coppice
