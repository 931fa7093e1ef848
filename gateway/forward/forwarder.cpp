// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/forwarder.hpp"

#include "gateway/forward/forward_core.hpp"
#include "gateway/forward/head_rules.hpp"
#include "gateway/http/problem.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace coppice::forward {

namespace {

/// As long as none is known, anybody can ask for any.
constexpr size_t most_unknown = 100;

/// A stand-in for services as long as none is known.
service_route_ptr unknown_service(const std::string& name,
                                  std::chrono::milliseconds hold) {
  auto x = std::make_shared<service_route>();
  x->name = name;
  x->hold = hold;
  return x;
}

http::response no_such_service(const std::string& name) {
  return http::problem(404, "not_found", "there is no service '" + name + "'");
}

http::response too_many(const std::string& name) {
  auto x = http::problem(503, "overloaded",
                         "the service '" + name
                           + "' cannot be reached at this time, and too many"
                             " requests wait for it already");
  x.headers.emplace_back("Retry-After", "1");
  return x;
}

std::optional<http::response> check_method(const http::request& x) {
  if (x.method == "CONNECT" || !http::find_header(x.headers, "upgrade").empty())
    return http::problem(501, "not_implemented",
                         "services are reached by plain HTTP/1.1 only, without"
                         " tunnels and upgrades");
  return std::nullopt;
}

} // namespace

// -- forwarder ----------------------------------------------------------------

forwarder::forwarder(forwarder_options options)
  : core_(std::make_shared<core>()) {
  core_->options = std::move(options);
}

forwarder::~forwarder() {
  end();
}

void forwarder::set_routes(route_table_ptr x) {
  core_->newest.store(std::move(x));
  // Before its server is there, `begin` takes them.
  if (auto io = core_->io.load())
    boost::asio::post(*io, [to = core_] { to->take_newest(); });
}

void forwarder::serve(http::request x, http::exchange_ptr to) {
  core_->serve(std::move(x), std::move(to));
}

void forwarder::begin(std::shared_ptr<boost::asio::io_context> io) {
  core_->timer.emplace(*io);
  core_->links = std::make_unique<upstreams>(io);
  if (core_->options.store) {
    // Weak: whoever is told later than the end is told nothing.
    auto post = [io, to = std::weak_ptr<core>{core_}](auto f) {
      boost::asio::post(*io, [to, f = std::move(f)] {
        if (auto alive = to.lock(); alive && alive->links)
          f();
      });
    };
    core_->writer
      = std::make_unique<held_writer>(core_->options.store, std::move(post));
  }
  core_->restore(std::exchange(core_->options.found, {}));
  core_->io.store(std::move(io));
  core_->take_newest();
  core_->tick();
}

void forwarder::drain() {
  core_->drain();
}

void forwarder::end() {
  core_->end();
}

forward_counts forwarder::counts() const {
  auto x = core_->counts;
  for (auto& [name, service] : core_->services) {
    x.held_now += service.held.size();
    x.held_bytes += service.held.bytes();
  }
  return x;
}

// -- core ---------------------------------------------------------------------

void forwarder::core::take_newest() {
  auto x = newest.load();
  if (!links || !x || x == routes)
    return; // Not begun, or ended; not heard of; known.
  routes = std::move(x);
  for (auto i = services.begin(); i != services.end();) {
    auto& state = i->second;
    if (auto route = routes->find(i->first)) {
      state.route = std::move(route);
      state.places.update(state.route->places);
      ++i;
      continue;
    }
    auto lost = std::exchange(state.calls, {});
    auto name = i->first;
    i = services.erase(i);
    for (auto& [number, call] : lost)
      call->answer(no_such_service(name));
  }
  readmit();
  std::vector<std::string> names;
  for (auto& [name, state] : services)
    names.push_back(name);
  // A call that is answered may take its service out.
  for (auto& name : names)
    if (auto* state = find(name)) {
      pump(*state);
      keep_held(*state);
    }
}

void forwarder::core::keep_held(service_state& x) {
  if (x.route->held_on_disk)
    for (auto& [number, call] : x.calls)
      call->keep();
}

bool forwarder::core::holds(const forward_call& x) const {
  auto found = services.find(x.service);
  return found != services.end() && found->second.calls.contains(x.number);
}

service_state* forwarder::core::find(const std::string& name) {
  auto found = services.find(name);
  if (found != services.end())
    return &found->second;
  if (!routes && services.size() >= most_unknown)
    return nullptr;
  auto route
    = routes ? routes->find(name) : unknown_service(name, options.until_known);
  if (!route)
    return nullptr;
  auto& x = services[name];
  x.route = std::move(route);
  x.places.update(x.route->places);
  return &x;
}

void forwarder::core::serve(http::request x, http::exchange_ptr to) {
  auto refuse = [&](http::response y) {
    y.operation = forward_operation;
    to->respond(std::move(y));
  };
  if (auto bad = check_method(x))
    return refuse(std::move(*bad));
  auto target = parse_service_target(x.target);
  if (!target)
    return refuse(http::problem(target.error()));
  auto id = client_id(x.headers);
  if (!id)
    return refuse(http::problem(id.error()));
  auto& name = target.value().name;
  if (!find(name))
    return refuse(no_such_service(name));
  auto call = std::make_shared<forward_call>(*this, ++last_number, std::move(x),
                                             std::move(to));
  call->service = std::move(name);
  call->rest = std::move(target.value().rest);
  call->has_client_id = !id.value().empty();
  call->id = call->has_client_id ? std::move(id.value()) : make_id();
  ++counts.requests;
  calls.emplace(call->number, call);
  admit(call);
}

void forwarder::core::admit(const forward_call_ptr& x) {
  auto& service = *find(x->service);
  auto now = std::chrono::steady_clock::now();
  // Those that wait came first.
  if (service.held.size() == 0)
    if (auto place = service.places.pick(now)) {
      x->deliver(service.route, *place);
      return;
    }
  auto& route = *service.route;
  auto until = now + route.hold;
  if (draining
      || !service.held.add(x->number, x->bytes(), until,
                           {route.hold_requests, route.hold_bytes})) {
    ++counts.refused;
    x->answer(too_many(x->service));
    return;
  }
  x->held_until = until;
  ++counts.held;
  service.calls.emplace(x->number, x);
  if (route.held_on_disk)
    x->keep();
  hasten();
}

void forwarder::core::hold_again(const forward_call_ptr& x) {
  auto* service = find(x->service);
  if (!service) {
    x->answer(no_such_service(x->service));
    return;
  }
  if (!x->held_until) {
    x->held_until = std::chrono::steady_clock::now() + service->route->hold;
    ++counts.held;
  }
  service->held.put_back(x->number, x->bytes(), *x->held_until);
  service->calls.emplace(x->number, x);
  x->unmark();
  pump(*service);
  // Only what has to wait is worth a write.
  if (service->route->held_on_disk && holds(*x))
    x->keep();
  if (draining && x->is_kept() && holds(*x))
    x->park();
  hasten();
}

void forwarder::core::pump(service_state& x) {
  auto now = std::chrono::steady_clock::now();
  while (auto number = x.held.oldest()) {
    auto place = x.places.pick(now);
    if (!place)
      return;
    auto call = x.calls.at(*number);
    x.held.remove(*number);
    x.calls.erase(*number);
    call->deliver(x.route, *place);
  }
}

void forwarder::core::ended(const std::string& service,
                            const route_place& place, place_verdict verdict) {
  auto found = services.find(service);
  if (found != services.end())
    found->second.places.ended(place, verdict,
                               std::chrono::steady_clock::now());
}

void forwarder::core::put_out(const forward_call& x) {
  auto found = services.find(x.service);
  if (found == services.end())
    return;
  found->second.held.remove(x.number);
  found->second.calls.erase(x.number);
}

void forwarder::core::drop(const forward_call_ptr& x) {
  calls.erase(x->number);
  put_out(*x);
}

void forwarder::core::tick() {
  arm(calls.empty() ? options.slow_tick : options.tick);
  links->sweep();
  report_abandoned();
  if (calls.empty())
    return;
  auto now = std::chrono::steady_clock::now();
  std::vector<forward_call_ptr> waiting;
  for (auto& [number, call] : calls) {
    if (now - call->came < options.watch_after)
      break;
    waiting.push_back(call);
  }
  for (auto& call : waiting)
    call->watch();
  for (auto& [name, service] : services) {
    expire(service, now);
    pump(service);
  }
}

void forwarder::core::arm(std::chrono::milliseconds pause) {
  timer->expires_after(pause);
  timer->async_wait([self = shared_from_this()](auto code) {
    if (!code && self->timer)
      self->tick();
  });
}

void forwarder::core::hasten() {
  if (timer->expiry() - std::chrono::steady_clock::now() > options.tick)
    arm(options.tick);
}

void forwarder::core::expire(service_state& x, time now) {
  give_up(x, x.held.expired(now));
}

void forwarder::core::drain() {
  draining = true;
  // Nobody can say whether a place will be there before this process ends.
  for (auto& [name, service] : services)
    for (auto number : service.held.all()) {
      // One that ends may make room for the next.
      auto call = service.calls.find(number);
      if (call != service.calls.end())
        forward_call_ptr {
          call->second
          } -> park();
    }
}

void forwarder::core::give_up(service_state& x,
                              const std::vector<uint64_t>& numbers) {
  for (auto number : numbers) {
    // One that ends may make room for the next.
    auto call = x.calls.find(number);
    if (call != x.calls.end())
      forward_call_ptr {
        call->second
        } -> give_up();
  }
}

void forwarder::core::end() {
  for (auto& [number, call] : std::exchange(calls, {}))
    call->abort();
  restored.clear();
  services.clear();
  // What is written and taken from the disk now is so at the next start.
  writer.reset();
  timer.reset();
  links.reset();
  io.store(nullptr);
}

} // namespace coppice::forward
