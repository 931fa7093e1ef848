// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/spelling.hpp"

#include <caf/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace coppice;

CAF_TEST(edits are counted) {
  CAF_CHECK_EQUAL(edit_distance("", ""), 0u);
  CAF_CHECK_EQUAL(edit_distance("", "abc"), 3u);
  CAF_CHECK_EQUAL(edit_distance("kitten", "sitting"), 3u);
  CAF_CHECK_EQUAL(edit_distance("tsak", "task"), 1u);
}

CAF_TEST(the nearest name is a typo away) {
  std::vector<std::string> names{"tasks", "task", "watch"};
  CAF_CHECK_EQUAL(nearest("tsak", names), "task");
  CAF_CHECK_EQUAL(nearest("wacth", names), "watch");
  CAF_CHECK_EQUAL(nearest("nodes", names), "");
  CAF_CHECK_EQUAL(nearest(std::string(1'000'000, 't'), names), "");
}

CAF_TEST(quoted text stays on one short line) {
  CAF_CHECK_EQUAL(in_quotes("a\nb\x1b[2J"), "'a?b?[2J'");
  CAF_CHECK_EQUAL(in_quotes("a\xFFz"), "'a\xEF\xBF\xBDz'");
  CAF_CHECK_LESS(in_quotes(std::string(100'000, 'x')).size(), 100u);
}
