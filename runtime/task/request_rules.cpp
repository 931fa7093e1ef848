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

/// Returns whether *x*, said of *request*, may be over in a moment.
bool is_passing(const proto::Error& x, const proto::Request& request) {
  auto code = static_cast<ec>(x.code());
  if (code == ec::not_leader || code == ec::overloaded)
    return true;
  // The log starts again: nobody knows whether it happened, and asking again
  // finds out.
  return code == ec::deadline_exceeded
         && (request.has_submit() || request.has_cancel() || request.has_bind()
             || request.has_lease_tasks() || request.has_client_lease()
             || request.token().change().has_created());
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
    case proto::Request::kTokens:
    case proto::Request::kServices:
    case proto::Request::kRegenerations:
    case proto::Request::kVitals: // The next one says the same.
    case proto::Request::kTree:
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
    case proto::Request::kToken:
    case proto::Request::kService:
    case proto::Request::kLeaseTasks:
    case proto::Request::kClientLease:
    case proto::Request::kRegenerate:
    case proto::Request::KIND_NOT_SET: // It may be of a newer version.
      return false;
    case proto::Request::kJournal:
      return x.journal().has_read();
  }
  return false;
}

bool is_repeatable(const proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kRetry: // A second one finds it waiting: refused.
    case proto::Request::kStop:  // A second one may stop the next incarnation.
    case proto::Request::kRegenerate: // A second one may cut back the next.
      return false;
    case proto::Request::kService: // A second move may be to a third place.
      return !x.service().has_move();
    case proto::Request::kLeaseTasks:
      return !x.lease_tasks().request_id().empty();
    default:
      return true;
  }
}

std::optional<error> passing_refusal(const proto::Reply& reply,
                                     const proto::Request& x) {
  auto found = [](const proto::Error& y) {
    return error{static_cast<ec>(y.code()), y.message()};
  };
  if (reply.has_error() && is_passing(reply.error(), x))
    return found(reply.error());
  // Those of the batch that were accepted are known by their keys.
  for (auto& item : reply.submit().items())
    if (item.has_error() && is_passing(item.error(), x))
      return found(item.error());
  return std::nullopt;
}

uint32_t page_limit(const proto::ListRequest& x) {
  return x.limit() == 0 ? default_page_tasks
                        : std::min(x.limit(), max_page_tasks);
}

} // namespace coppice
