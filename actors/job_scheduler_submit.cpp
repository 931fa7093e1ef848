// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the JOB_SCHEDULER that accepts tasks.

#include "actors/job_scheduler.hpp"
#include "actors/replies.hpp"
#include "runtime/task/spec_check.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// Specs of one submit are packed into commands of about this size.
constexpr size_t max_part_bytes = size_t{128} << 10;

job_scheduler_state::class_needs needs_of(const proto::TaskSpec& x) {
  job_scheduler_state::class_needs out{
    x.kind(), {x.labels().begin(), x.labels().end()}, weight_of(x)};
  std::sort(out.labels.begin(), out.labels.end());
  return out;
}

} // namespace

/// A submit on its way through the log.
struct job_scheduler_state::submission {
  caf::typed_response_promise<proto::Reply> promise;
  proto::Reply reply;
  std::vector<accepted> items;
  /// Commands that are not answered.
  size_t open_parts = 0;

  void part_answered() {
    if (--open_parts == 0)
      promise.deliver(std::move(reply));
  }
};

caf::result<proto::Reply>
job_scheduler_state::submit(proto::SubmitRequest& request) {
  auto batch = std::make_shared<submission>();
  batch->reply.mutable_submit(); // Also the answer to no specs at all.
  product_routes products;
  for (auto& x : request.products())
    products[x.name()] = &x;
  std::vector<part> parts;
  for (auto i = 0; i < request.specs_size(); ++i) {
    auto& reply = *batch->reply.mutable_submit()->add_items();
    auto size = request.specs(i).size();
    auto item = accept(std::move(*request.mutable_specs(i)), i, products);
    if (!item) {
      set_error(*reply.mutable_error(), item.error());
      continue;
    }
    if (parts.empty() || parts.back().bytes + size > max_part_bytes)
      parts.push_back({batch->items.size(), 0, {}});
    parts.back().bytes += size;
    batch->items.push_back(std::move(item.value()));
    fill(*parts.back().command.mutable_submit()->add_items(),
         batch->items.back());
  }
  if (parts.empty())
    return std::move(batch->reply);
  batch->open_parts = parts.size();
  batch->promise = self->make_response_promise<proto::Reply>();
  // Without a deadline, as all that the leader has to know the outcome of: what
  // is applied late is queued or leased all the same.
  for (auto& x : parts) {
    auto n = static_cast<size_t>(x.command.submit().items_size());
    self->request(replicator, caf::infinite, std::move(x.command))
      .then(
        [this, batch, first = x.first, n](proto::Outcome& outcome) {
          submitted(*batch, first, n, outcome);
        },
        [this, batch, first = x.first, n](caf::error& err) {
          submit_failed(*batch, first, n, unknown_outcome(err));
        });
  }
  return batch->promise;
}

result<job_scheduler_state::accepted>
job_scheduler_state::accept(std::string bytes, int place,
                            const product_routes& products) {
  accepted item;
  item.place = place;
  item.bytes = std::move(bytes);
  auto& spec = item.spec;
  if (!spec.ParseFromString(item.bytes))
    return error{ec::invalid_argument,
                 "the spec is not a valid coppice.proto.TaskSpec (garbled "
                 "bytes, or text that is not UTF-8)"};
  if (!kinds.find(spec.kind()))
    learn_kind(spec.kind());
  auto checked
    = check_spec(spec, item.bytes.size(), options.max_payload_bytes, kinds);
  if (!checked)
    return checked.error();
  auto product = products.find(effective_product(spec));
  if (product == products.end())
    return error{ec::protocol_violation,
                 "the binding of product '"
                   + std::string{effective_product(spec)} + "' is missing"};
  item.product = *product->second;
  if (item.product.epoch() < item.product.newest_epoch())
    return item; // Nothing new is accepted by this binding.
  auto known = classes.find(needs_of(spec));
  if (known != classes.end()) {
    item.task_class = known->second;
    item.claimed = queue.claim(item.task_class);
  }
  return item;
}

void job_scheduler_state::fill(proto::SubmitCommand::Item& out,
                               accepted& item) {
  auto& spec = item.spec;
  out.set_product(item.product.name());
  out.set_product_number(item.product.number());
  out.set_epoch(item.product.epoch());
  out.set_newest_epoch(item.product.newest_epoch());
  out.set_kind(spec.kind());
  out.set_priority(spec.priority());
  *out.mutable_labels() = spec.labels();
  if (auto weight = weight_of(spec); weight > 1)
    out.set_weight(weight);
  out.set_idempotency_key(spec.idempotency_key());
  if (!item.claimed) {
    out.set_spec(std::exchange(item.bytes, {}));
    return;
  }
  out.set_spec(item.bytes);
  out.set_lease_to_node(item.claimed->node);
  out.set_lease_to_incarnation(item.claimed->incarnation);
}

void job_scheduler_state::submitted(submission& batch, size_t first, size_t n,
                                    const proto::Outcome& outcome) {
  if (outcome.has_error())
    return submit_failed(batch, first, n, outcome.error());
  deliveries out;
  for (auto i = 0; i < outcome.submit().items_size(); ++i) {
    auto& item = batch.items[first + static_cast<size_t>(i)];
    item_submitted(item, outcome.submit().items(i), out);
    auto& reply = *batch.reply.mutable_submit()->mutable_items(item.place);
    if (outcome.submit().items(i).has_error()) {
      *reply.mutable_error() = outcome.submit().items(i).error();
    } else if (outcome.submit().items(i).moved()) {
      reply.set_moved(true);
    } else {
      reply.set_id(to_string(from_ref(outcome.submit().items(i).id())));
      reply.set_duplicate(outcome.submit().items(i).duplicate());
    }
  }
  deliver(out);
  batch.part_answered();
}

void job_scheduler_state::item_submitted(accepted& item,
                                         const proto::SubmitOutcome::Item& said,
                                         deliveries& out) {
  if (item.claimed)
    queue.claim_settled(item.task_class, *item.claimed, said.leased());
  if (said.leased()) {
    auto& to = out[*item.claimed];
    add_lease(to, from_ref(said.id()), 1, *item.claimed, item.spec,
              wall_clock_ms());
    auto* assignment = to.message.add_items();
    *assignment->mutable_ref()->mutable_task() = said.id();
    assignment->mutable_ref()->set_attempt(1);
    assignment->set_spec(std::move(item.bytes));
  } else if (!said.has_error() && !said.duplicate() && !said.moved()) {
    learn_class(said.task_class(), item.spec);
    queue.mark_ready(said.id().product(), said.task_class(),
                     queue_position{item.spec.priority(), said.id().epoch(),
                                    said.id().sequence()});
    schedule_dispatch();
  }
}

void job_scheduler_state::submit_failed(submission& batch, size_t first,
                                        size_t n, const proto::Error& why) {
  for (auto i = first; i < first + n; ++i) {
    auto& item = batch.items[i];
    if (item.claimed)
      queue.claim_settled(item.task_class, *item.claimed, false);
    auto& reply = *batch.reply.mutable_submit()->mutable_items(item.place);
    *reply.mutable_error() = why;
  }
  batch.part_answered();
}

void job_scheduler_state::learn_class(uint32_t number,
                                      const proto::TaskSpec& spec) {
  auto [i, added] = classes.try_emplace(needs_of(spec), number);
  if (added)
    queue.define_class(number, i->first.kind, i->first.labels, i->first.weight);
}

} // namespace coppice
