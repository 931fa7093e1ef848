// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/http/message.hpp"
#include "runtime/error.hpp"

#include <string>
#include <string_view>

namespace coppice::http {

/// Returns an answer in problem JSON (RFC 9457).
/// @param code For programs.
/// @param detail For people; what is no UTF-8 in it is replaced.
response problem(unsigned status, std::string_view code,
                 std::string_view detail);

/// Returns the status that tells clients what *x* means to them. Also of codes
/// of a newer peer.
unsigned status_of(ec x) noexcept;

/// Returns the answer that says *x*.
response problem(const error& x);

} // namespace coppice::http
