// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/service_desk.hpp"

#include "gateway/forward/head_rules.hpp"
#include "gateway/forward/health_checks.hpp"
#include "gateway/forward/process_visit.hpp"
#include "gateway/forward/upstream.hpp"
#include "gateway/http/problem.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <optional>
#include <unordered_set>
#include <utility>

namespace coppice::forward {

namespace {

using ms = std::chrono::milliseconds;

constexpr ms tick_pause{50};

constexpr std::string_view operation = "local_service";

http::response refusal(unsigned status, std::string_view why) {
  auto x = http::problem(status, "refused",
                         "the service is not served here and now: "
                           + std::string{why});
  x.headers.emplace_back(refused_header, why);
  x.operation = operation;
  return x;
}

/// Whom a forwarder means.
struct addressee {
  service_instance who;
  uint64_t epoch = 0;
};

template <class T>
bool read_number(std::string_view text, T& x) {
  auto end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, x);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

std::optional<addressee> read_addressee(const http::request& x) {
  addressee y;
  y.who.service = std::string{http::find_header(x.headers, service_header)};
  if (!read_number(http::find_header(x.headers, instance_header),
                   y.who.instance)
      || !read_number(http::find_header(x.headers, epoch_header), y.epoch))
    return std::nullopt;
  return y;
}

/// Returns whether *x* can be the name of a header, and goes over connections.
bool may_pass(std::string_view x) {
  auto is_token = [](char c) {
    return c > 0x20 && c < 0x7F
           && std::string_view{"\"(),/:;<=>?@[\\]{}"}.find(c)
                == std::string_view::npos;
  };
  std::string name{x};
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return !name.empty() && std::all_of(name.begin(), name.end(), is_token)
         && !is_hop_by_hop(name) && name != "content-length"
         && !name.starts_with(own_prefix);
}

http::response make_response(proto::ServiceAnswer& x) {
  if (x.status() < 200 || x.status() > 599)
    return http::problem(502, "bad_gateway",
                         "the service answered with the status "
                           + std::to_string(x.status()) + ", which is none");
  http::response y;
  y.status = x.status();
  y.without_body = x.status() == 304;
  for (auto& header : *x.mutable_headers()) {
    if (!may_pass(header.name()))
      continue;
    y.dated = y.dated || is_same_name(header.name(), "date");
    y.headers.emplace_back(std::move(*header.mutable_name()),
                           std::move(*header.mutable_value()));
  }
  if (!y.without_body)
    y.body = std::move(*x.mutable_body());
  return y;
}

/// Answers for a native service, also if that forgets about it.
class native_reply {
public:
  explicit native_reply(http::exchange_ptr to) : to_(std::move(to)) {}

  ~native_reply() {
    if (!answered_.exchange(true))
      to_->respond(refusal(503, refused_unknown));
  }

  native_reply(const native_reply&) = delete;
  native_reply& operator=(const native_reply&) = delete;

  void operator()(service_result x) {
    if (answered_.exchange(true))
      return;
    if (x.answer) {
      auto y = make_response(*x.answer);
      y.operation = operation;
      to_->respond(std::move(y));
      return;
    }
    switch (x.refused) {
      case service_refusal::not_here:
        to_->respond(refusal(421, refused_not_here));
        break;
      case service_refusal::not_ready:
        to_->respond(refusal(503, refused_not_ready));
        break;
      case service_refusal::unknown:
        to_->respond(refusal(503, refused_unknown));
        break;
    }
  }

private:
  http::exchange_ptr to_;
  std::atomic<bool> answered_ = false;
};

proto::ServiceCall make_call(http::request& x) {
  proto::ServiceCall call;
  call.set_id(std::string{http::find_header(x.headers, "idempotency-key")});
  call.set_method(std::move(x.method));
  call.set_target(std::move(x.target));
  for (auto& [name, value] : x.headers) {
    if (!may_pass(name))
      continue;
    auto& header = *call.add_headers();
    header.set_name(std::move(name));
    header.set_value(std::move(value));
  }
  call.set_body(std::move(x.body));
  return call;
}

class process_call;

} // namespace

// -- core ---------------------------------------------------------------------

struct service_desk::core : std::enable_shared_from_this<service_desk::core> {
  void serve_process(http::request x, http::exchange_ptr to,
                     const local_service& what, process_visit visit);

  void tick();

  std::shared_ptr<local_services> services;
  std::unique_ptr<upstreams> links;
  std::optional<boost::asio::steady_timer> timer;
  std::shared_ptr<health_checks> health;
  std::unordered_set<std::shared_ptr<process_call>> calls;
};

namespace {

/// One request to a process of this node.
class process_call : public delivery_listener,
                     public std::enable_shared_from_this<process_call> {
public:
  process_call(std::shared_ptr<service_desk::core> owner, delivery what,
               bool may_repeat, http::exchange_ptr to, process_visit visit)
    : owner_(std::move(owner)),
      what_(std::move(what)),
      may_repeat_(may_repeat),
      reply_(std::move(to)),
      visit_(std::move(visit)) {
    // nop
  }

  void start() {
    link_ = owner_->links->deliver(what_, shared_from_this());
  }

  /// The forwarder may hang up: then nobody wants the answer.
  void watch() {
    if (!reply_ || std::exchange(watched_, true))
      return;
    reply_->watch([x = weak_from_this()] {
      if (auto self = x.lock())
        self->abort();
    });
  }

  void abort() {
    if (link_)
      link_->abandon();
    finish();
  }

  void on_answer(delivered x) override {
    visit_.answered();
    x.head.operation = operation;
    auto reply = reply_;
    if (x.is_whole) {
      reply->respond(std::move(x.head));
      finish();
      return;
    }
    reply->open(std::move(x.head));
    if (link_)
      link_->next();
  }

  void on_part(std::string part, bool last) override {
    auto reply = reply_;
    if (!part.empty())
      reply->send(std::move(part),
                  [self = shared_from_this(), last](bool sent) {
                    if (last)
                      return;
                    if (!sent)
                      self->abort();
                    else if (self->link_)
                      self->link_->next();
                  });
    if (last) {
      reply->close();
      finish();
    }
  }

  void on_failure(failed_delivery x) override {
    if (x.was_used && may_repeat_ && x.end != delivery_end::late) {
      what_.fresh = true;
      may_repeat_ = false;
      start();
      return;
    }
    auto reply = reply_;
    switch (x.end) {
      case delivery_end::not_connected:
      case delivery_end::nothing_sent:
      case delivery_end::refused:
        reply->respond(refusal(503, refused_not_ready));
        break;
      case delivery_end::unknown:
      case delivery_end::lost:
        reply->respond(refusal(502, refused_lost));
        break;
      case delivery_end::late:
        reply->respond(refusal(504, refused_late));
        break;
      case delivery_end::malformed:
        reply->respond(http::problem(502, "bad_gateway",
                                     "the service gave no answer: " + x.why
                                       + "; the request may have had an"
                                         " effect"));
        break;
      case delivery_end::answering:
        // Dropped, it does not look complete.
        break;
    }
    finish();
  }

private:
  void finish() {
    auto self = shared_from_this();
    link_ = nullptr;
    reply_ = nullptr;
    owner_->calls.erase(self);
  }

  std::shared_ptr<service_desk::core> owner_;
  delivery what_;
  bool may_repeat_;
  bool watched_ = false;
  http::exchange_ptr reply_;
  process_visit visit_;
  upstream_ptr link_;
};

} // namespace

void service_desk::core::serve_process(http::request x, http::exchange_ptr to,
                                       const local_service& what,
                                       process_visit visit) {
  delivery y;
  y.address = "127.0.0.1:" + std::to_string(visit.port());
  auto id = std::string{http::find_header(x.headers, "idempotency-key")};
  y.head = render_forwarded(x, {nullptr, {}, x.target, id, x.body.size()});
  if (!x.body.empty())
    y.body = std::make_shared<const std::string>(std::move(x.body));
  y.is_head = x.method == "HEAD";
  // It may close a connection at any time, and then nobody would know.
  auto may_repeat = is_safe(x.method);
  y.fresh = !may_repeat;
  y.patience = ms{std::clamp<int64_t>(what.request_timeout_ms, 1, 86'400'000)};
  auto call = std::make_shared<process_call>(shared_from_this(), std::move(y),
                                             may_repeat, std::move(to),
                                             std::move(visit));
  calls.insert(call);
  call->start();
}

void service_desk::core::tick() {
  timer->expires_after(tick_pause);
  timer->async_wait([self = shared_from_this()](auto code) {
    if (!code && self->timer)
      self->tick();
  });
  links->sweep();
  health->tick(std::chrono::steady_clock::now());
  auto all = calls;
  for (auto& x : all)
    x->watch();
}

// -- service_desk -------------------------------------------------------------

service_desk::service_desk(std::shared_ptr<local_services> services)
  : core_(std::make_shared<core>()) {
  core_->services = std::move(services);
}

service_desk::~service_desk() {
  end();
}

void service_desk::serve(http::request x, http::exchange_ptr to) {
  auto whom = read_addressee(x);
  if (!whom) {
    to->respond(http::problem(400, "bad_request",
                              "only gateways ask here: they say which instance"
                              " they mean"));
    return;
  }
  auto what = core_->services->find(whom->who);
  if (!what || what->epoch != whom->epoch) {
    to->respond(refusal(421, refused_not_here));
    return;
  }
  // Its node may have been frozen, and not have noticed yet.
  if (!what->may_serve()) {
    to->respond(refusal(503, refused_not_ready));
    return;
  }
  if (!what->handle) {
    auto visit = process_visit::begin(*core_->services, whom->who, whom->epoch);
    if (!visit)
      to->respond(refusal(421, refused_not_here));
    else
      core_->serve_process(std::move(x), std::move(to), *what,
                           std::move(*visit));
    return;
  }
  auto reply = std::make_shared<native_reply>(std::move(to));
  what->handle(make_call(x),
               [reply](service_result y) { (*reply)(std::move(y)); });
}

void service_desk::begin(std::shared_ptr<boost::asio::io_context> io) {
  core_->timer.emplace(*io);
  core_->links = std::make_unique<upstreams>(std::move(io));
  core_->health
    = std::make_shared<health_checks>(core_->services, *core_->links);
  core_->tick();
}

void service_desk::drain() {
  // What has come is finished within the grace of the server.
}

void service_desk::end() {
  for (auto& x : std::exchange(core_->calls, {}))
    x->abort();
  core_->timer.reset();
  core_->health.reset();
  core_->links.reset();
}

} // namespace coppice::forward
