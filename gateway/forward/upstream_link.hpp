// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// Inside of upstreams: include it in upstream.cpp and upstream_link.cpp only,
// Boost takes its time to compile.

#include "gateway/forward/upstream.hpp"
#include "gateway/http/parser.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace coppice::forward {

class upstream_link;

/// What the connections share.
struct upstreams::core {
  std::shared_ptr<upstream_link> take_idle(const std::string& address);

  /// @returns False if there are enough.
  bool put_idle(std::shared_ptr<upstream_link> x);

  void forget(const std::shared_ptr<upstream_link>& x);

  std::shared_ptr<boost::asio::io_context> io;
  upstream_limits limits;
  std::unordered_set<std::shared_ptr<upstream_link>> all;
  /// By address.
  std::unordered_map<std::string, std::vector<std::shared_ptr<upstream_link>>>
    idle;
};

/// One connection. A read is pending as long as it is open, so that it is
/// noticed when the other end closes; the answer comes by way of the same read.
class upstream_link : public upstream,
                      public std::enable_shared_from_this<upstream_link> {
public:
  using time = std::chrono::steady_clock::time_point;

  upstream_link(std::shared_ptr<upstreams::core> core, std::string address);

  // -- modifiers --------------------------------------------------------------

  void deliver(delivery x, std::shared_ptr<delivery_listener> to);

  void knock(std::chrono::milliseconds patience,
             std::shared_ptr<delivery_listener> to);

  void next() override;

  void abandon() override;

  void on_deadline();

  // -- properties -------------------------------------------------------------

  const std::string& address() const {
    return address_;
  }

  bool is_late(time now) const {
    return now >= deadline_;
  }

private:
  // -- member types -----------------------------------------------------------

  using error_code = boost::system::error_code;

  /// It knows its kind of executor: Asio's usual one asks it for each step.
  using tcp_socket
    = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                       boost::asio::io_context::executor_type>;

  enum class phase { fresh, connecting, waiting, body, idle, closed };

  // -- connecting -------------------------------------------------------------

  void connect();

  void connect_to(const boost::asio::ip::tcp::endpoint& where);

  void on_connected(error_code code);

  // -- writing ----------------------------------------------------------------

  void write();

  void write_rest(size_t done);

  // -- reading ----------------------------------------------------------------

  void read();

  void on_read(error_code code, size_t n);

  void on_end(error_code code);

  void parse();

  /// @returns False if more is needed, or the delivery is over.
  bool parse_head();

  void begin_body();

  void parse_whole();

  /// Makes a part of what has come.
  void parse_part();

  void settle();

  // -- the end ----------------------------------------------------------------

  /// How far the delivery is that fails now.
  delivery_end reach() const;

  void fail(delivery_end end, std::string why);

  /// Closes the connection.
  void close();

  // -- member variables -------------------------------------------------------

  std::shared_ptr<upstreams::core> core_;
  std::string address_;
  tcp_socket socket_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::beast::flat_buffer buffer_;
  /// Of the head that is being read.
  size_t head_bytes_ = 0;
  std::optional<http::message_parser<false>> parser_;
  delivery what_;
  std::shared_ptr<delivery_listener> listener_;
  delivered answer_;
  phase phase_ = phase::fresh;
  time deadline_ = time::max();
  bool only_knocks_ = false;
  bool was_used_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool sent_ = false;
  /// Somebody waits for a part.
  bool wanted_ = false;
  bool ended_ = false;
  /// The listener was told of the head.
  bool streamed_ = false;
};

} // namespace coppice::forward
