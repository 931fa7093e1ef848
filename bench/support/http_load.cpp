// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/http_load.hpp"

#include "bench/support/workload.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace coppice::bench {

namespace {

using time_point = clock_type::time_point;

/// How long the last answers may take when nothing new is asked.
constexpr auto last_answers = std::chrono::seconds{10};

/// So many errors say enough.
constexpr uint64_t most_errors = 1'000;

/// Closes a descriptor.
class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {
    // nop
  }

  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  int get() const {
    return fd_;
  }

private:
  int fd_;
};

/// Returns the value of a header in *head*, which begins with the status line.
std::optional<std::string_view> find_header(std::string_view head,
                                            std::string_view name) {
  for (auto at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at)) {
    at += 2;
    auto line = head.substr(at, head.find("\r\n", at) - at);
    if (line.size() <= name.size() || line[name.size()] != ':'
        || ::strncasecmp(line.data(), name.data(), name.size()) != 0)
      continue;
    line.remove_prefix(name.size() + 1);
    while (line.starts_with(' '))
      line.remove_prefix(1);
    return line;
  }
  return std::nullopt;
}

/// One client.
class caller {
public:
  explicit caller(const http_load& load)
    : load_(load),
      fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(load.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto on = 1;
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0
        || ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
             != 0
        || ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK) != 0)
      throw_errno("cannot connect");
  }

  int fd() const {
    return fd_.get();
  }

  bool waits() const {
    return waits_;
  }

  void ask() {
    waits_ = true;
    asked_ = clock_type::now();
    auto& text = load_.request;
    // Nothing else is on its way, so it fits into the socket's buffer.
    auto n = ::send(fd(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0)
      throw_errno("cannot send");
    if (static_cast<size_t>(n) != text.size())
      throw std::runtime_error{"a request could be sent in part only"};
  }

  /// Takes what has come.
  /// @returns How long the answer took, if it is complete.
  std::optional<clock_type::duration> receive() {
    char part[16 * 1024];
    auto n = ::recv(fd(), part, sizeof(part), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return std::nullopt;
    if (n < 0)
      throw_errno("cannot receive");
    if (n == 0)
      throw std::runtime_error{waits_ ? "closed before the answer was complete"
                                      : "closed between requests"};
    answer_.append(part, static_cast<size_t>(n));
    if (!is_complete())
      return std::nullopt;
    answer_.clear();
    waits_ = false;
    return clock_type::now() - asked_;
  }

private:
  [[noreturn]] static void throw_errno(const std::string& what) {
    throw std::runtime_error{what + ": " + std::strerror(errno)};
  }

  /// @throws std::runtime_error if it is not the right answer.
  bool is_complete() const {
    std::string_view all{answer_};
    auto end = all.find("\r\n\r\n");
    if (end == std::string_view::npos)
      return false;
    auto head = all.substr(0, end + 2);
    if (!head.starts_with("HTTP/1.1 200 "))
      throw std::runtime_error{"answered with " + std::string{all}};
    auto length = find_header(head, "content-length");
    size_t size = 0;
    if (!length
        || std::from_chars(length->begin(), length->end(), size).ec
             != std::errc{}
        || size != load_.body.size())
      throw std::runtime_error{"a body of another length: "
                               + std::string{head}};
    auto body = all.substr(end + 4);
    if (body.size() < size)
      return false;
    if (body != load_.body)
      throw std::runtime_error{"another body: " + std::string{body}};
    return true;
  }

  const http_load& load_;
  descriptor fd_;
  std::string answer_;
  time_point asked_;
  bool waits_ = false;
};

/// All clients.
class crowd {
public:
  explicit crowd(const http_load& load)
    : load_(load),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      callers_(load.connections) {
    if (epoll_.get() < 0)
      throw std::runtime_error{"epoll is not to be had"};
  }

  http_figures run() {
    auto begin = clock_type::now() + load_.warm_up;
    auto end = begin + load_.span;
    for (size_t i = 0; i < callers_.size(); ++i)
      begin_again(i);
    while (clock_type::now() < end && figures_.errors < most_errors)
      step(begin, end, true);
    auto limit = clock_type::now() + last_answers;
    while (waiting() > 0 && clock_type::now() < limit
           && figures_.errors < most_errors)
      step(begin, end, false);
    for (auto left = waiting(); left > 0; --left)
      note("an answer did not come");
    figures_.answers = took_us_.size();
    figures_.per_second = static_cast<double>(took_us_.size())
                          / std::chrono::duration<double>(load_.span).count();
    if (!took_us_.empty()) {
      figures_.p50_us = percentile(took_us_, 0.5);
      figures_.p99_us = percentile(took_us_, 0.99);
    }
    return std::move(figures_);
  }

private:
  void step(time_point begin, time_point end, bool more) {
    epoll_event events[64];
    auto n = ::epoll_wait(epoll_.get(), events, 64, 10);
    for (auto i = 0; i < n; ++i) {
      auto which = static_cast<size_t>(events[i].data.u64);
      auto& x = callers_[which];
      try {
        auto took = x->receive();
        if (!took)
          continue;
        if (auto now = clock_type::now(); now >= begin && now < end)
          took_us_.push_back(
            std::chrono::duration<double, std::micro>(*took).count());
        if (more)
          x->ask();
      } catch (const std::exception& what) {
        note(what.what());
        x.reset();
        if (more)
          begin_again(which);
      }
    }
  }

  void begin_again(size_t which) {
    auto& x = callers_[which];
    try {
      x = std::make_unique<caller>(load_);
      epoll_event what{};
      what.events = EPOLLIN;
      what.data.u64 = which;
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, x->fd(), &what) != 0)
        throw std::runtime_error{"epoll takes no more connections"};
      x->ask();
    } catch (const std::exception& what) {
      note(what.what());
      x.reset();
    }
  }

  size_t waiting() const {
    return static_cast<size_t>(
      std::count_if(callers_.begin(), callers_.end(),
                    [](auto& x) { return x && x->waits(); }));
  }

  void note(const std::string& what) {
    if (figures_.errors++ == 0)
      figures_.first_error = what;
  }

  const http_load& load_;
  descriptor epoll_;
  std::vector<std::unique_ptr<caller>> callers_;
  std::vector<double> took_us_;
  http_figures figures_;
};

} // namespace

http_figures run_http_load(const http_load& x) {
  return crowd{x}.run();
}

} // namespace coppice::bench
