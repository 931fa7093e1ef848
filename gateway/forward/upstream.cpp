// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/upstream.hpp"

#include "gateway/forward/upstream_link.hpp"

#include <utility>
#include <vector>

namespace coppice::forward {

upstreams::upstreams(std::shared_ptr<boost::asio::io_context> io,
                     upstream_limits limits)
  : core_(std::make_shared<core>()) {
  core_->io = std::move(io);
  core_->limits = limits;
}

upstreams::~upstreams() {
  close();
}

upstream_ptr upstreams::deliver(delivery x,
                                std::shared_ptr<delivery_listener> to) {
  auto link = x.fresh ? nullptr : core_->take_idle(x.address);
  if (!link) {
    link = std::make_shared<upstream_link>(core_, x.address);
    core_->all.insert(link);
  }
  link->deliver(std::move(x), std::move(to));
  return link;
}

upstream_ptr upstreams::knock(std::string address,
                              std::chrono::milliseconds patience,
                              std::shared_ptr<delivery_listener> to) {
  auto link = std::make_shared<upstream_link>(core_, address);
  core_->all.insert(link);
  link->knock(patience, std::move(to));
  return link;
}

void upstreams::sweep() {
  auto now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<upstream_link>> late;
  for (auto& link : core_->all)
    if (link->is_late(now))
      late.push_back(link);
  for (auto& link : late)
    link->on_deadline();
}

void upstreams::close() {
  for (auto& link : std::exchange(core_->all, {}))
    link->abandon();
  core_->idle.clear();
}

size_t upstreams::size() const {
  return core_->all.size();
}

std::shared_ptr<upstream_link>
upstreams::core::take_idle(const std::string& address) {
  auto found = idle.find(address);
  if (found == idle.end() || found->second.empty())
    return nullptr;
  // The one that was used last: the others may grow old and go.
  auto link = std::move(found->second.back());
  found->second.pop_back();
  return link;
}

bool upstreams::core::put_idle(std::shared_ptr<upstream_link> x) {
  auto& links = idle[x->address()];
  if (links.size() >= limits.idle)
    return false;
  links.push_back(std::move(x));
  return true;
}

void upstreams::core::forget(const std::shared_ptr<upstream_link>& x) {
  all.erase(x);
  auto found = idle.find(x->address());
  if (found == idle.end())
    return;
  std::erase(found->second, x);
  if (found->second.empty())
    idle.erase(found);
}

} // namespace coppice::forward
