// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/utf8.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <random>
#include <string>
#include <string_view>

using namespace coppice;
using namespace std::string_view_literals;

namespace {

/// Encodes *x* without asking whether it may be encoded.
std::string encode(uint32_t x) {
  auto tail = [x](int shift) {
    return static_cast<char>(0x80 | ((x >> shift) & 0x3F));
  };
  if (x < 0x80)
    return {static_cast<char>(x)};
  if (x < 0x800)
    return {static_cast<char>(0xC0 | (x >> 6)), tail(0)};
  if (x < 0x10000)
    return {static_cast<char>(0xE0 | (x >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (x >> 18)), tail(12), tail(6), tail(0)};
}

} // namespace

CAF_TEST(exactly the scalar values of Unicode are valid) {
  for (uint32_t x = 0; x < 0x120000; ++x) {
    auto allowed = x <= 0x10FFFF && (x < 0xD800 || x > 0xDFFF);
    auto text = encode(x) + "z";
    auto first = first_utf8(text);
    auto right = allowed ? first.point == x && first.size == text.size() - 1
                         : first.size == 0;
    if (is_valid_utf8(text) != allowed || !right)
      CAF_FAIL("wrong about U+" << x);
  }
}

CAF_TEST(overlong and broken sequences are invalid) {
  for (auto x : {"\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x80\x80"sv, "\xE0\x9F\xBF"sv,
                 "\xF0\x80\x80\x80"sv, "\xF0\x8F\xBF\xBF"sv,
                 "\xF5\x80\x80\x80"sv, "\xFF"sv, "\x80"sv, "\xC3"sv,
                 "\xE2\x82"sv, "\xF0\x9F\x98"sv, "\xC3("sv, "a\xE2\x82z"sv})
    CAF_CHECK(!is_valid_utf8(x));
  CAF_CHECK(is_valid_utf8(""sv));
  CAF_CHECK(is_valid_utf8("a\0b"sv));
  CAF_CHECK(
    is_valid_utf8("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"sv));
}

CAF_TEST(the first broken byte is found) {
  CAF_CHECK_EQUAL(first_invalid_utf8(""sv), 0u);
  CAF_CHECK_EQUAL(first_invalid_utf8("a\xC3\xBC"sv), 3u);
  CAF_CHECK_EQUAL(first_invalid_utf8("a\xC3\xBC\xE2\x82z"sv), 3u);
  CAF_CHECK_EQUAL(first_utf8(""sv).size, 0u);
}

CAF_TEST(text is repaired and cut in one go) {
  CAF_CHECK_EQUAL(clean_utf8("a\xFFz"sv, 5), "a\xEF\xBF\xBDz");
  CAF_CHECK_EQUAL(clean_utf8("a\xFFz"sv, 4), "a\xEF\xBF\xBD");
  CAF_CHECK_EQUAL(clean_utf8("a\xFFz"sv, 3), "a");
  // The cut is no damage.
  CAF_CHECK_EQUAL(clean_utf8("a\xE2\x82\xAC"sv, 3), "a");
  CAF_CHECK_EQUAL(clean_utf8("\xF0\x9F\x98\x80"sv, 1), "");
  CAF_CHECK_EQUAL(clean_utf8("abc"sv, 0), "");
}

CAF_TEST(a prefix ends with a whole character) {
  auto text = "a\xC3\xBC\xE2\x82\xAC"sv;
  CAF_CHECK_EQUAL(utf8_prefix(text, 9), text);
  CAF_CHECK_EQUAL(utf8_prefix(text, 6), text);
  CAF_CHECK_EQUAL(utf8_prefix(text, 5), "a\xC3\xBC"sv);
  CAF_CHECK_EQUAL(utf8_prefix(text, 3), "a\xC3\xBC"sv);
  CAF_CHECK_EQUAL(utf8_prefix(text, 2), "a"sv);
  CAF_CHECK_EQUAL(utf8_prefix(text, 0), ""sv);
}

CAF_TEST(whatever is repaired is valid and what is valid stays) {
  CAF_CHECK_EQUAL(to_valid_utf8("a\xFFz"sv), "a\xEF\xBF\xBDz");
  for (auto seed : test::seeds(500)) { // COPPICE_SEED=<n> replays one.
    std::minstd_rand rng{seed};
    std::string text;
    for (auto n = rng() % 60; n > 0; --n)
      text += rng() % 3 == 0 ? std::string(1, static_cast<char>(rng() % 256))
                             : encode(rng() % 0x110000);
    auto repaired = to_valid_utf8(text);
    if (!is_valid_utf8(repaired))
      CAF_FAIL("seed " << seed << " is not repaired");
    if (is_valid_utf8(text) && repaired != text)
      CAF_FAIL("seed " << seed << " was changed");
    auto cut = utf8_prefix(repaired, rng() % 100);
    if (!is_valid_utf8(cut))
      CAF_FAIL("seed " << seed << " is cut inside a character");
    if (clean_utf8(text, cut.size()) != cut)
      CAF_FAIL("seed " << seed << " is cut elsewhere in one go");
  }
}
