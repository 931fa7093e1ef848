// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/access/token_rules.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

proto::TokenCommand good() {
  proto::TokenCommand x;
  x.mutable_created()->set_name("ci");
  x.mutable_created()->set_role(proto::OPERATOR);
  x.mutable_created()->set_hash(std::string(32, 'h'));
  return x;
}

bool is_refused(const proto::TokenCommand& x) {
  auto okay = check_token_change(x);
  return !okay && okay.error().code == ec::invalid_argument;
}

} // namespace

CAF_TEST(what no token can be is refused) {
  CAF_CHECK(check_token_change(good()));
  CAF_CHECK(is_refused({}));
  for (auto* name : {"", "a b", "a/b", "\xff"}) {
    auto x = good();
    x.mutable_created()->set_name(name);
    CAF_CHECK(is_refused(x));
    proto::TokenCommand y;
    y.set_revoked(name);
    CAF_CHECK(is_refused(y));
  }
  auto x = good();
  x.mutable_created()->set_name(std::string(65, 'n'));
  CAF_CHECK(is_refused(x));
  for (auto role : {0, 4, -1, 99}) {
    x = good();
    x.mutable_created()->set_role(static_cast<proto::TokenRole>(role));
    CAF_CHECK(is_refused(x));
  }
  for (size_t bytes : {0, 31, 33}) {
    x = good();
    x.mutable_created()->set_hash(std::string(bytes, 'h'));
    CAF_CHECK(is_refused(x));
  }
  x = good();
  x.mutable_created()->set_expires_ms(-1);
  CAF_CHECK(is_refused(x));
}

CAF_TEST(roles have words) {
  for (auto role : {proto::VIEWER, proto::OPERATOR, proto::ADMIN}) {
    auto read = parse_role(role_name(role));
    CAF_REQUIRE(read);
    CAF_CHECK(read.value() == role);
  }
  CAF_CHECK(!parse_role("Viewer"));
  CAF_CHECK(!parse_role("unknown"));
}

CAF_TEST(a token is its secret in base64url) {
  auto zeros = render_token(std::string(32, '\0'));
  CAF_CHECK_EQUAL(zeros, "coppice_" + std::string(43, 'A'));
  auto ones = render_token(std::string(32, '\xff'));
  CAF_CHECK_EQUAL(ones, "coppice_" + std::string(42, '_') + "8");
  std::string counted;
  for (char c = 0; c < 32; ++c)
    counted += c;
  auto text = render_token(counted);
  CAF_CHECK_EQUAL(text, "coppice_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
}

CAF_TEST(what is stored is the sum of the token as it is sent) {
  std::string hex;
  for (unsigned char c : hash_token("abc")) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  CAF_CHECK_EQUAL(hex, "ba7816bf8f01cfea414140de5dae2223"
                       "b00361a396177a9cb410ff61f20015ad");
  CAF_CHECK(is_same_hash(hash_token("a"), hash_token("a")));
  CAF_CHECK(!is_same_hash(hash_token("a"), hash_token("b")));
  CAF_CHECK(!is_same_hash(hash_token("a"), hash_token("a").substr(1)));
}
