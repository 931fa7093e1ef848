// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/json.hpp"

#include "apps/commands/text.hpp"

#include <array>

namespace coppice {

namespace {

/// What protobuf says, and what can be done about it.
struct hint {
  std::string_view complaint;
  const char* advice;
};

constexpr std::array<hint, 4> hints{{
  {"Cannot find field", "docs/commands.md names the fields"},
  {"Root element must be", "a task is one object in braces"},
  {"Unexpected end of string", "a task is one whole line"},
  {"google.protobuf.Duration", "write seconds, such as \"90s\""},
}};

std::string with_hint(std::string text) {
  for (auto& x : hints)
    if (text.find(x.complaint) != std::string::npos) {
      text.erase(text.find_last_not_of('.') + 1);
      return text + "; " + x.advice;
    }
  return text;
}

} // namespace

result<proto::TaskSpec> parse_spec(std::string_view json) {
  proto::TaskSpec result;
  if (auto read = from_json(json, result); !read) {
    auto& why = read.error().message;
    // What is no text at all is no matter of fields.
    if (why.starts_with("invalid UTF-8"))
      return read.error();
    return error{ec::invalid_argument,
                 "not a task spec in JSON: " + with_hint(printable(why))};
  }
  return result;
}

} // namespace coppice
