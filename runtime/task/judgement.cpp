// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/judgement.hpp"

#include "runtime/task/attempt_ref.hpp"
#include "runtime/utf8.hpp"

#include <algorithm>
#include <string>

namespace coppice {

namespace {

using item_type = proto::FinishCommand::Item;

/// The longest cause that people are told.
constexpr size_t max_cause_bytes = 200;

item_type make_item(const attempt_key& key, proto::Reason why) {
  item_type x;
  assign_ref(*x.mutable_id(), key.task);
  x.set_attempt(key.attempt);
  x.set_reason(why);
  x.set_outcome(proto::FAILED);
  return x;
}

bool is_loss(proto::Reason why) {
  return why == proto::LEASE_EXPIRED || why == proto::NODE_GONE;
}

bool is_silent_loss(const proto::Attempt& x) {
  return is_loss(x.reason()) && x.started_ms() == 0;
}

/// Returns whether an attempt that is lost with its node may have started.
bool may_have_started(const lease_book::held& x,
                      const std::vector<proto::Attempt>& earlier) {
  if (x.started || x.adopted)
    return true;
  return earlier.size() >= max_free_losses
         && std::all_of(earlier.begin(), earlier.begin() + max_free_losses,
                        is_silent_loss);
}

void set_error(item_type& x, const char* code, const std::string& message) {
  x.mutable_error()->set_code(code);
  x.mutable_error()->set_message(message);
}

} // namespace

item_type judgement(const attempt_key& key, const lease_book::held& x,
                    proto::Reason why,
                    const std::vector<proto::Attempt>& earlier) {
  auto item = make_item(key, why);
  item.set_started(!is_loss(why) || may_have_started(x, earlier));
  item.set_started_ms(x.started_ms);
  switch (why) {
    case proto::TOTAL_TIMEOUT:
      item.set_outcome(proto::TIMED_OUT);
      break;
    case proto::CANCEL_REQUESTED:
      item.set_outcome(proto::CANCELLED);
      break;
    case proto::STALLED:
      set_error(item, "stalled", "progress stood still for too long");
      break;
    case proto::NODE_GONE:
      set_error(item, "node_gone",
                "node '" + x.worker.node
                  + "' is gone: it has ended, or has started again");
      break;
    default:
      set_error(item, "lease_expired",
                "node '" + x.worker.node + "' was silent for too long");
      break;
  }
  return item;
}

item_type never_started(const attempt_key& key) {
  return make_item(key, proto::NEVER_STARTED);
}

item_type judge_missing(const attempt_key& key, const lease_book::held* x) {
  return x && x->started ? judgement(key, *x, proto::LEASE_EXPIRED, {})
                         : never_started(key);
}

item_type judge_obsolete(const attempt_key& key, const std::string& node) {
  auto item = make_item(key, proto::REASON_UNSPECIFIED);
  item.set_reporter(node);
  return item;
}

node_evidence evidence_of(const item_type& x) {
  if (x.reporter().empty())
    return node_evidence::nothing;
  if (x.outcome() == proto::SUCCEEDED)
    return node_evidence::good;
  auto by_itself = x.reason() == proto::REASON_UNSPECIFIED
                   || x.reason() == proto::ATTEMPT_FAILED;
  return x.outcome() == proto::FAILED && by_itself && x.started()
           ? node_evidence::bad
           : node_evidence::nothing;
}

std::string cause_of(const item_type& x) {
  auto& error = x.error();
  auto text = clean_utf8(
    error.message().empty() ? error.code() : error.message(), max_cause_bytes);
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < ' ')
      c = ' ';
  while (text.ends_with('.') || text.ends_with(' '))
    text.pop_back();
  return text.empty() ? "it did not say why" : text;
}

} // namespace coppice
