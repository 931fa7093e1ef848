// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/launch/line_cutter.hpp"

#include "tests/support/seeds.hpp"

#include <caf/test/dsl.hpp>

using namespace coppice;

using lines = std::vector<line_cutter::line>;

CAF_TEST(lines are the same however the stream is cut) {
  for (auto seed : test::seeds(50)) {
    CAF_MESSAGE("seed " << seed);
    std::mt19937 random{seed};
    std::string stream;
    lines expected;
    for (auto i = 0; i < 30; ++i) {
      auto size = random() % 5 == 0 ? random() % 150'000 : random() % 50;
      auto text = std::string(size, static_cast<char>('a' + i % 26));
      stream += text + "\n";
      expected.push_back({text.substr(0, line_cutter::max_line_bytes),
                          size > line_cutter::max_line_bytes});
    }
    line_cutter cutter;
    lines found;
    while (!stream.empty()) {
      auto n = std::min<size_t>(stream.size(), 1 + random() % 70'000);
      cutter.append(std::string_view{stream}.substr(0, n), found);
      stream.erase(0, n);
    }
    cutter.finish(found);
    CAF_CHECK(found == expected);
  }
}

CAF_TEST(the last line needs no line feed) {
  line_cutter cutter;
  lines found;
  cutter.append("a\n\nb", found);
  CAF_CHECK(found == (lines{{"a", false}, {"", false}}));
  cutter.finish(found);
  cutter.finish(found);
  CAF_CHECK(found == (lines{{"a", false}, {"", false}, {"b", false}}));
}
