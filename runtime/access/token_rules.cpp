// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/access/token_rules.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace coppice {

namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

result<> check_name(std::string_view name) {
  if (name.empty() || name.size() > max_token_name_bytes
      || !std::all_of(name.begin(), name.end(), is_name_character))
    return error{ec::invalid_argument, "the name of a token has 1 to "
                                         + std::to_string(max_token_name_bytes)
                                         + " characters of A-Za-z0-9._-"};
  return ok();
}

result<> check_row(const proto::TokenRow& x) {
  if (auto okay = check_name(x.name()); !okay)
    return okay;
  auto fail = [&](std::string_view what) {
    return error{ec::invalid_argument,
                 "token '" + x.name() + "': " + std::string{what}};
  };
  if (x.role() < proto::VIEWER || x.role() > proto::ADMIN)
    return fail("the role is none of viewer, operator and admin");
  if (x.hash().size() != token_hash_bytes)
    return fail("the hash has not 32 bytes");
  if (x.expires_ms() < 0)
    return fail("the time when it expires is before 1970");
  return ok();
}

} // namespace

result<> check_token_change(const proto::TokenCommand& x) {
  switch (x.change_case()) {
    case proto::TokenCommand::kCreated:
      return check_row(x.created());
    case proto::TokenCommand::kRevoked:
      return check_name(x.revoked());
    case proto::TokenCommand::CHANGE_NOT_SET:
      break;
  }
  return error{ec::invalid_argument, "nothing is said of a token"};
}

std::string_view role_name(proto::TokenRole x) noexcept {
  switch (x) {
    case proto::VIEWER:
      return "viewer";
    case proto::OPERATOR:
      return "operator";
    case proto::ADMIN:
      return "admin";
    default: // Protobuf's own, and those of a newer version.
      return "unknown";
  }
}

result<proto::TokenRole> parse_role(std::string_view text) {
  for (auto x : {proto::VIEWER, proto::OPERATOR, proto::ADMIN})
    if (text == role_name(x))
      return x;
  return error{ec::invalid_argument,
               "a role is viewer, operator or admin, and not '"
                 + std::string{text} + "'"};
}

std::string render_token(std::string_view secret) {
  constexpr std::string_view digits
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out{token_prefix};
  uint32_t bits = 0;
  auto n = 0;
  for (auto c : secret) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (n += 8; n >= 6; n -= 6)
      out += digits[bits >> (n - 6) & 63];
  }
  if (n > 0)
    out += digits[bits << (6 - n) & 63];
  return out;
}

std::string hash_token(std::string_view token) {
  std::array<unsigned char, token_hash_bytes> out{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         out.data());
  return {out.begin(), out.end()};
}

bool is_same_hash(std::string_view x, std::string_view y) noexcept {
  return x.size() == y.size()
         && CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
}

} // namespace coppice
