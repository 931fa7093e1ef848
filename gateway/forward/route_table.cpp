// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/route_table.hpp"

#include <algorithm>
#include <utility>

namespace coppice::forward {

namespace {

using ms = std::chrono::milliseconds;

/// Nothing waits longer than this, whatever its service says.
constexpr int64_t longest_ms = int64_t{24} * 3'600 * 1'000;

ms time_or(int64_t x, ms fallback) {
  return x <= 0 ? fallback : ms{std::min(x, longest_ms)};
}

route_place make_place(const proto::ServicePlace& x,
                       const std::map<std::string, uint64_t>& down) {
  route_place y;
  y.instance = x.instance();
  y.epoch = x.epoch();
  y.node = x.node();
  y.address = x.address();
  auto lost = down.find(x.node());
  auto is_down = lost != down.end() && x.incarnation() <= lost->second;
  y.ready
    = x.status() == proto::SERVICE_READY && !x.address().empty() && !is_down;
  return y;
}

service_route_ptr make_route(const proto::ServiceRow& row,
                             const std::map<std::string, uint64_t>& down) {
  auto& spec = row.spec();
  auto y = std::make_shared<service_route>();
  y->name = spec.name();
  y->is_native = spec.form() == proto::NATIVE_SERVICE;
  y->idempotent = spec.idempotent();
  y->held_on_disk = spec.held() == proto::HELD_ON_DISK;
  y->request_timeout = time_or(spec.request_timeout_ms(), y->request_timeout);
  if (spec.hold_requests() > 0)
    y->hold_requests = spec.hold_requests();
  if (spec.hold_bytes() > 0)
    y->hold_bytes = spec.hold_bytes();
  y->hold = time_or(spec.hold_ms(), y->hold);
  for (auto& place : row.places())
    y->places.push_back(make_place(place, down));
  return y;
}

} // namespace

route_table::route_table(const proto::ServicesReply& x,
                         const std::map<std::string, uint64_t>& down,
                         route_source source)
  : source_(source) {
  for (auto& row : x.services())
    if (!row.removed() && !row.spec().name().empty())
      services_.insert_or_assign(row.spec().name(), make_route(row, down));
}

service_route_ptr route_table::find(std::string_view name) const {
  auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second;
}

} // namespace coppice::forward
