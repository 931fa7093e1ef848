// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/error.hpp"

#include <google/protobuf/duration.pb.h>

#include <string>
#include <string_view>

namespace coppice {

// Parts of `check_spec`. All return `ec::invalid_argument` with the path of the
// field, what is wrong with it and what to do.

/// Returns the error that *field* has: *what* continues the sentence.
error bad_field(std::string_view field, const std::string& what);

/// Checks that *x* is UTF-8. Parsing a message checks its text as well, but a
/// C++ program can put anything in.
result<> check_text(std::string_view field, std::string_view x);

/// Checks that *x* is valid and from 0 to 10 years.
result<> check_duration(std::string_view field,
                        const google::protobuf::Duration& x);

/// Checks that the payload is one that the kind takes, and that it makes sense.
/// @pre The kind is known.
result<> check_payload(const proto::TaskSpec& spec);

} // namespace coppice
