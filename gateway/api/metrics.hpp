// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/forward/forwarder.hpp"
#include "gateway/http/server.hpp"
#include "proto/api.pb.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace coppice::api {

/// Numbers of the process, as the operating system counts them; what it does
/// not tell is 0.
struct process_numbers {
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
  double start_seconds = 0; ///< Unix time.
};

/// Looks at this process.
process_numbers look_at_process();

/// Counts answers, and renders all numbers of a gateway in the text format of
/// Prometheus. Names and units follow its conventions. Used by one thread.
class metrics_book {
public:
  // -- modifiers --------------------------------------------------------------

  void add(const http::answered& x);

  // -- properties -------------------------------------------------------------

  /// @param node Name of this node.
  /// @param regenerated What the cluster said last; null: nothing yet.
  std::string render(std::string_view node, const http::server_counts& counts,
                     const forward::forward_counts& forwarded,
                     const process_numbers& process,
                     const proto::RegenerationsReply* regenerated
                     = nullptr) const;

private:
  /// Upper bounds in seconds; a last bucket has all the rest.
  static constexpr std::array<double, 10> bounds{
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 5, 30};

  struct durations {
    std::array<uint64_t, bounds.size() + 1> buckets{};
    double sum = 0;
  };

  // The operations are those of the routes: neither map grows with the clients.
  std::map<std::pair<std::string_view, unsigned>, uint64_t> requests_;
  std::map<std::string_view, durations> durations_;
};

} // namespace coppice::api
