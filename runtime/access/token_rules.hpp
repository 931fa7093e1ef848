// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/token.pb.h"
#include "runtime/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

// What a bearer token is, for all who make, keep or check one.

namespace coppice {

inline constexpr size_t max_token_name_bytes = 64;

/// Of SHA-256.
inline constexpr size_t token_hash_bytes = 32;

/// Random bytes in a token.
inline constexpr size_t token_secret_bytes = 32;

/// More tokens than these are refused: each gateway has all of them in memory
/// and compares each with what a request brings.
inline constexpr size_t max_tokens = 1'000;

/// Checks a change before it is made: name, role, size of the hash, times.
/// @returns `invalid_argument` that says what is wrong.
result<> check_token_change(const proto::TokenCommand& x);

/// Returns the word for a role: "viewer"; "unknown" for one of a newer version.
std::string_view role_name(proto::TokenRole x) noexcept;

/// Reads the word for a role.
/// @returns `invalid_argument` that names the roles.
result<proto::TokenRole> parse_role(std::string_view text);

/// How a token begins, so that one is told from other secrets.
inline constexpr std::string_view token_prefix = "coppice_";

/// Renders a secret as people get to see it: `token_prefix` and base64url.
/// @pre *secret* has `token_secret_bytes`.
std::string render_token(std::string_view secret);

/// Returns what is stored of a token, SHA-256 of it as it is sent.
std::string hash_token(std::string_view token);

/// Compares two hashes in a time that does not tell where they differ.
bool is_same_hash(std::string_view x, std::string_view y) noexcept;

} // namespace coppice
