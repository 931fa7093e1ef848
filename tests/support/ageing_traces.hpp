// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/health/ageing/ageing_watch.hpp"
#include "runtime/health/ageing/latency_watch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

// What bench/record-traces recorded of real programs.

namespace coppice::test {

/// A recording.
struct ageing_trace {
  struct row {
    double seconds = 0;
    double resident_kib = 0;
    double files = 0;
    double threads = 0;
    double requests_per_s = 0;
    /// Unset if nothing was asked.
    std::optional<double> latency_ms;
  };

  std::string name;
  /// The vital that it uses up, or "nothing".
  std::string wears;
  /// What it may have, by the name of its column.
  std::map<std::string, double> limits;
  std::vector<row> rows;
};

/// Reads a recording; one without rows if it is none.
inline ageing_trace read_trace(const std::filesystem::path& file) {
  ageing_trace out;
  out.name = file.stem().string();
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream words{line};
    std::string first;
    if (line.starts_with("# ")) {
      double limit = 0;
      if (words >> first >> first; first == "wears")
        words >> out.wears;
      else if (words >> limit)
        out.limits[first] = limit;
      continue;
    }
    ageing_trace::row x;
    if (words >> x.seconds >> x.resident_kib >> x.files >> x.threads
        >> x.requests_per_s) {
      if (double latency = 0; words >> latency)
        x.latency_ms = latency;
      out.rows.push_back(x);
    }
  }
  return out;
}

/// Returns all recordings in a folder, ordered by their names.
inline std::vector<ageing_trace>
read_traces(const std::filesystem::path& folder) {
  std::vector<ageing_trace> out;
  for (auto& x : std::filesystem::directory_iterator{folder})
    if (x.path().extension() == ".csv")
      out.push_back(read_trace(x.path()));
  std::sort(out.begin(), out.end(),
            [](auto& x, auto& y) { return x.name < y.name; });
  return out;
}

/// What a node says of a recording.
struct trace_finding {
  /// The vitals that are worn at the end or were before, in their order.
  std::vector<std::string> worn;
  /// When the first of them was, as a part of the recording; 1: never.
  double part = 1;
};

/// Judges a recording by the rules of a node, in spans as short as the
/// recording needs.
inline trace_finding judge_trace(const ageing_trace& x) {
  using seconds = growth_limits::seconds;
  trace_finding out;
  if (x.rows.empty())
    return out;
  auto limit = [&](const char* what) {
    auto found = x.limits.find(what);
    return found == x.limits.end() ? 0 : found->second;
  };
  ageing_limits sizes;
  sizes.growth.warm_up = seconds{30};
  sizes.growth.bucket = seconds{5};
  latency_limits latency;
  latency.growth = sizes.growth;
  latency.growth.bucket = seconds{10};
  latency.limit_ms = limit("latency_ms");
  ageing_watch watch{sizes};
  latency_watch slow{latency};
  for (auto& y : x.rows) {
    auto at = seconds{y.seconds};
    std::vector<vital_measure> now{
      {"memory", "B", y.resident_kib, limit("memory_kib"), y.requests_per_s},
      {"files", "", y.files, limit("files"), y.requests_per_s},
      {"threads", "", y.threads, 0, y.requests_per_s},
    };
    watch.add(at, now);
    if (y.latency_ms)
      slow.add(at, *y.latency_ms);
    google::protobuf::RepeatedPtrField<proto::Vital> vitals;
    watch.describe(vitals);
    slow.describe(vitals);
    for (auto& z : vitals) {
      if (!z.worn()
          || std::find(out.worn.begin(), out.worn.end(), z.name())
               != out.worn.end())
        continue;
      if (out.worn.empty())
        out.part = y.seconds / x.rows.back().seconds;
      out.worn.push_back(z.name());
    }
  }
  return out;
}

} // namespace coppice::test
