// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// HTTP as the rest of the gateway sees it: no sockets, no Beast.

namespace coppice::http {

/// Those of a request have their names in lower case.
using header_list = std::vector<std::pair<std::string, std::string>>;

/// Returns the value of the header *name*, or nothing; the first if there are
/// several.
std::string_view find_header(const header_list& xs, std::string_view name);

/// A request with its whole body.
struct request {
  /// As it came: "GET".
  std::string method;
  /// As it came: path and query, not decoded.
  std::string target;
  header_list headers;
  std::string body;
  /// It came over a connection from this machine. Who passes requests on for
  /// others, such as a proxy, looks the same.
  bool from_loopback = false;
  /// Address of who sent it, without the port.
  std::string peer{};
};

/// An answer, or the head of one whose body comes in parts.
struct response {
  unsigned status = 200;
  /// Content-Type; empty: none.
  std::string type;
  /// Further headers. Not those that say how long the body is and what becomes
  /// of the connection: the server knows these.
  header_list headers;
  std::string body;
  /// What was asked for, for metrics; a constant, or empty.
  std::string_view operation{};
  /// Size of the body, if it comes in parts and that is known: exactly so much
  /// has to be sent. Without a body: of the one that GET would bring.
  std::optional<uint64_t> length{};
  /// There is none, whatever *length* says: an answer to HEAD, or a 304.
  bool without_body = false;
  /// A header Date is among the headers.
  bool dated = false;
};

/// The answer to one request. May be kept, and used from any thread; nothing
/// blocks. Dropped without an answer, it answers 500 by itself, or cuts the
/// body that was begun.
class exchange {
public:
  /// Told on the server's thread whether a part was handed to the system.
  /// False: the client is gone or the server stops; nothing more will be sent.
  using listener = std::function<void(bool)>;

  virtual ~exchange() = default;

  /// Answers; only the first answer counts.
  virtual void respond(response x) = 0;

  /// Answers with a head; the body follows by `send`.
  virtual void open(response head) = 0;

  /// Sends a part of the body, which is not empty.
  /// @param done Called once. Wait for it before the next part: what is sent
  ///             meanwhile stays in memory.
  virtual void send(std::string part, listener done) = 0;

  /// The body is complete.
  virtual void close() = 0;

  /// Returns whether somebody may still want the answer. A client that goes
  /// away is noticed while a body is sent to it in parts.
  virtual bool is_open() const = 0;

  /// Tells *gone* on the server's thread, once, if the client goes away before
  /// its answer was sent. It costs something, so only who waits long asks. A
  /// client that has sent its next request already is not watched.
  virtual void watch(std::function<void()> gone) {
    static_cast<void>(gone);
  }
};

using exchange_ptr = std::shared_ptr<exchange>;

/// Answers requests. Called on the server's thread: must not block.
using handler = std::function<void(request, exchange_ptr)>;

} // namespace coppice::http
