// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/progress_line.hpp"

#include "apps/commands/text.hpp"
#include "runtime/task/progress_tree.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace coppice {

namespace {

/// The launcher sets it for every command that it starts.
constexpr const char* descriptor_variable = "COPPICE_PROGRESS_FD";

result<int> descriptor() {
  auto* value = std::getenv(descriptor_variable);
  if (value == nullptr)
    return usage_error("COPPICE_PROGRESS_FD is not set: this command is for "
                       "scripts that run as a task, see 'coppice run --help'");
  std::string_view text{value};
  int fd = -1;
  auto [end, code] = std::from_chars(text.begin(), text.end(), fd);
  if (code != std::errc{} || end != text.end() || fd < 0)
    return usage_error("COPPICE_PROGRESS_FD is " + quote(text)
                       + ", not the number of a descriptor: leave it as the "
                         "node has set it");
  return fd;
}

/// Writes a line at once if the pipe has room, so that the lines of several
/// processes do not mix.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

} // namespace

std::string protocol_text(const std::vector<std::string>& words) {
  std::string result;
  for (auto& word : words)
    result += (result.empty() ? "" : " ") + word;
  std::replace_if(
    result.begin(), result.end(), [](char c) { return c == '\n' || c == '\r'; },
    ' ');
  return result;
}

result<> check_protocol_line(const std::string& line) {
  progress_tree scratch;
  auto outcome = apply_progress_line(scratch, line);
  if (!outcome)
    return outcome.error();
  return ok();
}

exit_code write_protocol_line(context& ctx, const std::string& line) {
  auto fd = descriptor();
  if (!fd) {
    ctx.complain(fd.error().message);
    return exit_code::usage;
  }
  if (!write_all(fd.value(), line + "\n")) {
    ctx.complain("cannot write to descriptor " + std::to_string(fd.value())
                 + " (COPPICE_PROGRESS_FD): " + strerror(errno));
    return exit_code::usage;
  }
  return exit_code::success;
}

result<action> protocol_action(std::string line) {
  if (auto okay = check_protocol_line(line); !okay)
    return okay.error();
  return action{[line = std::move(line)](context& ctx) {
    return write_protocol_line(ctx, line);
  }};
}

} // namespace coppice
