// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_key.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

CAF_TEST(a key is read as it is written) {
  node_key x{"blue", "n-1.example"};
  CAF_CHECK_EQUAL(to_string(x), "blue/n-1.example");
  CAF_CHECK(parse_node_key(to_string(x)).value() == x);
}

CAF_TEST(what is not two names is refused) {
  for (auto* text : {"", "/", "a", "a/", "/b", "a/b/c", "a//b"})
    CAF_CHECK(parse_node_key(text).has_error());
}
