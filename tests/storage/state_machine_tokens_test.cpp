// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/access/token_rules.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace coppice::test;

namespace {

proto::TokenRow token(const std::string& name, const std::string& secret,
                      proto::TokenRole role = proto::VIEWER) {
  proto::TokenRow x;
  x.set_name(name);
  x.set_role(role);
  x.set_hash(hash_token(secret));
  return x;
}

ec create(machine& m, const proto::TokenRow& row) {
  proto::Command x;
  *x.mutable_token()->mutable_created() = row;
  return static_cast<ec>(m.run(x).token().error().code());
}

ec revoke(machine& m, const std::string& name) {
  proto::Command x;
  x.mutable_token()->set_revoked(name);
  return static_cast<ec>(m.run(x).token().error().code());
}

std::vector<proto::TokenRow> tokens(const machine& m) {
  return m.read([](const table_view& view) { return get_tokens(view); });
}

constexpr auto fine = ec{};

} // namespace

CAF_TEST(a token is made once and may be asked for again) {
  machine m;
  CAF_CHECK(create(m, token("b", "1")) == fine);
  auto before = dump(m.store());
  CAF_CHECK(create(m, token("b", "1")) == fine);
  CAF_CHECK(dump(m.store()) == before);
  CAF_CHECK(create(m, token("a", "2", proto::ADMIN)) == fine);
  auto all = tokens(m);
  CAF_REQUIRE_EQUAL(all.size(), 2u);
  CAF_CHECK(all[0].name() == "a" && all[0].role() == proto::ADMIN);
  CAF_CHECK(all[1].name() == "b" && all[1].created_ms() != 0);
}

CAF_TEST(the time when a token was made is that of its first command) {
  machine m;
  CAF_CHECK(create(m, token("a", "1")) == fine);
  auto first = tokens(m)[0].created_ms();
  auto again = token("a", "1");
  again.set_created_ms(77);
  CAF_CHECK(create(m, again) == fine);
  CAF_CHECK_EQUAL(tokens(m)[0].created_ms(), first);
}

CAF_TEST(a name is not taken twice) {
  machine m;
  CAF_CHECK(create(m, token("a", "1")) == fine);
  CAF_CHECK(create(m, token("a", "2")) == ec::conflict);
  CAF_CHECK(create(m, token("a", "1", proto::ADMIN)) == ec::conflict);
  auto other = token("a", "1");
  other.set_expires_ms(5);
  CAF_CHECK(create(m, other) == ec::conflict);
  // One token, one role.
  CAF_CHECK(create(m, token("b", "1", proto::ADMIN)) == ec::conflict);
  CAF_CHECK_EQUAL(tokens(m).size(), 1u);
}

CAF_TEST(what is revoked is gone and its name is free) {
  machine m;
  CAF_CHECK(revoke(m, "a") == ec::not_found);
  CAF_CHECK(create(m, token("a", "1")) == fine);
  CAF_CHECK(revoke(m, "a") == fine);
  CAF_CHECK(revoke(m, "a") == ec::not_found);
  CAF_CHECK(tokens(m).empty());
  CAF_CHECK(create(m, token("a", "2")) == fine);
}

CAF_TEST(wild commands change nothing) {
  machine m;
  auto wild = token("a b", "1");
  CAF_CHECK(create(m, wild) == ec::invalid_argument);
  CAF_CHECK(revoke(m, "") == ec::invalid_argument);
  proto::Command x;
  x.mutable_token();
  CAF_CHECK(m.run(x).token().has_error());
  CAF_CHECK(tokens(m).empty());
}

CAF_TEST(there are at most so many tokens) {
  machine m;
  for (size_t i = 0; i < max_tokens; ++i) {
    auto n = std::to_string(i);
    demand(create(m, token("t" + n, n)) == fine, "not made: " + n);
  }
  CAF_CHECK(create(m, token("more", "x")) == ec::conflict);
  CAF_CHECK(create(m, token("t0", "0")) == fine);
  CAF_CHECK(revoke(m, "t1") == fine);
  CAF_CHECK(create(m, token("more", "x")) == fine);
}
