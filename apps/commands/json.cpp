// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/json.hpp"

#include "apps/commands/text.hpp"
#include "runtime/utf8.hpp"

#include <google/protobuf/util/json_util.h>

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
                   + first_line(status.message().ToString())};
  return result;
}

} // namespace coppice
