// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/last_words.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <fstream>
#include <string>

using namespace coppice;

namespace {

struct fixture {
  test::temp_folder folder;
};

proto::FinishCommand::Item ending(uint32_t attempt) {
  proto::FinishCommand::Item x;
  x.set_attempt(attempt);
  x.set_result(std::string(10'000, 'r'));
  return x;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(last_words_tests, fixture)

CAF_TEST(words stay until they are forgotten) {
  leave_last_words(folder.path(), {ending(1), ending(2)});
  for (auto i = 0; i < 2; ++i) {
    auto xs = read_last_words(folder.path());
    CAF_REQUIRE_EQUAL(xs.size(), 2u);
    CAF_CHECK_EQUAL(xs[1].attempt(), 2u);
  }
  forget_last_words(folder.path());
  CAF_CHECK(read_last_words(folder.path()).empty());
  forget_last_words(folder.path());
}

CAF_TEST(a hello has room for all of them) {
  last_words xs;
  for (uint32_t i = 1; i <= 40; ++i)
    xs.push_back(ending(i));
  leave_last_words(folder.path(), xs);
  CAF_CHECK_EQUAL(read_last_words(folder.path()).size(), 13u);
}

CAF_TEST(words that cannot be read are none) {
  std::ofstream{folder.path() / "last-words"} << "\xff\xff garbage";
  CAF_CHECK(read_last_words(folder.path()).empty());
  CAF_CHECK(read_last_words(folder.path() / "missing").empty());
  leave_last_words(folder.path() / "missing", {ending(1)});
}

CAF_TEST_FIXTURE_SCOPE_END()
