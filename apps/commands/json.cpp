// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/json.hpp"

#include "apps/commands/text.hpp"
#include "runtime/utf8.hpp"

#include <google/protobuf/util/json_util.h>

#include <array>

namespace coppice {

namespace {

namespace pb = google::protobuf::util;

/// Returns the first line: what follows only draws an arrow below the text. An
/// empty path of a field leaves a colon at its front.
std::string first_line(const std::string& text) {
  auto begin = text.find_first_not_of(": ");
  if (begin == std::string::npos)
    return {};
  return printable(text.substr(begin, text.find('\n') - begin));
}

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

std::string to_json(const google::protobuf::Message& x) {
  std::string result;
  if (!pb::MessageToJsonString(x, &result).ok())
    return "{}";
  return result;
}

result<proto::TaskSpec> parse_spec(std::string_view json) {
  if (auto valid = first_invalid_utf8(json); valid != json.size())
    return error{ec::invalid_argument,
                 "invalid UTF-8 at byte " + std::to_string(valid + 1)};
  proto::TaskSpec result;
  auto status = pb::JsonStringToMessage(
    google::protobuf::StringPiece{json.data(), json.size()}, &result);
  if (!status.ok())
    return error{ec::invalid_argument,
                 "not a task spec in JSON: "
                   + with_hint(first_line(status.message().ToString()))};
  return result;
}

} // namespace coppice
