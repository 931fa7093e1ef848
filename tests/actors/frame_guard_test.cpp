// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/net/frame_guard.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;
using net::frame_guard;

namespace {

enum operation : char {
  server_handshake = 0,
  client_handshake = 1,
  direct_message = 2,
  heartbeat = 6,
};

struct fixture {
  frame_guard accepted{frame_guard::side::accepted};
  frame_guard dialled{frame_guard::side::dialled};

  static bool header(frame_guard& aut, operation x, uint32_t payload) {
    std::string bytes(frame_guard::header_size, '\0');
    bytes[0] = x;
    for (auto i = 0; i < 4; ++i)
      bytes[4 + i] = static_cast<char>(payload >> (24 - 8 * i));
    return aut.admit(bytes.data(), bytes.size());
  }

  static bool payload(frame_guard& aut, size_t size) {
    std::string bytes(size, '\xff');
    return aut.admit(bytes.data(), bytes.size());
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(frame_guard_tests, fixture)

CAF_TEST(what follows a handshake is admitted) {
  CAF_CHECK(header(accepted, client_handshake, 100));
  CAF_CHECK(payload(accepted, 100));
  CAF_CHECK(header(accepted, heartbeat, 0));
  CAF_CHECK(header(accepted, direct_message, 32));
  // A payload that has the size of a header is none.
  CAF_CHECK(payload(accepted, 32));
  CAF_CHECK(header(accepted, direct_message, frame_guard::max_payload));
}

CAF_TEST(a stranger introduces himself first) {
  CAF_CHECK(!header(accepted, direct_message, 100));
  CAF_CHECK(!header(accepted, heartbeat, 0));
  CAF_CHECK(!header(accepted, server_handshake, 100));
  CAF_CHECK(!header(dialled, client_handshake, 100));
  CAF_CHECK(header(dialled, server_handshake, 100));
}

CAF_TEST(a handshake has a payload of a sane size) {
  CAF_CHECK(!header(accepted, client_handshake, 0));
  CAF_CHECK(
    !header(accepted, client_handshake, frame_guard::max_handshake + 1));
  CAF_CHECK(header(accepted, client_handshake, frame_guard::max_handshake));
  CAF_CHECK(payload(accepted, 10));
  CAF_CHECK(!header(accepted, client_handshake, 0));
}

CAF_TEST(a huge payload is refused) {
  CAF_CHECK(header(accepted, client_handshake, 1));
  CAF_CHECK(payload(accepted, 1));
  CAF_CHECK(!header(accepted, direct_message, frame_guard::max_payload + 1));
}

CAF_TEST_FIXTURE_SCOPE_END()
