// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/error.hpp"

namespace coppice {

const char* to_string(ec x) noexcept {
  // No default: -Wswitch then names the code that is missing here.
  switch (x) {
    case ec::invalid_argument:
      return "invalid_argument";
    case ec::not_found:
      return "not_found";
    case ec::conflict:
      return "conflict";
    case ec::not_leader:
      return "not_leader";
    case ec::fenced:
      return "fenced";
    case ec::corrupt_store:
      return "corrupt_store";
    case ec::storage_failure:
      return "storage_failure";
    case ec::deadline_exceeded:
      return "deadline_exceeded";
    case ec::unreachable:
      return "unreachable";
    case ec::overloaded:
      return "overloaded";
    case ec::system_failure:
      return "system_failure";
    case ec::protocol_violation:
      return "protocol_violation";
  }
  return "unknown";
}

std::string to_string(const error& x) {
  return std::string{to_string(x.code)} + ": " + x.message;
}

} // namespace coppice
