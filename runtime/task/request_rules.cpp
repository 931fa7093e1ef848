// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/request_rules.hpp"

#include <algorithm>
#include <string>

namespace coppice {

namespace {

constexpr uint32_t default_page_tasks = 100;

int count_tasks(const proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kSubmit:
      return x.submit().specs_size();
    case proto::Request::kGet:
      return x.get().ids_size();
    case proto::Request::kCancel:
      return x.cancel().ids_size();
    case proto::Request::kRetry:
      return x.retry().ids_size();
    default: // One, or none.
      return 1;
  }
}

} // namespace

result<> check_request(const proto::Request& x) {
  auto n = static_cast<size_t>(count_tasks(x));
  if (n > max_request_tasks)
    return error{ec::invalid_argument,
                 "a request has at most " + std::to_string(max_request_tasks)
                   + " tasks, this one has " + std::to_string(n)};
  return ok();
}

bool changes_nothing(const proto::Request& x) {
  // No default: -Wswitch then names the request that is missing here.
  switch (x.kind_case()) {
    case proto::Request::kList:
    case proto::Request::kGet:
    case proto::Request::kExplain:
    case proto::Request::kNodes:
    case proto::Request::kLog:
    case proto::Request::kManagers:
    case proto::Request::kProducts:
    case proto::Request::kShards:
    case proto::Request::kBackup:
    case proto::Request::kEvents:
      return true;
    case proto::Request::kSubmit:
    case proto::Request::kCancel:
    case proto::Request::kRetry:
    case proto::Request::kStop:
    case proto::Request::kManager:
    case proto::Request::kBind:
    case proto::Request::kRelease:
    case proto::Request::kDrain:
    case proto::Request::kForgetNode:
    case proto::Request::KIND_NOT_SET: // It may be of a newer version.
      return false;
  }
  return false;
}

uint32_t page_limit(const proto::ListRequest& x) {
  return x.limit() == 0 ? default_page_tasks
                        : std::min(x.limit(), max_page_tasks);
}

} // namespace coppice
