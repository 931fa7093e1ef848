// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/problem.hpp"

#include "gateway/http/wire.hpp"
#include "proto/http.pb.h"
#include "runtime/proto_json.hpp"
#include "runtime/utf8.hpp"

namespace coppice::http {

response problem(unsigned status, std::string_view code,
                 std::string_view detail) {
  proto::Problem x;
  x.set_type("about:blank");
  x.set_title(std::string{status_name(status)});
  x.set_status(status);
  x.set_detail(to_valid_utf8(detail));
  x.set_code(std::string{code});
  response result;
  result.status = status;
  result.type = "application/problem+json";
  // It may be over in a moment, and to ask in a loop helps nobody.
  if (status == 503)
    result.headers.emplace_back("Retry-After", "1");
  result.body = to_json(x) + "\n";
  return result;
}

unsigned status_of(ec x) noexcept {
  // No default: -Wswitch then names the code that is missing here.
  switch (x) {
    case ec::invalid_argument:
      return 400;
    case ec::not_found:
      return 404;
    case ec::conflict:
    case ec::fenced:
      return 409;
    case ec::not_leader:
    case ec::storage_failure:
    case ec::unreachable:
    case ec::overloaded:
      return 503;
    case ec::deadline_exceeded:
      return 504;
    case ec::corrupt_store:
    case ec::system_failure:
    case ec::protocol_violation:
      return 500;
  }
  return 500;
}

response problem(const error& x) {
  return problem(status_of(x.code), to_string(x.code), x.message);
}

} // namespace coppice::http
