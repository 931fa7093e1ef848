// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/kind_table.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace coppice {

/// Name of the product of a spec that names none.
inline constexpr std::string_view default_product = "default";

/// Returns the product of *spec*.
std::string_view effective_product(const proto::TaskSpec& spec);

/// Returns how many slots *spec* takes.
uint32_t weight_of(const proto::TaskSpec& spec);

/// Returns the product of an encoded spec, of which nothing else is looked at.
/// @returns `ec::invalid_argument` if it is no spec as far as can be seen, or
///          the name of the product is none.
result<std::string> peek_product(std::string_view encoded);

/// Checks a task before it is accepted: every rule that `proto/task.proto`
/// states.
/// @param encoded_size Size of the spec as it came, in bytes.
/// @param max_payload The option `task.max_payload`, in bytes.
/// @param kinds What somebody can run.
/// @returns `ec::invalid_argument` with the path of the field, what is wrong
///          with it and what to do.
result<> check_spec(const proto::TaskSpec& spec, size_t encoded_size,
                    size_t max_payload, const kind_table& kinds);

/// Checks a kind before it enters a `kind_table`: its name and its defaults.
/// @returns `ec::invalid_argument`, as `check_spec`.
result<> check_kind(const proto::KindInfo& x);

} // namespace coppice
