// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/live_frame.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;

CAF_TEST(a frame is drawn over the one before) {
  live_frame aut;
  CAF_CHECK_EQUAL(aut.redraw({"ab", "cd"}, 10),
                  "\r\x1b[Kab\n\r\x1b[Kcd\n\x1b[J");
  CAF_CHECK_EQUAL(aut.redraw({"ef"}, 10), "\x1b[2A\r\x1b[Kef\n\x1b[J");
  CAF_CHECK_EQUAL(aut.redraw({""}, 10), "\x1b[1A\r\x1b[K\n\x1b[J");
}

CAF_TEST(lines that a narrower terminal has wrapped are drawn over) {
  live_frame aut;
  aut.redraw({std::string(30, 'x'), "", "語語語"}, 30);
  // 3, 1 and 1 rows.
  CAF_CHECK(aut.redraw({"y"}, 10).starts_with("\x1b[5A"));
  CAF_CHECK(aut.redraw({"y"}, 30).starts_with("\x1b[1A"));
}
