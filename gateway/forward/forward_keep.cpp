// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Requests of services with save = disk: what a forwarder has of them on disk.

#include "gateway/forward/forward_core.hpp"
#include "gateway/forward/head_rules.hpp"
#include "gateway/http/problem.hpp"
#include "runtime/log.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace coppice::forward {

namespace {

/// Of a request whose client is gone with a former start: what is answered is
/// read by nobody.
class nobody : public http::exchange {
public:
  void respond(http::response) override {
    // nop
  }

  void open(http::response) override {
    // nop
  }

  void send(std::string, listener done) override {
    done(false);
  }

  void close() override {
    // nop
  }

  bool is_open() const override {
    return false;
  }
};

int64_t now_ms() {
  using namespace std::chrono;
  auto now = system_clock::now().time_since_epoch();
  return duration_cast<milliseconds>(now).count();
}

http::request to_request(proto::HeldRequest& x) {
  http::request y;
  y.method = std::move(*x.mutable_method());
  y.peer = std::move(*x.mutable_peer());
  y.body = std::move(*x.mutable_body());
  for (auto& header : *x.mutable_headers())
    y.headers.emplace_back(std::move(*header.mutable_name()),
                           std::move(*header.mutable_value()));
  return y;
}

http::response later(std::string_view code, const std::string& detail) {
  auto x = http::problem(503, code, detail);
  x.headers.emplace_back("Retry-After", "1");
  return x;
}

http::response kept_for_later(const std::string& service) {
  return later("kept", "this gateway stops; the request to the service '"
                         + service
                         + "' is on its disk and will be delivered after its"
                           " next start: sent again without the same"
                           " Idempotency-Key it may be handled twice");
}

http::response cannot_be_kept(const std::string& service) {
  return later("storage_failure",
               "the service '" + service
                 + "' cannot be reached at this time, and the disk of this"
                   " gateway does not take the request; it was not handled");
}

/// Nobody knows what is on a disk that fails.
http::response may_be_kept(const std::string& service) {
  return later("kept", "the service '" + service
                         + "' was not handed the request in time, and the"
                           " disk of this gateway fails: it may still be"
                           " delivered after the next start");
}

} // namespace

// -- core ---------------------------------------------------------------------

void forwarder::core::restore(held_rows found) {
  last_number = std::max(last_number, found.last_number);
  for (auto& x : found.requests) {
    auto& y = x.request;
    if (x.delivered) {
      log::warn("a request to the service {}, id {}, that came {} s ago is"
                " dropped: it was being delivered when this gateway ended, so"
                " it may have been handled, and must not be twice",
                y.service(), y.id(), (now_ms() - y.came_ms()) / 1000);
      ++counts.abandoned;
      ++reported;
      if (writer)
        writer->erase(x.number);
      continue;
    }
    auto number = x.number;
    auto call = std::make_shared<forward_call>(*this, number, to_request(y),
                                               std::make_shared<nobody>());
    call->restore(std::move(x));
    calls.emplace(number, call);
    restored.push_back(std::move(call));
    ++counts.restored;
  }
  if (!restored.empty())
    log::info("{} requests to services are on disk and will be delivered",
              restored.size());
}

void forwarder::core::readmit() {
  auto now = std::chrono::steady_clock::now();
  for (auto& call : std::exchange(restored, {})) {
    if (auto* service = find(call->service)) {
      call->held_until = now + service->route->hold;
      service->held.put_back(call->number, call->bytes(), *call->held_until);
      service->calls.emplace(call->number, call);
      ++counts.held;
    } else if (!routes->is_complete()) {
      restored.push_back(call);
    } else {
      call->give_up();
    }
  }
}

void forwarder::core::report_abandoned() {
  auto n = counts.abandoned - reported;
  if (n == 0)
    return;
  reported = counts.abandoned;
  log::warn("{} requests that were on disk are given up, and their clients are"
            " gone: their services could not be reached in time, failed, or"
            " are no more",
            n);
}

// -- call ---------------------------------------------------------------------

void forward_call::restore(held_request x) {
  service = std::move(*x.request.mutable_service());
  rest = std::move(*x.request.mutable_rest());
  id = std::move(*x.request.mutable_id());
  has_client_id = x.request.has_client_id();
  gone_ = true;
  set_record(record::saved);
}

proto::HeldRequest forward_call::to_row() const {
  proto::HeldRequest x;
  x.set_service(service);
  x.set_rest(rest);
  x.set_id(id);
  x.set_has_client_id(has_client_id);
  x.set_method(request_.method);
  x.set_peer(request_.peer);
  for (auto& [name, value] : request_.headers) {
    auto& header = *x.add_headers();
    header.set_name(name);
    header.set_value(value);
  }
  if (body_)
    x.set_body(*body_);
  x.set_came_ms(now_ms());
  return x;
}

void forward_call::set_record(record x) {
  auto& n = owner_.counts.on_disk_now;
  n -= record_ == record::saved ? 1 : 0;
  n += x == record::saved ? 1 : 0;
  record_ = x;
}

void forward_call::keep() {
  if (!owner_.writer || record_ != record::none)
    return;
  set_record(record::saving);
  owner_.writer->save(
    number, to_row(),
    [self = shared_from_this()](const result<>& x) { self->on_kept(x); });
}

void forward_call::on_kept(const result<>& x) {
  if (done_)
    return;
  if (x) {
    set_record(record::saved);
    if (owner_.draining && !withdrawn_ && owner_.holds(*this))
      park();
    return;
  }
  set_record(record::none);
  // What is being delivered has no need of the disk any more.
  if (!owner_.holds(*this))
    return;
  ++owner_.counts.disk_refused;
  answer(cannot_be_kept(service));
}

void forward_call::park() {
  switch (record_) {
    case record::none:
      give_up();
      return;
    case record::saving:
      // Its client is told when that is sure.
      return;
    case record::saved:
      stays_ = true;
      answer(kept_for_later(service));
      return;
  }
}

bool forward_call::note_delivery() {
  // There is a place before it is on disk: it is as if it had not waited.
  if (record_ == record::saving && !gone_ && owner_.writer->take_back(number))
    set_record(record::none);
  if (record_ == record::none || marked_
      || may_be_repeated(facts(delivery_end::lost)))
    return false;
  owner_.writer->mark(
    number, true,
    [self = shared_from_this()](const result<>& x) { self->on_noted(x); });
  return true;
}

void forward_call::on_noted(const result<>& x) {
  if (done_)
    return;
  marked_ = true;
  if (x) {
    send();
    return;
  }
  release(place_verdict::nothing);
  ++owner_.counts.disk_refused;
  answer(may_be_kept(service));
}

void forward_call::unmark() {
  if (!marked_ || may_have_effect_)
    return;
  marked_ = false;
  owner_.writer->mark(number, false);
}

void forward_call::withdraw() {
  if (std::exchange(withdrawn_, true))
    return;
  // Held no more, so it is not delivered meanwhile.
  owner_.put_out(*this);
  owner_.writer->erase(number, [self = shared_from_this()](const result<>& x) {
    self->on_withdrawn(x);
  });
}

void forward_call::on_withdrawn(const result<>& x) {
  if (done_)
    return;
  if (!x) {
    answer(may_be_kept(service));
    return;
  }
  owner_.counts.abandoned += gone_ ? 1 : 0;
  set_record(record::none);
  say_given_up();
}

void forward_call::erase_record() {
  if (record_ != record::none || marked_)
    owner_.writer->erase(number);
  set_record(record::none);
  marked_ = false;
}

} // namespace coppice::forward
