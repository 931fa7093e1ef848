// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace coppice::api {

namespace {

std::string show(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.9g", x);
  return buffer;
}

/// Writes families of numbers, each with its heading.
class page {
public:
  void family(const char* name, const char* type, const char* help) {
    name_ = name;
    text_ += "# HELP " + name_ + ' ' + help + "\n# TYPE " + name_ + ' ' + type
             + '\n';
  }

  void add(const std::string& labels, const std::string& value,
           const char* suffix = "") {
    text_ += name_ + suffix;
    if (!labels.empty())
      text_ += '{' + labels + '}';
    text_ += ' ' + value + '\n';
  }

  void single(const char* name, const char* type, const char* help,
              const std::string& value) {
    family(name, type, help);
    add({}, value);
  }

  std::string take() {
    return std::move(text_);
  }

private:
  std::string name_;
  std::string text_;
};

/// What was refused before anybody knew what it was.
std::string operation_label(std::string_view x) {
  return "operation=\"" + std::string{x.empty() ? "none" : x} + '"';
}

void add_forwarder(page& out, const forward::forward_counts& x) {
  auto counter = [&](const char* name, const char* help, uint64_t n) {
    out.single(name, "counter", help, std::to_string(n));
  };
  counter("coppice_forward_requests_total", "Requests to services.",
          x.requests);
  out.family("coppice_forward_answers_total", "counter",
             "Requests to services that were answered, by the first digit of"
             " their status; 'none': the client was gone.");
  for (size_t i = 0; i < x.answered.size(); ++i)
    out.add(i == 0 ? "class=\"none\"" : "class=\"" + std::to_string(i) + "xx\"",
            std::to_string(x.answered[i]));
  out.single("coppice_forward_held_requests", "gauge",
             "Requests that wait for their service.",
             std::to_string(x.held_now));
  out.single("coppice_forward_held_bytes", "gauge",
             "Bytes of requests that wait for their service.",
             std::to_string(x.held_bytes));
  counter("coppice_forward_held_total",
          "Requests that had to wait for their service.", x.held);
  counter("coppice_forward_redelivered_total",
          "Deliveries beyond the first of a request.", x.redelivered);
  counter("coppice_forward_refused_total",
          "Requests to services that were refused because too many waited.",
          x.refused);
  counter("coppice_forward_failures_total", "Deliveries that did not succeed.",
          x.failures);
  out.single("coppice_forward_on_disk_requests", "gauge",
             "Requests to services with save = disk that are on disk.",
             std::to_string(x.on_disk_now));
  counter("coppice_forward_restored_total",
          "Requests that were on disk at the start, to be delivered.",
          x.restored);
  counter("coppice_forward_disk_refused_total",
          "Requests to services that were refused because the disk failed.",
          x.disk_refused);
  counter("coppice_forward_abandoned_total",
          "Requests that were on disk, came to nothing, and nobody was left to"
          " be told.",
          x.abandoned);
}

/// Of the whole cluster: each gateway says the same.
void add_regenerations(page& out, const proto::RegenerationsReply& x) {
  auto count_of = [&](proto::RegenerationEnd outcome) {
    uint64_t n = 0;
    for (auto& y : x.counts())
      n += y.outcome() == outcome ? y.count() : 0;
    return std::to_string(n);
  };
  out.family("coppice_cluster_regenerations_total", "counter",
             "Regenerations of nodes and services in the cluster that have"
             " ended, by what they came to.");
  for (auto& [outcome, label] : {std::pair{proto::REGENERATED, "regenerated"},
                                 std::pair{proto::NOT_CURED, "not_cured"},
                                 std::pair{proto::ROLLED_BACK, "rolled_back"},
                                 std::pair{proto::LOST, "lost"}})
    out.add(std::string{"outcome=\""} + label + '"', count_of(outcome));
  out.single("coppice_cluster_regenerations_in_progress", "gauge",
             "Regenerations in the cluster that are under way.",
             count_of(proto::UNDER_WAY));
}

void add_process(page& out, const process_numbers& x) {
  out.single("process_cpu_seconds_total", "counter",
             "Processor time of the node process, in seconds.",
             show(x.cpu_seconds));
  out.single("process_resident_memory_bytes", "gauge",
             "Resident memory of the node process, in bytes.",
             std::to_string(x.resident_bytes));
  out.single("process_virtual_memory_bytes", "gauge",
             "Address space of the node process, in bytes; the databases are"
             " mapped into it.",
             std::to_string(x.virtual_bytes));
  out.single("process_open_fds", "gauge", "Files that are open.",
             std::to_string(x.open_fds));
  out.single("process_max_fds", "gauge", "Files that may be open.",
             std::to_string(x.max_fds));
  out.single("process_start_time_seconds", "gauge",
             "When the node process began, Unix time in seconds.",
             show(x.start_seconds));
}

} // namespace

process_numbers look_at_process() {
  process_numbers result;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0)
    for (auto& x : {used.ru_utime, used.ru_stime})
      result.cpu_seconds
        += static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
  auto page_size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t total = 0;
  uint64_t resident = 0;
  if (std::ifstream in{"/proc/self/statm"}; in >> total >> resident) {
    result.virtual_bytes = total * page_size;
    result.resident_bytes = resident * page_size;
  }
  std::error_code code;
  for (std::filesystem::directory_iterator i{"/proc/self/fd", code}, end;
       !code && i != end; i.increment(code))
    ++result.open_fds;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
    result.max_fds = files.rlim_cur;
  // As good as when the process began: the gateway is a part of its start.
  static const auto began = std::chrono::duration<double>{
    std::chrono::system_clock::now().time_since_epoch()};
  result.start_seconds = began.count();
  return result;
}

void metrics_book::add(const http::answered& x) {
  ++requests_[{x.operation, x.status}];
  auto seconds = std::chrono::duration<double>{x.took}.count();
  auto& all = durations_[x.operation];
  size_t i = 0;
  while (i < bounds.size() && seconds > bounds[i])
    ++i;
  ++all.buckets[i];
  all.sum += seconds;
}

std::string
metrics_book::render(std::string_view node, const http::server_counts& counts,
                     const forward::forward_counts& forwarded,
                     const process_numbers& process,
                     const proto::RegenerationsReply* regenerated) const {
  page out;
  out.family("coppice_node_info", "gauge", "Who answers; always 1.");
  out.add("node=\"" + std::string{node} + '"', "1");
  out.family("coppice_http_requests_total", "counter",
             "HTTP requests that were answered.");
  for (auto& [key, n] : requests_)
    out.add(operation_label(key.first) + ",code=\"" + std::to_string(key.second)
              + '"',
            std::to_string(n));
  out.family("coppice_http_request_duration_seconds", "histogram",
             "From the last byte of a request to the beginning of its answer,"
             " in seconds.");
  for (auto& [operation, x] : durations_) {
    auto label = operation_label(operation);
    uint64_t count = 0;
    for (size_t i = 0; i < x.buckets.size(); ++i) {
      count += x.buckets[i];
      auto bound = i < bounds.size() ? show(bounds[i]) : "+Inf";
      out.add(label + ",le=\"" + bound + '"', std::to_string(count), "_bucket");
    }
    out.add(label, show(x.sum), "_sum");
    out.add(label, std::to_string(count), "_count");
  }
  out.single("coppice_http_connections", "gauge", "Connections that are open.",
             std::to_string(counts.connections));
  out.single("coppice_http_connections_accepted_total", "counter",
             "Connections that were accepted.",
             std::to_string(counts.accepted));
  out.single("coppice_http_connections_refused_total", "counter",
             "Connections that were closed because there were too many.",
             std::to_string(counts.turned_away));
  add_forwarder(out, forwarded);
  if (regenerated)
    add_regenerations(out, *regenerated);
  add_process(out, process);
  return out.take();
}

} // namespace coppice::api
