// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/forward/delivery_rules.hpp"
#include "gateway/http/message.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

// Delivers requests to other HTTP servers, over connections that are used again
// and again. All of it on one thread.

namespace coppice::forward {

/// A request as it goes over the wire.
struct delivery {
  /// HOST:PORT.
  std::string address;
  /// Request line and headers.
  std::string head;
  /// May be empty.
  std::shared_ptr<const std::string> body;
  /// Of the method: an answer to HEAD has no body.
  bool is_head = false;
  /// Not over a connection that was used before: it may be closed at the other
  /// end, and then nobody knows what became of the request.
  bool fresh = false;
  /// Until the answer begins, and between its parts.
  std::chrono::milliseconds patience{30'000};
};

/// The beginning of an answer. Without what is for one connection only, and
/// without internal headers.
struct delivered {
  /// With a body if that is all of it.
  http::response head;
  /// Value of the internal header that says why it was refused.
  std::string refused;
  /// There is no more to come.
  bool is_whole = false;
};

/// Why there is no answer.
struct failed_delivery {
  delivery_end end = delivery_end::not_connected;
  /// The connection was an old one, so this says nothing of the other end.
  bool was_used = false;
  /// For people.
  std::string why;
};

/// Told of one delivery, on the thread of its `upstreams`.
class delivery_listener {
public:
  virtual ~delivery_listener() = default;

  /// If that is not the whole answer, `upstream::next` asks for the first part.
  virtual void on_answer(delivered x) = 0;

  /// @param part Empty only if it is the last.
  virtual void on_part(std::string part, bool last) = 0;

  /// Nothing more will come.
  virtual void on_failure(failed_delivery x) = 0;
};

/// One delivery that is under way. Of no use after the last part or a failure.
class upstream {
public:
  virtual ~upstream() = default;

  /// Asks for the next part.
  virtual void next() = 0;

  /// Nobody wants the answer: the connection is closed, and the listener hears
  /// nothing more.
  virtual void abandon() = 0;
};

using upstream_ptr = std::shared_ptr<upstream>;

/// What may be open at a time.
struct upstream_limits {
  /// Without a request, per address.
  size_t idle = 64;
  std::chrono::milliseconds idle_time{30'000};
  std::chrono::milliseconds connect{3'000};
  /// Answers of at most so many bytes are handed on whole.
  uint64_t whole_bytes = 64 * 1024;
  /// Of the head of an answer.
  uint32_t header_bytes = 64 * 1024;
};

/// The connections to other servers.
class upstreams {
public:
  /// Inside of it.
  struct core;

  upstreams(std::shared_ptr<boost::asio::io_context> io,
            upstream_limits limits = {});

  ~upstreams();

  upstreams(const upstreams&) = delete;

  upstreams& operator=(const upstreams&) = delete;

  /// Delivers a request. The listener is told later, never at once.
  upstream_ptr deliver(delivery x, std::shared_ptr<delivery_listener> to);

  /// Only connects, and closes. The listener is told of an empty answer.
  upstream_ptr knock(std::string address, std::chrono::milliseconds patience,
                     std::shared_ptr<delivery_listener> to);

  /// Closes what nobody uses, and what took too long. To be called again and
  /// again.
  void sweep();

  /// Closes everything; listeners hear nothing more.
  void close();

  /// Returns how many connections are open.
  size_t size() const;

private:
  std::shared_ptr<core> core_;
};

} // namespace coppice::forward
