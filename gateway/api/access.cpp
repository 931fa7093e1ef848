// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/access.hpp"

#include "gateway/http/problem.hpp"
#include "runtime/access/token_rules.hpp"

#include <algorithm>
#include <string>

namespace coppice::api {

namespace {

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) // An IPv6 address.
    return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_own_name(std::string_view host) {
  auto name = without_port(host);
  // All of 127/8 as digits, but no name such as 127.example.com.
  return name == "localhost" || name == "[::1]"
         || (name.starts_with("127.")
             && name.find_first_not_of("0123456789.")
                  == std::string_view::npos);
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD";
}

bool begins_with_bearer(std::string_view x) {
  constexpr std::string_view scheme = "bearer ";
  auto same = [](char a, char b) {
    return a == b || (b >= 'A' && b <= 'Z' && b - 'A' + 'a' == a);
  };
  return x.size() > scheme.size()
         && std::equal(scheme.begin(), scheme.end(), x.begin(), same);
}

/// Returns the token of a request; empty if it brings none.
std::string_view bearer_of(const http::request& x) {
  auto value = http::find_header(x.headers, "authorization");
  if (!begins_with_bearer(value))
    return {};
  value.remove_prefix(std::string_view{"Bearer "}.size());
  while (value.starts_with(' '))
    value.remove_prefix(1);
  return value;
}

/// Refuses in the words of RFC 6750.
/// @param more Of the challenge, behind its realm.
http::response challenge(unsigned status, std::string_view code,
                         std::string_view detail, std::string_view more) {
  auto result = http::problem(status, code, detail);
  result.headers.emplace_back("WWW-Authenticate",
                              "Bearer realm=\"coppice\"" + std::string{more});
  return result;
}

std::optional<http::response>
check_token(const http::request& x, const token_book& known, int64_t now_ms,
            proto::TokenRole least) {
  auto is_one = [](auto& y) { return y.first == "authorization"; };
  if (std::count_if(x.headers.begin(), x.headers.end(), is_one) > 1)
    return challenge(400, "bad_request",
                     "there is more than one header Authorization",
                     ", error=\"invalid_request\"");
  auto token = bearer_of(x);
  if (token.empty())
    return challenge(401, "unauthorized",
                     "this cluster wants a token: send the header"
                     " 'Authorization: Bearer TOKEN'; 'coppice token create'"
                     " makes one",
                     {});
  auto role = known.find(token, now_ms);
  if (!role)
    return challenge(401, "unauthorized",
                     "the token is not known, has expired or was revoked",
                     ", error=\"invalid_token\"");
  if (*role >= least && *role <= proto::ADMIN)
    return std::nullopt;
  auto needed = std::string{role_name(least)};
  return challenge(403, "forbidden",
                   "this needs a token with the role " + needed
                     + ", and this one is for the role "
                     + std::string{role_name(*role)},
                   ", error=\"insufficient_scope\", scope=\"" + needed + '"');
}

} // namespace

token_book::token_book(const proto::TokensReply& x)
  : rows_(x.tokens().begin(), x.tokens().end()) {
  // nop
}

std::optional<proto::TokenRole> token_book::find(std::string_view token,
                                                 int64_t now_ms) const {
  auto hash = hash_token(token);
  std::optional<proto::TokenRole> found;
  for (auto& x : rows_)
    if (is_same_hash(x.hash(), hash)
        && (x.expires_ms() == 0 || now_ms < x.expires_ms()))
      found = x.role();
  return found;
}

std::optional<http::response> refuse_browsers(const http::request& x) {
  // A name of somebody else that resolves to this machine: the page that it
  // came from believes to speak to its own server.
  auto host = http::find_header(x.headers, "host");
  if (!host.empty() && !is_own_name(host))
    return http::problem(421, "misdirected_request",
                         "this gateway serves this machine only: say"
                         " localhost or 127.0.0.1");
  if (!changes_something(x.method))
    return std::nullopt;
  auto origin = http::find_header(x.headers, "origin");
  auto site = http::find_header(x.headers, "sec-fetch-site");
  auto is_own = origin.empty() || origin == "http://" + std::string{host};
  auto is_here = site.empty() || site == "same-origin" || site == "none";
  if (!is_own || !is_here)
    return http::problem(403, "forbidden",
                         "a page of another site may change nothing here");
  return std::nullopt;
}

std::optional<http::response> admit(const http::request& x,
                                    const token_book* known, int64_t now_ms,
                                    proto::TokenRole least) {
  auto wants_token = known && !known->empty();
  // Health is no secret, and who looks at it may be another machine.
  if (least == proto::TOKEN_ROLE_UNKNOWN)
    return !wants_token && x.from_loopback ? refuse_browsers(x) : std::nullopt;
  if (wants_token)
    return check_token(x, *known, now_ms, least);
  if (x.from_loopback)
    if (auto refused = refuse_browsers(x))
      return refused;
  // Not known is not none.
  if (!known) {
    auto result = http::problem(503, "not_ready", tokens_unknown);
    if (http::find_header(result.headers, "Retry-After").empty())
      result.headers.emplace_back("Retry-After", "1");
    return result;
  }
  // Who shows one of this cluster expects that it counts: it was revoked.
  if (bearer_of(x).starts_with(token_prefix))
    return challenge(401, "unauthorized",
                     "the token was revoked; there are none at this time",
                     ", error=\"invalid_token\"");
  if (x.from_loopback)
    return std::nullopt;
  return http::problem(403, "forbidden",
                       "without tokens this gateway serves its own machine"
                       " only; 'coppice token create' makes the first one");
}

} // namespace coppice::api
