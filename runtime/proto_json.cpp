// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/proto_json.hpp"

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
  return text.substr(begin, text.find('\n') - begin);
}

} // namespace

std::string to_json(const google::protobuf::Message& x) {
  std::string result;
  if (!pb::MessageToJsonString(x, &result).ok())
    return "{}";
  return result;
}

result<> from_json(std::string_view json, google::protobuf::Message& x) {
  if (auto valid = first_invalid_utf8(json); valid != json.size())
    return error{ec::invalid_argument,
                 "invalid UTF-8 at byte " + std::to_string(valid + 1)};
  auto status = pb::JsonStringToMessage(
    google::protobuf::StringPiece{json.data(), json.size()}, &x);
  if (!status.ok())
    return error{ec::invalid_argument, first_line(status.message().ToString())};
  return ok();
}

} // namespace coppice
