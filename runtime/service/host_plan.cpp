// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/host_plan.hpp"

namespace coppice {

namespace {

bool is_to_leave(const proto::ServicePlace& x) {
  return x.status() == proto::SERVICE_LEAVING
         || x.status() == proto::SERVICE_STOPPED;
}

} // namespace

host_plan plan_host(const proto::ServicesReply& rows, const std::string& node,
                    uint64_t incarnation,
                    const std::map<service_instance, hosted_instance>& has) {
  host_plan result;
  std::map<service_instance, host_plan::placed> wanted;
  for (auto& row : rows.services())
    for (auto& place : row.places())
      if (place.node() == node && place.incarnation() == incarnation)
        wanted[{row.spec().name(), place.instance()}] = {&row, &place};
  for (auto& [who, x] : has) {
    auto found = wanted.find(who);
    auto is_same
      = found != wanted.end() && found->second.place->epoch() == x.epoch;
    if (!is_same && x.over)
      result.forget.push_back(who);
    else if (!is_same && !x.ending)
      result.end.push_back(who);
    else if (is_same && !x.leaving && !x.ending && !x.over
             && is_to_leave(*found->second.place))
      result.leave.push_back(who);
  }
  for (auto& [who, x] : wanted) {
    // What ends here has to be gone before its next epoch begins.
    auto known = has.find(who);
    auto is_free
      = known == has.end()
        || (known->second.over && known->second.epoch != x.place->epoch());
    if (is_free && !is_to_leave(*x.place)
        && x.place->status() != proto::SERVICE_FAILED)
      result.start.push_back(x);
  }
  return result;
}

} // namespace coppice
