// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/lease_rules.hpp"

#include "runtime/duration.hpp"
#include "runtime/task/attempt_ref.hpp"
#include "runtime/utf8.hpp"

#include <algorithm>
#include <charconv>

namespace coppice {

namespace {

using item_type = proto::FinishCommand::Item;

constexpr std::string_view client_prefix = "client:";

constexpr size_t max_name_bytes = 64;

constexpr int max_kinds = 64;

constexpr int max_labels = 64;

constexpr size_t max_label_bytes = 200;

constexpr size_t max_result_bytes = size_t{16} << 10;

/// Of a progress with all its stages.
constexpr size_t max_progress_bytes = size_t{16} << 10;

bool is_name(std::string_view x) {
  constexpr auto allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
                           "yz0123456789._-";
  return !x.empty() && x.size() <= max_name_bytes
         && x.find_first_not_of(allowed) == std::string_view::npos;
}

error invalid(std::string why) {
  return {ec::invalid_argument, std::move(why)};
}

result<> check_progress(const proto::Progress& x) {
  if (x.ByteSizeLong() > max_progress_bytes)
    return invalid("a progress has at most 16 KiB");
  return ok();
}

result<> check_finish(const proto::FinishLease& x) {
  if (x.outcome() != proto::SUCCEEDED && x.outcome() != proto::FAILED
      && x.outcome() != proto::CANCELLED)
    return invalid("the outcome must be SUCCEEDED, FAILED or CANCELLED");
  if (x.result().size() > max_result_bytes)
    return invalid("a result has at most 16 KiB; store more elsewhere, and "
                   "name the place");
  return ok();
}

item_type failure(const attempt_key& key, proto::Reason why, const char* code,
                  std::string message) {
  item_type x;
  assign_ref(*x.mutable_id(), key.task);
  x.set_attempt(key.attempt);
  x.set_outcome(proto::FAILED);
  x.set_reason(why);
  x.set_started(true);
  x.mutable_error()->set_code(code);
  x.mutable_error()->set_message(std::move(message));
  return x;
}

bool is_stop(proto::Reason x) {
  return x == proto::CANCEL_REQUESTED || x == proto::TOTAL_TIMEOUT
         || x == proto::STALLED || x == proto::NODE_DRAINED;
}

} // namespace

// -- names --------------------------------------------------------------------

std::string to_lease_id(const attempt_key& x) {
  return to_string(x.task) + '.' + std::to_string(x.attempt);
}

result<attempt_key> parse_lease_id(std::string_view text) {
  auto dot = text.rfind('.');
  auto number = text.substr(dot == text.npos ? text.size() : dot + 1);
  auto task = parse_task_id(text.substr(0, dot));
  attempt_key key;
  auto* end = number.data() + number.size();
  auto [rest, code] = std::from_chars(number.data(), end, key.attempt);
  if (!task || number.empty() || number.front() == '0' || code != std::errc{}
      || rest != end)
    return invalid("'" + clean_utf8(text, max_name_bytes)
                   + "' is not the id of a lease; one looks like 1.1.42.1");
  key.task = task.value();
  return key;
}

std::string client_node(std::string_view client) {
  return std::string{client_prefix}.append(client);
}

std::optional<std::string_view> client_of(std::string_view node) {
  if (!node.starts_with(client_prefix))
    return std::nullopt;
  return node.substr(client_prefix.size());
}

// -- requests -----------------------------------------------------------------

bool is_recall(const proto::LeaseTasksRequest& x) {
  return x.kinds().empty();
}

result<> check_lease_request(const proto::LeaseTasksRequest& x) {
  if (!is_name(x.client()))
    return invalid("the name of a client is 1 to 64 characters of A-Z a-z 0-9 "
                   ". _ -");
  if (x.kinds().empty() || x.kinds_size() > max_kinds
      || !std::all_of(x.kinds().begin(), x.kinds().end(), is_name))
    return invalid("a client names 1 to 64 kinds, each 1 to 64 characters of "
                   "A-Z a-z 0-9 . _ -");
  if (x.labels_size() > max_labels
      || std::any_of(x.labels().begin(), x.labels().end(),
                     [](auto& y) { return y.size() > max_label_bytes; }))
    return invalid("a client has at most 64 labels of at most 200 bytes");
  if (x.limit() > max_client_leases)
    return invalid("'limit' is at most 100");
  if (to_milliseconds(x.wait()) > max_lease_wait)
    return invalid("'wait' is at most 20s");
  if (x.request_id().size() > max_name_bytes)
    return invalid("the id of a request has at most 64 bytes");
  return ok();
}

result<> check_lease_news(const proto::ClientLeaseRequest& x) {
  if (auto id = parse_lease_id(x.lease()); !id)
    return id.error();
  switch (x.news_case()) {
    case proto::ClientLeaseRequest::kProgress:
      return check_progress(x.progress());
    case proto::ClientLeaseRequest::kCheckpoint:
      if (x.checkpoint().data().size() > max_lease_checkpoint)
        return invalid("a checkpoint has at most 1 MiB");
      return check_progress(x.checkpoint().progress());
    case proto::ClientLeaseRequest::kFinish:
      return check_finish(x.finish());
    default:
      return invalid("there is no news of the lease");
  }
}

std::chrono::milliseconds lease_wait(const proto::LeaseTasksRequest& x) {
  return std::min(to_milliseconds(x.wait()), max_lease_wait);
}

uint32_t lease_limit(const proto::LeaseTasksRequest& x) {
  return std::clamp<uint32_t>(x.limit(), 1, max_client_leases);
}

// -- ends ---------------------------------------------------------------------

item_type end_of_lease(const attempt_key& key, const proto::FinishLease& said,
                       std::optional<proto::Reason> stop) {
  if (stop && said.outcome() != proto::SUCCEEDED) {
    auto x = failure(key, *stop, "stopped", "the client was told to stop");
    if (*stop == proto::CANCEL_REQUESTED)
      x.set_outcome(proto::CANCELLED);
    else if (*stop == proto::TOTAL_TIMEOUT)
      x.set_outcome(proto::TIMED_OUT);
    if (x.outcome() == proto::CANCELLED)
      x.clear_error();
    return x;
  }
  auto x = failure(key, proto::REASON_UNSPECIFIED, "", "");
  x.set_outcome(said.outcome());
  x.set_result(said.result());
  x.clear_error();
  if (said.outcome() != proto::SUCCEEDED)
    *x.mutable_error() = said.error();
  return x;
}

item_type end_of_silence(const attempt_key& key, std::string_view client) {
  return failure(key, proto::LEASE_EXPIRED, "lease_expired",
                 "client '" + std::string{client}
                   + "' was silent for too long");
}

item_type end_of_unwanted(const attempt_key& key, std::string_view client) {
  auto x = failure(key, proto::REFUSED_BY_NODE, "refused_by_node",
                   "client '" + std::string{client}
                     + "' did not wait for it any more");
  x.set_started(false);
  return x;
}

bool confirms(const proto::Attempt& ended, proto::TaskState said) {
  if (said == proto::SUCCEEDED || ended.outcome() == proto::SUCCEEDED)
    return said == ended.outcome();
  return is_stop(ended.reason())
         || (ended.outcome() == said
             && ended.reason() == proto::ATTEMPT_FAILED);
}

} // namespace coppice
