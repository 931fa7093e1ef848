// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/node_vitals.hpp"

#include "actors/process_meter.hpp"

#include <malloc.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace coppice {

namespace {

std::vector<vital_measure>
vitals_of(const process_sizes& x, uint64_t most_memory, uint64_t most_files) {
  auto number = [](uint64_t y) { return static_cast<double>(y); };
  return {
    {"memory", "B", number(x.resident_bytes), number(most_memory), 0},
    {"files", "", number(x.open_files), number(most_files), 0},
    {"threads", "", number(x.threads), 0, 0},
  };
}

} // namespace

node_vitals::node_vitals(const ageing_limits& limits, uint64_t memory_limit,
                         std::shared_ptr<const local_services> services)
  : limits_(limits),
    memory_limit_(memory_limit == 0 ? coppice::memory_limit() : memory_limit),
    services_(std::move(services)),
    began_(std::chrono::steady_clock::now()),
    self_(limits) {
  // nop
}

void node_vitals::measure(proto::VitalsRequest& out) {
  auto now = std::chrono::steady_clock::now();
  measure_self(out, now);
  if (services_)
    measure_services(out, now);
}

void node_vitals::measure_self(proto::VitalsRequest& out, time_point now) {
  if (auto sizes = measure_process(::getpid())) {
    auto xs = vitals_of(*sizes, memory_limit_, open_files_limit(::getpid()));
    xs.push_back(
      {"heap", "B", static_cast<double>(::mallinfo2().uordblks), 0, 0});
    self_.add(now - began_, xs);
  }
  self_.describe(*out.mutable_vitals());
}

void node_vitals::measure_services(proto::VitalsRequest& out, time_point now) {
  std::map<service_instance, watched> kept;
  for (auto& [who, service] : services_->all()) {
    if (service.pid == 0)
      continue; // It lives in this process.
    auto known = instances_.extract(who);
    auto same = !known.empty() && known.mapped().epoch == service.epoch;
    auto& x = kept
                .emplace(who, same ? std::move(known.mapped())
                                   : watched{service.epoch, now,
                                             ageing_watch{limits_}})
                .first->second;
    auto most = service.memory_limit == 0 ? coppice::memory_limit()
                                          : service.memory_limit;
    auto sizes = measure_group(service.pid);
    x.watch.add(now - x.began,
                vitals_of(sizes, most, open_files_limit(service.pid)));
    auto& said = *out.add_instances();
    said.set_service(who.service);
    said.set_instance(who.instance);
    said.set_epoch(service.epoch);
    x.watch.describe(*said.mutable_vitals());
  }
  instances_ = std::move(kept);
}

} // namespace coppice
