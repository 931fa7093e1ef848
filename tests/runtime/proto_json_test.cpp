// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/proto_json.hpp"

#include "proto/task.pb.h"

#include <caf/test/unit_test.hpp>

#include <random>

using namespace coppice;

CAF_TEST(what was written is read) {
  proto::TaskSpec spec;
  spec.set_kind("exec");
  spec.mutable_exec()->add_argv("/bin/true");
  spec.mutable_timeouts()->mutable_total()->set_seconds(90);
  auto text = to_json(spec);
  CAF_CHECK_EQUAL(text, R"({"kind":"exec","timeouts":{"total":"90s"},)"
                        R"("exec":{"argv":["/bin/true"]}})");
  proto::TaskSpec read;
  CAF_REQUIRE(from_json(text, read));
  CAF_CHECK_EQUAL(read.SerializeAsString(), spec.SerializeAsString());
}

CAF_TEST(what is wrong is said on one line) {
  auto refused = [](std::string_view text) {
    proto::TaskSpec x;
    auto read = from_json(text, x);
    CAF_REQUIRE(!read);
    CAF_CHECK(read.error().code == ec::invalid_argument);
    CAF_CHECK_EQUAL(read.error().message.find('\n'), std::string::npos);
    return read.error().message;
  };
  CAF_CHECK_EQUAL(refused("{\"kind\":\"\xff\"}"), "invalid UTF-8 at byte 10");
  CAF_CHECK(refused(R"({"colour":1})").find("colour") != std::string::npos);
  for (auto text : {"", "{", "[]", "1", "{\"kind\":1e999}",
                    "{\"priority\":\"x\"}", "{\"kind\":\"a\"}{"})
    refused(text);
  // Deeper than anything that is meant.
  refused(R"({"exec":)" + std::string(100'000, '['));
}

CAF_TEST(garbage is refused and ends nothing) {
  std::minstd_rand rng{11};
  const std::string letters = "{}[]\",:\\0nt1ekindxc.- \xc3\xa9";
  for (auto round = 0; round < 2'000; ++round) {
    std::string text = round % 2 == 0 ? "{\"kind\":" : "";
    for (auto n = rng() % 40; n > 0; --n)
      text += letters[rng() % letters.size()];
    proto::TaskSpec x;
    if (auto read = from_json(text, x); !read)
      CAF_CHECK(!read.error().message.empty());
  }
}
