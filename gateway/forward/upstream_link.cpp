// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/upstream_link.hpp"

#include "gateway/forward/head_rules.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace coppice::forward {

namespace asio = boost::asio;
namespace beast = boost::beast;

using asio::ip::tcp;

namespace {

constexpr size_t read_bytes = 16 * 1024;

/// The most of a body that is handed on at once.
constexpr size_t part_bytes = 64 * 1024;

struct split_address {
  std::string host;
  std::string port;
};

split_address split(const std::string& x) {
  auto colon = x.rfind(':');
  if (colon == std::string::npos)
    return {x, {}};
  auto host = x.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {host, x.substr(colon + 1)};
}

std::optional<tcp::endpoint> as_endpoint(const split_address& x) {
  boost::system::error_code code;
  auto host = asio::ip::make_address(x.host, code);
  uint16_t port = 0;
  auto end = x.port.data() + x.port.size();
  auto parsed = std::from_chars(x.port.data(), end, port);
  if (code || parsed.ec != std::errc{} || parsed.ptr != end)
    return std::nullopt;
  return tcp::endpoint{host, port};
}

/// Takes the head of an answer over, without what is for this connection.
delivered take_head(http::header_list& from) {
  delivered x;
  std::string connection;
  for (auto& [key, value] : from)
    if (is_same_name(key, "connection"))
      connection.append(",").append(value);
  x.head.headers.reserve(from.size());
  for (auto& field : from) {
    auto name = http::lowered(field.first);
    if (name == refused_header)
      x.refused = field.second;
    if (name == "content-length" || name.starts_with(own_prefix)
        || is_hop_by_hop(name)
        || (!connection.empty() && is_listed(connection, name)))
      continue;
    x.head.dated = x.head.dated || name == "date";
    x.head.headers.push_back(std::move(field));
  }
  return x;
}

} // namespace

upstream_link::upstream_link(std::shared_ptr<upstreams::core> core,
                             std::string address)
  : core_(std::move(core)),
    address_(std::move(address)),
    socket_(*core_->io),
    resolver_(*core_->io),
    buffer_(core_->limits.header_bytes + read_bytes) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

void upstream_link::deliver(delivery x, std::shared_ptr<delivery_listener> to) {
  what_ = std::move(x);
  listener_ = std::move(to);
  answer_ = {};
  parser_.reset();
  sent_ = false;
  wanted_ = false;
  streamed_ = false;
  if (phase_ == phase::fresh) {
    connect();
    return;
  }
  was_used_ = true;
  // Not at once: whoever delivers is not told before it knows of the delivery.
  write();
}

void upstream_link::knock(std::chrono::milliseconds patience,
                          std::shared_ptr<delivery_listener> to) {
  only_knocks_ = true;
  what_.patience = patience;
  listener_ = std::move(to);
  connect();
}

void upstream_link::next() {
  if (phase_ != phase::body)
    return;
  wanted_ = true;
  deadline_ = std::chrono::steady_clock::now() + what_.patience;
  // Not at once, so that a fast sender does not pile up calls.
  asio::post(*core_->io, [self = shared_from_this()] {
    if (self->phase_ == phase::body && self->wanted_)
      self->parse_part();
  });
}

void upstream_link::abandon() {
  listener_ = nullptr;
  close();
}

void upstream_link::on_deadline() {
  switch (phase_) {
    case phase::connecting:
      fail(delivery_end::not_connected, "no connection in time");
      break;
    case phase::waiting:
      fail(delivery_end::late, "no answer in time");
      break;
    case phase::body:
      fail(streamed_ ? delivery_end::answering : delivery_end::late,
           "the answer came to a halt");
      break;
    default:
      close();
      break;
  }
}

// -- connecting ---------------------------------------------------------------

void upstream_link::connect() {
  phase_ = phase::connecting;
  deadline_ = std::chrono::steady_clock::now()
              + std::min(core_->limits.connect, what_.patience);
  auto where = split(address_);
  if (auto endpoint = as_endpoint(where)) {
    connect_to(*endpoint);
    return;
  }
  resolver_.async_resolve(
    where.host, where.port,
    [self = shared_from_this()](error_code code, auto found) {
      if (self->phase_ != phase::connecting)
        return;
      if (code || found.empty())
        self->fail(delivery_end::not_connected, code.message());
      else
        self->connect_to(found.begin()->endpoint());
    });
}

void upstream_link::connect_to(const tcp::endpoint& where) {
  socket_.async_connect(where, [self = shared_from_this()](error_code code) {
    if (self->phase_ == phase::connecting)
      self->on_connected(code);
  });
}

void upstream_link::on_connected(error_code code) {
  if (code) {
    fail(delivery_end::not_connected, code.message());
    return;
  }
  if (only_knocks_) {
    auto to = std::exchange(listener_, nullptr);
    close();
    if (to)
      to->on_answer({{204, {}, {}, {}}, {}, true});
    return;
  }
  error_code ignored;
  socket_.set_option(tcp::no_delay{true}, ignored);
  socket_.non_blocking(true, ignored);
  read();
  write();
}

// -- writing ------------------------------------------------------------------

void upstream_link::write() {
  phase_ = phase::waiting;
  deadline_ = std::chrono::steady_clock::now() + what_.patience;
  auto body = what_.body ? asio::buffer(*what_.body) : asio::const_buffer{};
  std::array<asio::const_buffer, 2> all{asio::buffer(what_.head), body};
  // Most requests fit at once, then nobody has to wait.
  error_code code;
  auto n = socket_.write_some(all, code);
  sent_ = n > 0;
  if (n < asio::buffer_size(all))
    // A failure is found again there, and told later.
    write_rest(n);
}

void upstream_link::write_rest(size_t done) {
  auto head = std::min(done, what_.head.size());
  auto body = what_.body ? asio::buffer(*what_.body) : asio::const_buffer{};
  std::array<asio::const_buffer, 2> rest{asio::buffer(what_.head) + head,
                                         body + (done - head)};
  writing_ = true;
  // What is sent has to stay, even if the delivery is given up meanwhile.
  asio::async_write(
    socket_, rest,
    [self = shared_from_this(), kept = what_.body](error_code code, size_t n) {
      self->writing_ = false;
      self->sent_ = self->sent_ || n > 0;
      if (code && self->phase_ == phase::waiting && !self->sent_)
        self->fail(delivery_end::nothing_sent, code.message());
      // Otherwise the read finds out, and perhaps an answer.
    });
}

// -- reading ------------------------------------------------------------------

void upstream_link::read() {
  if (std::exchange(reading_, true))
    return;
  socket_.async_read_some(
    buffer_.prepare(read_bytes),
    [self = shared_from_this()](error_code code, size_t n) {
      self->reading_ = false;
      self->on_read(code, n);
    });
}

void upstream_link::on_read(error_code code, size_t n) {
  if (phase_ == phase::closed)
    return;
  buffer_.commit(n);
  if (phase_ == phase::idle || (code && phase_ == phase::waiting && !parser_)) {
    // It hung up, or says what nobody asked.
    if (phase_ == phase::idle)
      close();
    else
      fail(reach(), code == asio::error::eof ? "the connection was closed"
                                             : code.message());
    return;
  }
  if (code)
    on_end(code);
  else
    parse();
}

void upstream_link::on_end(error_code code) {
  ended_ = true;
  if (code != asio::error::eof) {
    fail(reach(), code.message());
    return;
  }
  if (phase_ != phase::body || answer_.is_whole) {
    fail(reach(), "the connection was closed");
    return;
  }
  if (wanted_)
    parse_part();
}

void upstream_link::parse() {
  if (phase_ == phase::body) {
    if (answer_.is_whole)
      parse_whole();
    else if (wanted_)
      parse_part();
    return;
  }
  while (phase_ == phase::waiting)
    if (!parse_head())
      return;
}

bool upstream_link::parse_head() {
  if (!parser_) {
    parser_.emplace();
    head_bytes_ = 0;
    parser_->header_limit(core_->limits.header_bytes);
    parser_->body_limit(std::numeric_limits<uint64_t>::max());
    parser_->skip(what_.is_head);
  }
  if (buffer_.size() == 0) {
    read();
    return false;
  }
  error_code code;
  auto used = parser_->put(buffer_.data(), code);
  buffer_.consume(used);
  head_bytes_ += used;
  if (code == beast::http::error::need_more) {
    if (head_bytes_ + buffer_.size() > core_->limits.header_bytes)
      fail(delivery_end::malformed, "its headers are too large");
    else
      read();
    return false;
  }
  if (code) {
    fail(delivery_end::malformed, "it does not speak HTTP: " + code.message());
    return false;
  }
  auto status = parser_->status;
  if (status == 101 || status < 100) {
    fail(delivery_end::malformed, "it answered with what nobody asked for");
    return false;
  }
  if (status < 200) {
    // Only in between: the answer comes behind it.
    parser_.reset();
    return true;
  }
  begin_body();
  return false;
}

void upstream_link::begin_body() {
  phase_ = phase::body;
  auto status = parser_->status;
  answer_ = take_head(parser_->headers);
  answer_.head.status = status;
  if (auto length = parser_->content_length())
    answer_.head.length = *length;
  parser_->eager(true);
  answer_.head.without_body = what_.is_head || status == 304;
  if (answer_.head.without_body || status == 204 || parser_->is_done()) {
    settle();
    return;
  }
  auto length = answer_.head.length;
  answer_.is_whole = length && *length <= core_->limits.whole_bytes;
  if (answer_.is_whole) {
    parse_whole();
    return;
  }
  deadline_ = time::max();
  streamed_ = true;
  parser_->most = part_bytes;
  auto to = listener_;
  to->on_answer(std::move(answer_));
}

void upstream_link::parse_whole() {
  while (buffer_.size() > 0) {
    error_code code;
    buffer_.consume(parser_->put(buffer_.data(), code));
    if (parser_->is_done()) {
      answer_.head.body = std::move(parser_->body);
      settle();
      return;
    }
    if (code && code != beast::http::error::need_more) {
      fail(delivery_end::malformed,
           "it does not speak HTTP: " + code.message());
      return;
    }
  }
  read();
}

void upstream_link::parse_part() {
  auto is_full = [this] { return parser_->body.size() >= part_bytes; };
  error_code code;
  while (buffer_.size() > 0 && !is_full() && !parser_->is_done() && !code) {
    buffer_.consume(parser_->put(buffer_.data(), code));
    if (code == beast::http::error::need_more) {
      code = {};
      break;
    }
  }
  if (ended_ && !parser_->is_done() && !code && !is_full())
    parser_->put_eof(code);
  if (code && code != beast::http::error::need_buffer) {
    fail(delivery_end::answering, "its answer broke off: " + code.message());
    return;
  }
  auto part = std::exchange(parser_->body, {});
  auto to = listener_;
  if (parser_->is_done()) {
    auto self = shared_from_this();
    settle();
    to->on_part(std::move(part), true);
  } else if (part.empty()) {
    read();
  } else {
    wanted_ = false;
    deadline_ = time::max();
    to->on_part(std::move(part), false);
  }
}

void upstream_link::settle() {
  auto to = std::exchange(listener_, nullptr);
  auto is_clean = parser_->is_done() && parser_->keep_alive()
                  && !parser_->need_eof() && !writing_ && !ended_
                  && buffer_.size() == 0;
  phase_ = phase::idle;
  deadline_ = std::chrono::steady_clock::now() + core_->limits.idle_time;
  auto self = shared_from_this();
  if (is_clean && core_->put_idle(self))
    read();
  else
    close();
  if (streamed_ || !to)
    return;
  auto whole = std::move(answer_);
  whole.is_whole = true;
  to->on_answer(std::move(whole));
}

// -- the end ------------------------------------------------------------------

delivery_end upstream_link::reach() const {
  if (phase_ == phase::connecting)
    return delivery_end::not_connected;
  // A whole answer is handed on at its end: nothing was told before.
  if (streamed_)
    return delivery_end::answering;
  return sent_ ? delivery_end::lost : delivery_end::nothing_sent;
}

void upstream_link::fail(delivery_end end, std::string why) {
  auto to = std::exchange(listener_, nullptr);
  auto was_used = was_used_ && !parser_;
  close();
  if (to)
    to->on_failure({end, was_used, std::move(why)});
}

void upstream_link::close() {
  if (phase_ == phase::closed)
    return;
  auto self = shared_from_this();
  phase_ = phase::closed;
  deadline_ = time::max();
  error_code ignored;
  resolver_.cancel();
  socket_.close(ignored);
  core_->forget(self);
}

} // namespace coppice::forward
