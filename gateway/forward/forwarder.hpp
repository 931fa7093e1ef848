// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/forward/route_table.hpp"
#include "gateway/http/companion.hpp"
#include "gateway/http/message.hpp"
#include "runtime/service/local_services.hpp"
#include "storage/held_store.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace coppice::forward {

/// Numbers of a forwarder since it began, for metrics.
struct forward_counts {
  /// Requests that came, and that go to a service that there is.
  uint64_t requests = 0;
  /// By the first digit of their status; [0] has those whose client was gone.
  std::array<uint64_t, 6> answered{};
  /// At this time.
  uint64_t held_now = 0;
  uint64_t held_bytes = 0;
  uint64_t held = 0;
  /// Deliveries beyond the first of each request.
  uint64_t redelivered = 0;
  /// Refused, since too much was held.
  uint64_t refused = 0;
  /// Deliveries that did not succeed.
  uint64_t failures = 0;
  /// On disk at this time.
  uint64_t on_disk_now = 0;
  /// Found on disk at the start, and to be delivered.
  uint64_t restored = 0;
  /// Refused, since the disk did not take them.
  uint64_t disk_refused = 0;
  /// On disk, came to nothing, and nobody was left who could be told.
  uint64_t abandoned = 0;
};

/// What a forwarder is told when it starts.
struct forwarder_options {
  using ms = std::chrono::milliseconds;

  /// How often it looks for what took too long, and may be tried again.
  ms tick{20};
  /// The same while there is nothing to do.
  ms slow_tick{500};
  /// A client that waits so long is watched.
  ms watch_after{250};
  /// As long as nothing is known of the services, requests wait for so long.
  ms until_known{5'000};
  /// Where requests are kept of services that want that; without it they are
  /// held in memory like all others.
  std::shared_ptr<held_store> store;
  /// What was in it.
  held_rows found;
  /// What runs on the node of this forwarder, if anything does: its processes
  /// are asked without the way over the listener of the node.
  std::shared_ptr<const local_services> local;
};

/// The name of what it does, in metrics.
inline constexpr std::string_view forward_operation = "service";

/// Has requests to services answered where the services are. Holds those that
/// cannot be delivered, and delivers them later, those that came first before
/// the others. Runs on the thread of a server.
class forwarder : public http::companion {
public:
  /// Inside of it.
  struct core;

  explicit forwarder(forwarder_options options = {});

  ~forwarder() override;

  // -- modifiers: any thread --------------------------------------------------

  /// Takes where the services are from now on.
  void set_routes(route_table_ptr x);

  // -- modifiers: the thread of the server ------------------------------------

  /// Has a request answered whose target is below `/s/`.
  void serve(http::request x, http::exchange_ptr to);

  void begin(std::shared_ptr<boost::asio::io_context> io) override;

  void drain() override;

  void end() override;

  // -- properties: the thread of the server -----------------------------------

  forward_counts counts() const;

private:
  std::shared_ptr<core> core_;
};

} // namespace coppice::forward
