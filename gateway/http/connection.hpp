// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// Inside of the server: include it in server.cpp and connection.cpp only, Boost
// takes its time to compile.

#include "gateway/http/parser.hpp"
#include "gateway/http/server.hpp"
#include "gateway/http/wire.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

namespace coppice::http {

class connection;

/// A socket that knows its kind of executor: Asio's usual one asks it for each
/// step, which costs.
using tcp_socket
  = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                     boost::asio::io_context::executor_type>;

/// What the connections of a server share. Used on its thread only, but for the
/// counters and to post to *io*.
struct server_core : std::enable_shared_from_this<server_core> {
  server_limits limits;
  handler answer;
  std::function<void(const answered&)> observe;
  /// Of all bodies that are being read or whose requests are being answered.
  uint64_t bodies = 0;
  bool stopping = false;
  std::atomic<size_t> connections = 0;
  std::atomic<uint64_t> accepted = 0;
  std::atomic<uint64_t> turned_away = 0;
  /// Behind what connections use when they end, which may be with it.
  boost::asio::io_context io{1};
  std::unordered_set<std::shared_ptr<connection>> open;
};

/// The most that is read of a body at once, and that waits for its turn when
/// requests are pipelined; more waits in the socket.
inline constexpr size_t read_ahead = 64 * 1024;

/// One connection: reads a request, has it answered, reads the next. What is
/// pipelined waits in the socket meanwhile, so answers keep their order.
class connection : public std::enable_shared_from_this<connection> {
public:
  // -- constructors, destructors, and assignment operators --------------------

  connection(server_core& core, tcp_socket socket);

  ~connection();

  connection(const connection&) = delete;

  connection& operator=(const connection&) = delete;

  // -- modifiers --------------------------------------------------------------

  void start();

  /// Answers 503 and closes.
  void turn_away();

  /// The server stops: takes at most one further request, cuts off a body that
  /// comes in parts.
  void drain();

  /// Closes at once.
  void abort();

  // -- modifiers: the answer to request *number* ------------------------------

  void respond(uint64_t number, response x);

  void open(uint64_t number, response head);

  void send(uint64_t number, std::string part, exchange::listener done);

  void finish(uint64_t number);

  void watch(uint64_t number, std::function<void()> gone);

  /// Nobody is left to answer.
  void dropped(uint64_t number);

private:
  // -- member types -----------------------------------------------------------

  using error_code = boost::system::error_code;

  using time = std::chrono::steady_clock::time_point;

  enum class phase { idle, reading, handling, streaming, closing };

  struct outgoing {
    std::string bytes;
    exchange::listener done;
  };

  // -- deadlines --------------------------------------------------------------

  /// What the socket does from now on has to be over after *span*, or it is
  /// cancelled.
  void limit(std::chrono::milliseconds span);

  void no_limit();

  /// Has the timer look at the deadline when that comes.
  void arm();

  void on_timer();

  // -- reading ----------------------------------------------------------------

  void read_idle();

  void read();

  void on_read(error_code code, size_t n);

  void begin_request();

  /// Takes the request out of what has come, or reads more.
  void parse();

  /// @returns False if the body is not wanted, or not yet.
  bool on_header();

  /// @returns False if it is too much.
  bool count_body();

  void handle();

  /// Answers what cannot be a request and closes.
  void refuse(unsigned status, std::string_view code, std::string_view detail);

  void on_read_error(error_code code);

  // -- writing ----------------------------------------------------------------

  framing frame(std::optional<uint64_t> size) const;

  void observe(const response& x);

  /// Writes one answer as a whole.
  void write_whole(response x);

  void write_next_part();

  /// Notices, while an answer is awaited or sent, that the client hangs up.
  void watch();

  void end_stream();

  /// The answer was written: reads the next request, or closes.
  void after_answer(bool stays);

  /// Closes so that the client can read what was written: what it still sends
  /// is read and dropped for a while.
  void linger();

  void drop_input(size_t left);

  void close();

  void fail_parts();

  void release_body();

  // -- member variables -------------------------------------------------------

  server_core& core_;
  tcp_socket socket_;
  boost::asio::steady_timer timer_;
  /// When the socket has to be done. It changes several times with each
  /// request, so the timer is only set if it would look too late.
  time deadline_ = time::max();
  /// When the timer looks.
  time looks_at_ = time::max();
  boost::beast::flat_buffer buffer_;
  std::optional<message_parser<true>> parser_;
  phase phase_ = phase::idle;
  /// Of the request that is being answered; late answers to others are nothing.
  uint64_t number_ = 0;
  uint64_t body_bytes_ = 0;
  size_t header_bytes_ = 0;
  /// Address of the client.
  std::string peer_;
  /// Told if the client goes away.
  std::function<void()> gone_;
  bool watching_ = false;
  unsigned version_ = 11;
  /// The checks of the header are over.
  bool knows_header_ = false;
  bool keep_alive_ = true;
  bool from_loopback_ = false;
  bool is_head_ = false;
  bool chunked_ = false;
  bool writing_ = false;
  bool timed_out_ = false;
  bool last_part_ = false;
  /// The body is not complete, and must not look so.
  bool cut_ = false;
  time asked_;
  /// What is being written.
  std::string out_;
  std::deque<outgoing> parts_;
};

/// Returns the answer to the request *number* of *x*, for any thread.
exchange_ptr make_exchange(std::shared_ptr<server_core> core,
                           std::weak_ptr<connection> x, uint64_t number);

} // namespace coppice::http
