// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/http/companion.hpp"
#include "gateway/http/message.hpp"
#include "runtime/service/local_services.hpp"

#include <memory>

namespace coppice::forward {

/// Has the requests that come from forwarders answered by the services of this
/// node, and looks after the health of processes. Runs on the thread of a
/// server.
///
/// What is not for an instance that is here is refused with a header that says
/// why, see head_rules.hpp: the forwarder knows then whether it may try again.
class service_desk : public http::companion {
public:
  /// Inside of it.
  struct core;

  explicit service_desk(std::shared_ptr<local_services> services);

  ~service_desk() override;

  /// On the thread of the server.
  void serve(http::request x, http::exchange_ptr to);

  void begin(std::shared_ptr<boost::asio::io_context> io) override;

  void drain() override;

  void end() override;

private:
  std::shared_ptr<core> core_;
};

} // namespace coppice::forward
