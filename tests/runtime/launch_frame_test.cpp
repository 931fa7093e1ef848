// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "proto/launcher.pb.h"
#include "runtime/launch/frame.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/dsl.hpp>

using namespace coppice;

namespace {

proto::LaunchEvent line(uint64_t id, size_t size) {
  proto::LaunchEvent x;
  x.mutable_line()->set_id(id);
  x.mutable_line()->set_text(std::string(size, 'x'));
  return x;
}

} // namespace

CAF_TEST(frames survive any way in which the stream is cut) {
  for (auto seed : test::seeds(50)) {
    std::mt19937 random{seed};
    std::string stream;
    for (uint64_t id = 1; id <= 20; ++id)
      CAF_REQUIRE(append_frame(stream, line(id, random() % 300)));
    frame_reader reader;
    uint64_t expected = 1;
    while (!stream.empty()) {
      auto n = std::min<size_t>(stream.size(), 1 + random() % 700);
      reader.append(std::string_view{stream}.substr(0, n));
      stream.erase(0, n);
      for (;;) {
        auto frame = reader.next();
        CAF_REQUIRE(frame);
        if (!frame.value())
          break;
        proto::LaunchEvent x;
        CAF_REQUIRE(x.ParseFromArray(frame.value()->data(),
                                     static_cast<int>(frame.value()->size())));
        CAF_CHECK_EQUAL(x.line().id(), expected);
        ++expected;
      }
    }
    CAF_CHECK_EQUAL(expected, 21u);
    CAF_CHECK_EQUAL(reader.pending_bytes(), 0u);
  }
}

CAF_TEST(a length above the limit is refused before anything is buffered) {
  frame_reader reader;
  reader.append("GET / HTTP/1.1\r\n");
  auto frame = reader.next();
  CAF_REQUIRE(!frame);
  CAF_CHECK(frame.error().code == ec::protocol_violation);
}

CAF_TEST(a message above the limit is not written) {
  std::string out = "kept";
  CAF_CHECK(!append_frame(out, line(1, max_frame_bytes)));
  CAF_CHECK_EQUAL(out, "kept");
}
