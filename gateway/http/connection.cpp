// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/connection.hpp"

#include "gateway/http/problem.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

namespace coppice::http {

namespace asio = boost::asio;

namespace {

/// How much of a request that was refused is read and dropped, and how long.
constexpr size_t dropped_bytes = 4 * 1024 * 1024;
constexpr auto dropped_time = std::chrono::milliseconds{2'000};

/// After a deadline: for an operation that was just between two steps.
constexpr auto second_try = std::chrono::milliseconds{500};

bool is_loopback(const asio::ip::address& x) {
  // A socket for both kinds of addresses has IPv4 peers as ::ffff:a.b.c.d.
  if (x.is_v6() && x.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, x.to_v6())
      .is_loopback();
  return x.is_loopback();
}

} // namespace

connection::connection(server_core& core, tcp_socket socket)
  : core_(core),
    socket_(std::move(socket)),
    timer_(core.io),
    buffer_(core.limits.header_bytes + 2 * read_ahead) {
  ++core_.connections;
}

connection::~connection() {
  release_body();
  --core_.connections;
}

// -- modifiers ----------------------------------------------------------------

void connection::start() {
  // Answers are small and written whole: waiting for more only delays them.
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
  socket_.non_blocking(true, ignored);
  // A peer that is gone already has no address, and no rights.
  auto peer = socket_.remote_endpoint(ignored);
  if (!ignored)
    peer_ = peer.address().to_string();
  from_loopback_ = !ignored && is_loopback(peer.address());
  read_idle();
}

void connection::turn_away() {
  refuse(503, "overloaded", "too many connections are open already");
}

void connection::drain() {
  switch (phase_) {
    case phase::idle:
      if (core_.limits.last_request.count() > 0)
        limit(core_.limits.last_request);
      else
        close();
      break;
    case phase::streaming:
      last_part_ = true;
      cut_ = true;
      fail_parts();
      if (!writing_)
        end_stream();
      break;
    default: // What has come is answered, and the answer says that it is last.
      break;
  }
}

void connection::abort() {
  close();
}

// -- deadlines ----------------------------------------------------------------

void connection::limit(std::chrono::milliseconds span) {
  timed_out_ = false;
  deadline_ = std::chrono::steady_clock::now() + span;
  if (deadline_ < looks_at_)
    arm();
}

void connection::no_limit() {
  timed_out_ = false;
  deadline_ = time::max();
}

void connection::arm() {
  looks_at_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](error_code code) {
    if (!code)
      self->on_timer();
  });
}

void connection::on_timer() {
  auto now = std::chrono::steady_clock::now();
  // It was set anew while this was on its way.
  if (looks_at_ > now)
    return;
  looks_at_ = time::max();
  if (deadline_ > now) {
    if (deadline_ != time::max())
      arm();
    return;
  }
  if (timed_out_) {
    close();
    return;
  }
  limit(second_try);
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

// -- writing ------------------------------------------------------------------

framing connection::frame(std::optional<uint64_t> size) const {
  return {version_, keep_alive_ && !core_.stopping, size, std::time(nullptr)};
}

void connection::observe(const response& x) {
  if (core_.observe)
    core_.observe(
      {x.operation, x.status, std::chrono::steady_clock::now() - asked_});
}

void connection::write_whole(response x) {
  phase_ = phase::closing;
  observe(x);
  auto how = frame(x.without_body ? x.length : x.body.size());
  // An older client knows only by the end of the connection.
  auto stays = how.keep_alive && (how.size || is_chunked(how));
  // It keeps its space from answer to answer.
  out_.clear();
  out_ += render_head(x, how);
  if (!is_head_ && !x.without_body && x.status != 204)
    out_ += x.body;
  // Most answers fit at once, then nobody has to wait.
  error_code code;
  auto n = socket_.write_some(asio::buffer(out_), code);
  if (n == out_.size()) {
    after_answer(stays);
    return;
  }
  // A failure is found again there, and told later.
  limit(core_.limits.write);
  asio::async_write(
    socket_, asio::buffer(out_) + n,
    [self = shared_from_this(), stays](error_code failed, size_t) {
      if (failed)
        self->close();
      else
        self->after_answer(stays);
    });
}

void connection::respond(uint64_t number, response x) {
  if (number == number_ && phase_ == phase::handling)
    write_whole(std::move(x));
}

void connection::open(uint64_t number, response head) {
  if (number != number_ || phase_ != phase::handling)
    return;
  phase_ = phase::streaming;
  observe(head);
  auto how = frame(head.length);
  chunked_ = is_chunked(how);
  keep_alive_ = how.keep_alive && (chunked_ || how.size);
  last_part_ = core_.stopping || is_head_;
  parts_.push_front({render_head(head, how), nullptr});
  if (!writing_)
    write_next_part();
  watch();
}

void connection::send(uint64_t number, std::string part,
                      exchange::listener done) {
  if (number != number_ || phase_ != phase::streaming || last_part_) {
    if (done)
      done(false);
    return;
  }
  parts_.push_back(
    {chunked_ ? render_chunk(part) : std::move(part), std::move(done)});
  if (!writing_)
    write_next_part();
}

void connection::finish(uint64_t number) {
  if (number != number_ || phase_ != phase::streaming)
    return;
  last_part_ = true;
  if (!writing_)
    write_next_part();
}

void connection::dropped(uint64_t number) {
  if (number != number_)
    return;
  if (phase_ == phase::handling)
    write_whole(problem(500, "internal", "the request was not answered"));
  else if (phase_ == phase::streaming && !last_part_)
    // It is not known to be complete, so it must not look so.
    close();
}

void connection::write_next_part() {
  if (parts_.empty()) {
    if (last_part_)
      end_stream();
    else
      no_limit();
    return;
  }
  writing_ = true;
  auto next = std::move(parts_.front());
  parts_.pop_front();
  out_ = std::move(next.bytes);
  limit(core_.limits.write);
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this(),
                     done = std::move(next.done)](error_code code, size_t) {
                      self->writing_ = false;
                      if (done)
                        done(!code);
                      if (code)
                        self->close();
                      else if (!self->writing_
                               && self->phase_ == phase::streaming)
                        self->write_next_part();
                    });
}

void connection::watch(uint64_t number, std::function<void()> gone) {
  if (number != number_
      || (phase_ != phase::handling && phase_ != phase::streaming))
    return;
  gone_ = std::move(gone);
  watch();
}

void connection::watch() {
  if (std::exchange(watching_, true))
    return;
  auto then = [self = shared_from_this(), n = number_](error_code code) {
    self->watching_ = false;
    auto awaited
      = self->phase_ == phase::streaming || self->phase_ == phase::handling;
    if (code || !awaited)
      return;
    // It was for a former answer.
    if (self->number_ != n) {
      self->watch();
      return;
    }
    char first = 0;
    auto size = self->socket_.receive(asio::buffer(&first, 1),
                                      asio::socket_base::message_peek, code);
    if (code == asio::error::would_block)
      self->watch();
    else if (code || size == 0)
      self->close();
    // Else there is the next request, and who sent it waits for its answer.
  };
  socket_.async_wait(tcp_socket::wait_read, then);
}

void connection::end_stream() {
  phase_ = phase::closing;
  if (cut_) {
    linger();
    return;
  }
  if (!chunked_ || is_head_) {
    after_answer(keep_alive_);
    return;
  }
  out_ = last_chunk;
  limit(core_.limits.write);
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this()](error_code code, size_t) {
                      if (code)
                        self->close();
                      else
                        self->after_answer(self->keep_alive_);
                    });
}

void connection::after_answer(bool stays) {
  gone_ = nullptr;
  if (stays && !core_.stopping)
    read_idle();
  else
    linger();
}

void connection::linger() {
  phase_ = phase::closing;
  error_code code;
  socket_.shutdown(tcp_socket::shutdown_send, code);
  if (code) {
    close();
    return;
  }
  limit(dropped_time);
  drop_input(dropped_bytes);
}

void connection::drop_input(size_t left) {
  buffer_.clear();
  socket_.async_read_some(
    buffer_.prepare(std::min(left, read_ahead)),
    [self = shared_from_this(), left](error_code code, size_t n) {
      if (code || n >= left)
        self->close();
      else
        self->drop_input(left - n);
    });
}

void connection::close() {
  auto self = shared_from_this();
  phase_ = phase::closing;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  fail_parts();
  if (auto gone = std::exchange(gone_, nullptr))
    gone();
  core_.open.erase(self);
}

void connection::fail_parts() {
  for (auto& x : std::exchange(parts_, {})) {
    if (x.done)
      x.done(false);
    else if (phase_ == phase::streaming)
      parts_.push_back(std::move(x)); // The head.
  }
}

void connection::release_body() {
  core_.bodies -= std::exchange(body_bytes_, 0);
}

} // namespace coppice::http
