// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/http/message.hpp"
#include "proto/api.pb.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// Who may ask what. Pure.

namespace coppice::api {

/// Said as long as a gateway does not know the tokens.
inline constexpr auto tokens_unknown
  = "not ready yet: this gateway has not heard from the cluster which tokens"
    " there are";

/// The tokens of the cluster, as of one moment.
class token_book {
public:
  token_book() = default;

  explicit token_book(const proto::TokensReply& x);

  /// Returns whether there are none at all. One that has expired counts:
  /// nothing opens because time goes by.
  bool empty() const noexcept {
    return rows_.empty();
  }

  /// Returns what the bearer of *token* may do; nothing if it is not known or
  /// has expired. Takes as long for any token.
  std::optional<proto::TokenRole> find(std::string_view token,
                                       int64_t now_ms) const;

private:
  std::vector<proto::TokenRow> rows_;
};

/// Decides whether a request is served, whatever it asks for.
///
/// Once there are tokens each request needs one, from wherever it comes.
/// Without any this machine may do everything, but for pages that a browser
/// shows, and others nothing.
/// @param known Null: not heard of yet; then nobody is served.
/// @param now_ms Unix time in milliseconds.
/// @param least The role it takes; `TOKEN_ROLE_UNKNOWN`: none.
/// @returns an answer that refuses it, or nothing.
std::optional<http::response> admit(const http::request& x,
                                    const token_book* known, int64_t now_ms,
                                    proto::TokenRole least);

/// Returns why a request may have been made by a page that a browser shows,
/// behind the back of who looks at it; nothing if it was not. As long as nobody
/// has to prove who he is, whoever can reach the port may do anything, and a
/// browser on this machine can. No browser knows a token.
std::optional<http::response> refuse_browsers(const http::request& x);

} // namespace coppice::api
