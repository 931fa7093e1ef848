// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "seat_desk.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

namespace {

/// Has a request handled, and what follows from it applied.
std::string ask(example::seat_desk& desk, const std::string& method,
                const std::string& target) {
  auto x = desk.handle({method, target, {}, {}});
  for (auto& event : x.events)
    desk.apply(event);
  return std::to_string(x.reply.status) + ' ' + x.reply.body;
}

} // namespace

CAF_TEST(a seat has one guest) {
  example::seat_desk desk;
  CAF_CHECK_EQUAL(ask(desk, "PUT", "/12?guest=Ada"),
                  "200 seat 12 is for Ada\n");
  CAF_CHECK_EQUAL(ask(desk, "PUT", "/12?guest=Bob"),
                  "409 seat 12 has a guest already\n");
  CAF_CHECK_EQUAL(ask(desk, "GET", "/"), "200 12 Ada\n");
  CAF_CHECK_EQUAL(ask(desk, "DELETE", "/12"), "200 seat 12 is free\n");
  CAF_CHECK_EQUAL(ask(desk, "GET", "/"), "200 ");
}

CAF_TEST(what is saved can be loaded) {
  example::seat_desk desk;
  ask(desk, "PUT", "/7?guest=Ada%20L");
  ask(desk, "PUT", "/12?guest=Bob");
  example::seat_desk other;
  CAF_CHECK(other.load(desk.save()));
  CAF_CHECK_EQUAL(ask(other, "GET", "/"), "200 7 Ada%20L\n12 Bob\n");
}

CAF_TEST(nonsense changes nothing) {
  example::seat_desk desk;
  for (auto target : {"/0?guest=A", "/501?guest=A", "/x", "/-1?guest=A"})
    CAF_CHECK_EQUAL(ask(desk, "PUT", target).substr(0, 3), "404");
  for (auto target : {"/1", "/1?guest=", "/1x?guest=A"})
    CAF_CHECK_EQUAL(ask(desk, "PUT", target).substr(0, 3), "400");
  CAF_CHECK_EQUAL(ask(desk, "GET", "/"), "200 ");
}
