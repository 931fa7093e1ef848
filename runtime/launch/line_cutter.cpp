// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/launch/line_cutter.hpp"

#include <utility>

namespace coppice {

void line_cutter::append(std::string_view bytes, std::vector<line>& out) {
  for (;;) {
    auto feed = bytes.find('\n');
    extend(bytes.substr(0, feed));
    if (feed == std::string_view::npos)
      return;
    out.push_back(std::exchange(current_, {}));
    bytes.remove_prefix(feed + 1);
  }
}

void line_cutter::finish(std::vector<line>& out) {
  if (!current_.text.empty())
    out.push_back(std::exchange(current_, {}));
}

void line_cutter::extend(std::string_view bytes) {
  auto room = max_line_bytes - current_.text.size();
  current_.text += bytes.substr(0, room);
  current_.truncated = current_.truncated || bytes.size() > room;
}

} // namespace coppice
