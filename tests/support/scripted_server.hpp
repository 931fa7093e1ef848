// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace coppice::test {

/// A request as a server got it.
struct raw_request {
  /// Request line and headers, as they came.
  std::string head;
  std::string body;

  /// Returns the value of a header; *name* is in lower case, as forwarders
  /// write it.
  std::string header(const std::string& name) const {
    auto begin = head.find("\r\n" + name + ": ");
    if (begin == std::string::npos)
      return {};
    begin += name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

/// What a server says to it.
struct raw_answer {
  /// As it goes over the wire; may be nothing.
  std::string bytes;
  /// The connection is closed afterwards.
  bool closes = false;
};

/// Renders a plain answer.
inline std::string plain(const std::string& body, int status = 200,
                         const std::string& headers = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " Any\r\nContent-Length: "
         + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

/// An HTTP server that does exactly what it is told to, on a free port.
class scripted_server {
public:
  using script = std::function<raw_answer(const raw_request&)>;

  explicit scripted_server(script f) : script_(std::move(f)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in x{};
    x.sin_family = AF_INET;
    x.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&x), sizeof(x));
    ::listen(listener_, 128);
    socklen_t size = sizeof(x);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&x), &size);
    port_ = ntohs(x.sin_port);
    thread_ = std::thread{[this] { accept(); }};
  }

  ~scripted_server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    {
      std::lock_guard guard{mutex_};
      for (auto fd : fds_)
        ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& x : served_)
      x.thread.join();
  }

  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  std::string address() const {
    return "127.0.0.1:" + std::to_string(port_);
  }

  uint16_t port() const {
    return port_;
  }

  size_t connections() const {
    return connections_;
  }

  size_t requests() const {
    return requests_;
  }

private:
  /// Who serves a connection.
  struct served {
    std::thread thread;
    std::atomic<bool> over = false;
  };

  void accept() {
    for (;;) {
      auto fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0)
        return;
      ++connections_;
      forget_ended();
      std::lock_guard guard{mutex_};
      fds_.push_back(fd);
      auto& x = served_.emplace_back();
      x.thread = std::thread{[this, fd, &x] {
        serve(fd);
        x.over = true;
      }};
    }
  }

  /// A thread that has ended keeps its stack until it is joined.
  void forget_ended() {
    for (auto i = served_.begin(); i != served_.end();) {
      if (!i->over) {
        ++i;
        continue;
      }
      i->thread.join();
      i = served_.erase(i);
    }
  }

  void serve(int fd) {
    std::string input;
    raw_request x;
    while (read_request(fd, input, x)) {
      ++requests_;
      auto answer = script_(x);
      if (!send_all(fd, answer.bytes) || answer.closes)
        break;
    }
    std::lock_guard guard{mutex_};
    std::erase(fds_, fd);
    ::close(fd);
  }

  static bool send_all(int fd, std::string_view text) {
    while (!text.empty()) {
      auto n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return false;
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  static bool more(int fd, std::string& input) {
    char buffer[16 * 1024];
    auto n = ::recv(fd, buffer, sizeof(buffer), 0);
    if (n <= 0)
      return false;
    input.append(buffer, static_cast<size_t>(n));
    return true;
  }

  static bool read_request(int fd, std::string& input, raw_request& x) {
    size_t end = 0;
    while ((end = input.find("\r\n\r\n")) == std::string::npos)
      if (!more(fd, input))
        return false;
    x.head = input.substr(0, end + 2);
    input.erase(0, end + 4);
    auto length = x.header("content-length");
    auto size = length.empty() ? 0 : std::stoul(length);
    while (input.size() < size)
      if (!more(fd, input))
        return false;
    x.body = input.substr(0, size);
    input.erase(0, size);
    return true;
  }

  script script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<size_t> connections_ = 0;
  std::atomic<size_t> requests_ = 0;
  std::mutex mutex_;
  std::vector<int> fds_;
  /// Of the thread that accepts, and after its end of the one that ends it.
  std::list<served> served_;
  std::thread thread_;
};

} // namespace coppice::test
