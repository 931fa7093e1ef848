// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/node_vitals.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace coppice {

namespace {

/// So many answers say what is usual.
constexpr uint64_t least_answers = 8;

/// What answers take in a shorter span is chance.
constexpr auto least_latency_span = std::chrono::seconds{10};

struct process_limits {
  uint64_t memory = 0;
  uint64_t files = 0;
};

std::vector<vital_measure>
vitals_of(const process_sizes& x, const process_limits& limits, double load) {
  auto number = [](uint64_t y) { return static_cast<double>(y); };
  return {
    {"memory", "B", number(x.resident_bytes), number(limits.memory), load},
    {"files", "", number(x.open_files), number(limits.files), load},
    {"threads", "", number(x.threads), 0, load},
  };
}

} // namespace

vital_limits vital_limits_of(const node_config::ageing_section& x) {
  vital_limits out;
  auto& growth = out.sizes.growth;
  growth.warm_up = x.warm_up;
  growth.bucket = x.resolution;
  out.latency.growth = growth;
  out.latency.growth.bucket
    = std::max(growth.bucket, growth_limits::seconds{least_latency_span});
  out.latency.limit_ms = static_cast<double>(x.latency_limit.count());
  out.memory = x.memory_limit;
  return out;
}

node_vitals::node_vitals(const vital_limits& limits,
                         std::shared_ptr<const local_services> services)
  : limits_(limits),
    services_(std::move(services)),
    began_(std::chrono::steady_clock::now()),
    self_(limits.sizes) {
  if (limits_.memory == 0)
    limits_.memory = memory_limit();
}

void node_vitals::measure(proto::VitalsRequest& out) {
  auto now = std::chrono::steady_clock::now();
  // As good as when the process began: this is a part of its start.
  out.set_age_ms(static_cast<uint64_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(now - began_)
      .count()));
  measure_self(out, now);
  if (services_)
    measure_services(out, now);
}

void node_vitals::measure_self(proto::VitalsRequest& out, time_point now) {
  if (auto sizes = coppice::measure_process(::getpid())) {
    auto xs
      = vitals_of(*sizes, {limits_.memory, open_files_limit(::getpid())}, 0);
    xs.push_back(
      {"heap", "B", static_cast<double>(::mallinfo2().uordblks), 0, 0});
    self_.add(now - began_, xs);
  }
  self_.describe(*out.mutable_vitals());
}

void node_vitals::measure_services(proto::VitalsRequest& out, time_point now) {
  auto services = services_->all();
  // Native services live in this process.
  std::erase_if(services, [](auto& x) { return x.second.pid == 0; });
  std::set<pid_t> groups;
  for (auto& [who, service] : services)
    groups.insert(service.pid);
  auto sizes = measure_groups(groups);
  std::map<service_instance, watched> kept;
  for (auto& [who, service] : services) {
    auto known = instances_.extract(who);
    auto same = !known.empty() && known.mapped().epoch == service.epoch;
    auto& x
      = kept
          .emplace(who, same ? std::move(known.mapped())
                             : watched{service.epoch, now,
                                       ageing_watch{limits_.sizes},
                                       latency_watch{limits_.latency}, now})
          .first->second;
    watch_process(x, service, sizes[service.pid], now);
    auto& said = *out.add_instances();
    said.set_service(who.service);
    said.set_instance(who.instance);
    said.set_epoch(service.epoch);
    x.sizes.describe(*said.mutable_vitals());
    x.latency.describe(*said.mutable_vitals());
  }
  instances_ = std::move(kept);
}

void node_vitals::watch_process(watched& x, const local_service& service,
                                const process_sizes& sizes,
                                time_point now) const {
  using seconds = std::chrono::duration<double>;
  auto requests = service.answers->begun();
  auto pause = seconds{now - x.measured}.count();
  auto load
    = pause > 0 ? static_cast<double>(requests - x.requests) / pause : 0;
  x.measured = now;
  x.requests = requests;
  process_limits limits{service.memory_limit == 0 ? memory_limit()
                                                  : service.memory_limit,
                        open_files_limit(service.pid)};
  x.sizes.add(now - x.began, vitals_of(sizes, limits, load));
  if (service.answers->count() >= least_answers)
    x.latency.add(now - x.began, service.answers->take().median_ms);
}

} // namespace coppice
