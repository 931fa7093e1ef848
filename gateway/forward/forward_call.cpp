// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/forward_core.hpp"
#include "gateway/forward/head_rules.hpp"
#include "gateway/http/problem.hpp"

#include <utility>

namespace coppice::forward {

namespace {

http::response cannot_be_reached(const std::string& service) {
  auto x = http::problem(503, "unreachable",
                         "the service '" + service
                           + "' cannot be reached at this time; the request"
                             " was not handled");
  x.headers.emplace_back("Retry-After", "1");
  return x;
}

std::string effect(bool may_have) {
  return may_have ? "; the request may have had an effect"
                  : "; the request had no effect";
}

delivery_end end_of(std::string_view refused) {
  if (refused == refused_unknown)
    return delivery_end::unknown;
  if (refused == refused_lost)
    return delivery_end::lost;
  if (refused == refused_late)
    return delivery_end::late;
  return delivery_end::refused;
}

} // namespace

forward_call::forward_call(forwarder::core& owner, uint64_t n, http::request x,
                           http::exchange_ptr to)
  : number(n),
    came(std::chrono::steady_clock::now()),
    owner_(owner),
    request_(std::move(x)),
    reply_(std::move(to)) {
  if (!request_.body.empty())
    body_ = std::make_shared<const std::string>(std::move(request_.body));
}

uint64_t forward_call::bytes() const {
  // Headers count as well: many small requests are much together.
  uint64_t n = 256 + rest.size() + (body_ ? body_->size() : 0);
  for (auto& [name, value] : request_.headers)
    n += 64 + name.size() + value.size();
  return n;
}

// -- delivering ---------------------------------------------------------------

void forward_call::deliver(const service_route_ptr& route,
                           const route_place& to) {
  route_ = route;
  place_ = to;
  if (!note_delivery())
    send();
}

void forward_call::send() {
  if (++deliveries_ > 1)
    ++owner_.counts.redelivered;
  delivery x;
  next_hop to{&*place_, service, rest, id, body_ ? body_->size() : 0, true};
  x.address = place_->address;
  x.fresh = std::exchange(needs_fresh_, false);
  if (owner_.options.local)
    visit_ = process_visit::begin(*owner_.options.local,
                                  {service, place_->instance}, place_->epoch);
  if (visit_) {
    to.place = nullptr;
    x.address = "127.0.0.1:" + std::to_string(visit_->port());
    // It may close a connection at any time, and then nobody would know.
    x.fresh = x.fresh || !is_safe(request_.method);
  }
  x.head = render_forwarded(request_, to);
  x.body = body_;
  x.is_head = request_.method == "HEAD";
  x.patience = route_->request_timeout;
  link_ = owner_.links->deliver(std::move(x), shared_from_this());
}

void forward_call::release(place_verdict verdict) {
  link_ = nullptr;
  visit_.reset();
  if (auto place = std::exchange(place_, std::nullopt))
    owner_.ended(service, *place, verdict);
}

void forward_call::on_answer(delivered x) {
  if (!x.refused.empty()) {
    on_refused(std::move(x));
    return;
  }
  if (visit_)
    visit_->answered();
  status_ = x.head.status;
  x.head.operation = forward_operation;
  if (x.is_whole) {
    release(place_verdict::fine);
    // It may turn out meanwhile that the client is gone.
    auto reply = reply_;
    reply->respond(std::move(x.head));
    finish(status_);
    return;
  }
  auto reply = reply_;
  reply->open(std::move(x.head));
  if (link_)
    link_->next();
}

void forward_call::on_part(std::string part, bool last) {
  if (last)
    release(place_verdict::fine);
  auto reply = reply_;
  if (!part.empty())
    reply->send(std::move(part), [self = shared_from_this(), last](bool sent) {
      if (last)
        return;
      if (sent && self->link_)
        self->link_->next();
      else if (!sent)
        self->on_gone();
    });
  if (last) {
    reply->close();
    finish(status_);
  }
}

void forward_call::on_refused(delivered x) {
  if (link_)
    link_->abandon();
  auto end = end_of(x.refused);
  ++owner_.counts.failures;
  times_sent_ += end == delivery_end::lost ? 1 : 0;
  release(end == delivery_end::lost ? place_verdict::failed
                                    : place_verdict::refused);
  decide(end, "its node says: " + x.refused);
}

void forward_call::on_failure(failed_delivery x) {
  ++owner_.counts.failures;
  // Of an old connection nothing is known but that it was old.
  auto is_stale = x.was_used && x.end != delivery_end::late;
  needs_fresh_ = is_stale;
  times_sent_ += x.end == delivery_end::lost && !is_stale ? 1 : 0;
  release(is_stale ? place_verdict::nothing : place_verdict::failed);
  decide(x.end, x.why);
}

delivery_facts forward_call::facts(delivery_end end) const {
  return {
    route_->is_native, route_->idempotent, request_.method, has_client_id, end,
    times_sent_};
}

void forward_call::decide(delivery_end end, const std::string& why) {
  may_have_effect_ = may_have_effect_ || may_have_effect(end);
  switch (after_failure(facts(end))) {
    case next_step::again:
      if (gone_ && record_ == record::none)
        finish(0);
      else
        owner_.hold_again(shared_from_this());
      return;
    case next_step::bad_gateway:
      answer(http::problem(502, "bad_gateway",
                           "the service '" + service + "' gave no answer: "
                             + why + effect(may_have_effect_)));
      return;
    case next_step::too_late:
      answer(http::problem(504, "deadline_exceeded",
                           "the service '" + service
                             + "' did not answer in time"
                             + effect(may_have_effect_)));
      return;
    case next_step::cut:
      // Dropped, it does not look complete.
      finish(status_);
      return;
  }
}

// -- the end ------------------------------------------------------------------

void forward_call::answer(http::response x) {
  x.operation = forward_operation;
  if (gone_ && record_ != record::none && !stays_)
    ++owner_.counts.abandoned;
  auto status = x.status;
  if (auto reply = reply_)
    reply->respond(std::move(x));
  finish(status);
}

void forward_call::give_up() {
  if (record_ != record::none)
    withdraw();
  else
    say_given_up();
}

void forward_call::say_given_up() {
  if (may_have_effect_)
    answer(http::problem(504, "deadline_exceeded",
                         "the service '" + service
                           + "' did not answer in time; whether the request"
                             " had an effect is unknown: with the same"
                             " Idempotency-Key it can be sent again"));
  else
    answer(cannot_be_reached(service));
}

void forward_call::finish(unsigned status) {
  if (std::exchange(done_, true))
    return;
  ++owner_.counts.answered[gone_ ? 0 : std::min(status / 100, 5u)];
  auto self = shared_from_this();
  if (!stays_)
    erase_record();
  owner_.drop(self);
  // Dropped without an answer, it says so, or cuts what was begun.
  reply_ = nullptr;
  if (auto* x = owner_.find(service); x && x->held.size() > 0)
    owner_.pump(*x);
}

void forward_call::watch() {
  if (std::exchange(watched_, true) || done_)
    return;
  reply_->watch([x = weak_from_this()] {
    if (auto self = x.lock())
      self->on_gone();
  });
}

void forward_call::on_gone() {
  if (done_)
    return;
  gone_ = true;
  // What is on disk is delivered all the same: that is what it is there for.
  if (record_ != record::none && status_ == 0)
    return;
  // What a native service has begun it finishes: the client may ask again.
  if (link_ && route_->is_native && status_ == 0)
    return;
  if (link_)
    link_->abandon();
  release(place_verdict::nothing);
  finish(0);
}

void forward_call::abort() {
  done_ = true;
  if (link_)
    link_->abandon();
  link_ = nullptr;
  visit_.reset();
  reply_ = nullptr;
}

} // namespace coppice::forward
