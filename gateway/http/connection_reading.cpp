// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The half of a connection that reads requests.

#include "gateway/http/connection.hpp"
#include "gateway/http/problem.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <string_view>

namespace coppice::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

/// What is read of headers at once. A connection that waits needs so much.
constexpr size_t header_ahead = 4 * 1024;

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

} // namespace

void connection::read_idle() {
  phase_ = phase::idle;
  knows_header_ = false;
  parser_.reset();
  release_body();
  if (core_.stopping) {
    close();
    return;
  }
  if (buffer_.size() > 0) {
    // Not at once, so that many that came together do not pile up calls.
    phase_ = phase::reading;
    asio::post(core_.io, [self = shared_from_this()] {
      if (self->phase_ == phase::reading)
        self->begin_request();
    });
    return;
  }
  // Whoever waits needs no memory for it.
  if (buffer_.capacity() > header_ahead)
    buffer_.shrink_to_fit();
  if (out_.capacity() > header_ahead)
    out_ = {};
  limit(core_.limits.idle);
  read();
}

void connection::read() {
  auto wanted = knows_header_ ? read_ahead : header_ahead;
  auto room = std::min(wanted, buffer_.max_size() - buffer_.size());
  if (room == 0)
    return on_read_error(beast::http::error::buffer_overflow);
  socket_.async_read_some(buffer_.prepare(room), [self = shared_from_this()](
                                                   error_code code, size_t n) {
    self->on_read(code, n);
  });
}

void connection::on_read(error_code code, size_t n) {
  if (code) {
    on_read_error(code);
    return;
  }
  buffer_.commit(n);
  if (phase_ == phase::idle)
    begin_request();
  else
    parse();
}

void connection::begin_request() {
  phase_ = phase::reading;
  ++number_;
  version_ = 11;
  header_bytes_ = 0;
  keep_alive_ = true;
  is_head_ = false;
  parser_.emplace();
  parser_->header_limit(core_.limits.header_bytes);
  parser_->body_limit(core_.limits.body_bytes);
  limit(core_.limits.header);
  parse();
}

void connection::parse() {
  for (;;) {
    if (buffer_.size() == 0)
      return read();
    error_code code;
    auto used = parser_->put(buffer_.data(), code);
    buffer_.consume(used);
    if (!count_body())
      return;
    // Beast has a limit for each piece only.
    if (!knows_header_) {
      header_bytes_ += used;
      auto begun = parser_->is_header_done() ? 0 : buffer_.size();
      if (header_bytes_ + begun > core_.limits.header_bytes)
        code = beast::http::error::header_limit;
    }
    if (code == beast::http::error::need_more)
      return read();
    if (code)
      return on_read_error(code);
    if (!std::exchange(knows_header_, true) && !on_header())
      return;
    if (parser_->is_done())
      return handle();
  }
}

bool connection::on_header() {
  auto refused = [this](unsigned status, auto code, auto detail) {
    refuse(status, code, detail);
    return false;
  };
  auto& head = *parser_;
  version_ = head.version;
  keep_alive_ = head.keep_alive();
  is_head_ = head.method == "HEAD";
  // Two readings of where a request ends are two requests to somebody.
  auto hosts = 0;
  auto expects = false;
  for (auto& [name, value] : head.headers) {
    hosts += name == "host" ? 1 : 0;
    expects = expects || (name == "expect" && version_ >= 11);
    if (name == "transfer-encoding" && lowered(value) != "chunked")
      return refused(501, "not_implemented",
                     "the only transfer coding that is understood is"
                     " 'chunked'");
    if (name == "expect" && expects && lowered(value) != "100-continue")
      return refused(417, "expectation_failed",
                     "the only expectation that is understood is"
                     " '100-continue'");
  }
  if (hosts > 1 || (hosts == 0 && version_ >= 11))
    return refused(400, "bad_request", "exactly one header Host is needed");
  limit(core_.limits.body);
  parser_->eager(true);
  if (!expects)
    return true;
  asio::async_write(socket_, asio::buffer(go_on),
                    [self = shared_from_this()](error_code code, size_t) {
                      if (code)
                        self->close();
                      else if (self->parser_->is_done())
                        self->handle();
                      else
                        self->parse();
                    });
  return false;
}

bool connection::count_body() {
  auto size = parser_->body.size();
  core_.bodies += size - body_bytes_;
  body_bytes_ = size;
  if (core_.bodies <= core_.limits.bodies_bytes)
    return true;
  refuse(503, "overloaded", "too much is being sent at this time");
  return false;
}

void connection::handle() {
  no_limit();
  phase_ = phase::handling;
  asked_ = std::chrono::steady_clock::now();
  request x;
  x.method = std::move(parser_->method);
  x.target = std::move(parser_->target);
  x.headers = std::move(parser_->headers);
  x.body = std::move(parser_->body);
  x.peer = peer_;
  x.from_loopback = from_loopback_;
  // Alive as long as this runs: the answer may come at once.
  auto self = shared_from_this();
  core_.answer(std::move(x),
               make_exchange(core_.shared_from_this(), self, number_));
}

void connection::refuse(unsigned status, std::string_view code,
                        std::string_view detail) {
  keep_alive_ = false;
  asked_ = std::chrono::steady_clock::now();
  write_whole(problem(status, code, detail));
}

void connection::on_read_error(error_code code) {
  using beast::http::error;
  if (phase_ != phase::reading)
    return close();
  if (timed_out_)
    return refuse(408, "request_timeout", "the request did not come in time");
  if (code == error::header_limit || code == error::buffer_overflow)
    return refuse(431, "header_too_large",
                  "the headers have more than "
                    + std::to_string(core_.limits.header_bytes) + " bytes");
  if (code == error::body_limit)
    return refuse(413, "body_too_large",
                  "the body has more than "
                    + std::to_string(core_.limits.body_bytes) + " bytes");
  if (code.category() == beast::http::make_error_code(error{}).category())
    return refuse(400, "bad_request", "no HTTP request: " + code.message());
  close();
}

} // namespace coppice::http
