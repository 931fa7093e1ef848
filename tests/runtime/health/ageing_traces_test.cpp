// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/ageing_traces.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace coppice::test;

namespace {

std::vector<ageing_trace> traces() {
  auto all = read_traces(std::filesystem::path{COPPICE_SOURCE_DIR} / "bench"
                         / "traces");
  CAF_REQUIRE(all.size() >= 3);
  for (auto& x : all) {
    CAF_MESSAGE(x.name);
    CAF_REQUIRE(x.rows.size() > 50);
    CAF_REQUIRE(!x.wears.empty());
    CAF_REQUIRE_EQUAL(x.limits.size(), 3u);
  }
  return all;
}

} // namespace

CAF_TEST(real programs that use something up are found before seven tenths) {
  size_t found = 0;
  for (auto& x : traces()) {
    if (x.wears == "nothing")
      continue;
    CAF_MESSAGE(x.name);
    auto finding = judge_trace(x);
    CAF_CHECK_EQUAL(finding.worn, std::vector<std::string>{x.wears});
    CAF_CHECK(finding.part < 0.7);
    ++found;
  }
  CAF_CHECK(found >= 3);
}

CAF_TEST(real programs that do not raise no alarm) {
  size_t judged = 0;
  for (auto& x : traces()) {
    if (x.wears != "nothing")
      continue;
    CAF_MESSAGE(x.name);
    CAF_CHECK_EQUAL(judge_trace(x).worn, std::vector<std::string>{});
    ++judged;
  }
  CAF_CHECK(judged >= 3);
}
