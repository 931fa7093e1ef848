// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/health_checks.hpp"

#include "runtime/log.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace coppice::forward {

namespace {

using ms = std::chrono::milliseconds;

/// Who has just started is asked more often, so that it need not wait.
constexpr ms start_interval{100};

constexpr ms least_patience{1'000};

ms interval_of(const local_service& x) {
  return ms{std::clamp<int64_t>(x.health_interval_ms, 10, 3'600'000)};
}

} // namespace

/// One question.
class health_checks::look : public delivery_listener {
public:
  look(std::weak_ptr<health_checks> to, service_instance who, uint64_t epoch)
    : to_(std::move(to)),
      who_(std::move(who)),
      epoch_(epoch) {
    // nop
  }

  void on_answer(delivered x) override {
    // Its body is of no interest.
    if (auto link = link_.lock(); link && !x.is_whole)
      link->abandon();
    tell(x.head.status >= 200 && x.head.status < 400);
  }

  void on_part(std::string, bool) override {
    // nop
  }

  void on_failure(failed_delivery) override {
    tell(false);
  }

  void goes_by(const upstream_ptr& x) {
    link_ = x;
  }

private:
  void tell(bool healthy) {
    if (auto to = to_.lock())
      to->heard(who_, epoch_, healthy);
  }

  std::weak_ptr<health_checks> to_;
  service_instance who_;
  uint64_t epoch_;
  std::weak_ptr<upstream> link_;
};

void health_checks::tick(time now) {
  std::map<service_instance, entry> next;
  for (auto& [who, what] : services_->all()) {
    if (what.handle)
      continue;
    entry x;
    auto known = entries_.find(who);
    if (known != entries_.end() && known->second.epoch == what.epoch)
      x = known->second;
    x.epoch = what.epoch;
    if (!x.is_asked && now >= x.next) {
      x.is_asked = true;
      auto pause = interval_of(what);
      x.next = now + (x.was_healthy ? pause : std::min(pause, start_interval));
      ask(who, what);
    }
    next.emplace(who, x);
  }
  entries_ = std::move(next);
}

void health_checks::ask(const service_instance& who,
                        const local_service& what) {
  auto to = std::make_shared<look>(weak_from_this(), who, what.epoch);
  auto patience = std::max(interval_of(what), least_patience);
  auto address = "127.0.0.1:" + std::to_string(what.port);
  if (what.health_path.empty()) {
    to->goes_by(links_.knock(address, patience, to));
    return;
  }
  delivery x;
  x.address = address;
  x.head = "GET " + what.health_path
           + " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
  x.fresh = true;
  x.patience = patience;
  to->goes_by(links_.deliver(std::move(x), to));
}

void health_checks::heard(const service_instance& who, uint64_t epoch,
                          bool healthy) {
  auto found = entries_.find(who);
  if (found == entries_.end() || found->second.epoch != epoch)
    return;
  auto& x = found->second;
  x.is_asked = false;
  x.failures = healthy ? 0 : x.failures + 1;
  auto is_healthy
    = healthy || (x.was_healthy && x.failures < most_failed_looks);
  if (is_healthy != x.was_healthy)
    log::info("instance {} of service {} is {}", who.instance, who.service,
              is_healthy ? "healthy" : "not healthy");
  x.was_healthy = is_healthy;
  services_->set_healthy(who, epoch, is_healthy);
}

} // namespace coppice::forward
