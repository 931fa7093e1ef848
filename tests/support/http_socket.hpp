// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coppice::test {

/// An answer of an HTTP server.
struct http_answer {
  /// 0: there was none.
  int status = 0;
  /// Names in lower case.
  std::map<std::string, std::string> headers;
  std::string body;
};

/// A client of an HTTP server that sends exactly what it is told to.
class http_socket {
public:
  explicit http_socket(uint16_t port)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in x{};
    x.sin_family = AF_INET;
    x.sin_port = htons(port);
    x.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_
      = ::connect(fd_, reinterpret_cast<sockaddr*>(&x), sizeof(x)) == 0;
  }

  ~http_socket() {
    ::close(fd_);
  }

  http_socket(const http_socket&) = delete;
  http_socket& operator=(const http_socket&) = delete;

  bool connected() const {
    return connected_;
  }

  /// @returns False if not all of it could be sent.
  bool send(std::string_view text) {
    while (!text.empty()) {
      auto n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return false;
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  /// Sends a request with a body, if there is one, and reads the answer.
  http_answer ask(const std::string& method, const std::string& target,
                  const std::string& body = {},
                  const std::string& headers = {}) {
    auto text
      = method + ' ' + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers;
    if (!body.empty())
      text += "Content-Type: application/json\r\nContent-Length: "
              + std::to_string(body.size()) + "\r\n";
    send(text + "\r\n" + body);
    return read(method == "HEAD");
  }

  /// Reads one answer, as long as its headers say.
  http_answer read(bool without_body = false) {
    http_answer x = read_head();
    if (x.status == 0 || without_body || x.status == 204 || x.status == 100)
      return x;
    if (x.headers.contains("transfer-encoding")) {
      while (auto part = read_chunk())
        x.body += *part;
    } else if (x.headers.contains("content-length")) {
      x.body = take(std::stoul(x.headers["content-length"]));
    } else {
      while (more())
        ;
      x.body = std::exchange(input_, {});
    }
    return x;
  }

  /// Reads status line and headers only.
  http_answer read_head() {
    http_answer x;
    auto line = read_line();
    if (!line || !line->starts_with("HTTP/1.1 "))
      return x;
    x.status = std::atoi(line->c_str() + 9);
    while ((line = read_line()) && !line->empty()) {
      auto colon = line->find(": ");
      auto name = line->substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(), ::tolower);
      x.headers[name] = line->substr(std::min(line->size(), colon + 2));
    }
    return x;
  }

  /// Reads one chunk of a body; nothing: it was the last.
  std::optional<std::string> read_chunk() {
    auto line = read_line();
    if (!line)
      return std::nullopt;
    auto size = std::strtoull(line->c_str(), nullptr, 16);
    auto part = take(size);
    take(2);
    if (size == 0)
      return std::nullopt;
    return part;
  }

  /// Returns whether the server closes the connection, and sends nothing more.
  bool is_closed() {
    return input_.empty() && !more();
  }

  void stop_sending() {
    ::shutdown(fd_, SHUT_WR);
  }

private:
  std::optional<std::string> read_line() {
    auto end = input_.find("\r\n");
    while (end == std::string::npos) {
      if (!more())
        return std::nullopt;
      end = input_.find("\r\n");
    }
    auto line = input_.substr(0, end);
    input_.erase(0, end + 2);
    return line;
  }

  std::string take(size_t n) {
    while (input_.size() < n && more())
      ;
    auto part = input_.substr(0, n);
    input_.erase(0, n);
    return part;
  }

  /// @returns False at the end, or after a minute.
  bool more() {
    pollfd x{fd_, POLLIN, 0};
    if (::poll(&x, 1, 60'000) <= 0)
      return false;
    char buffer[16 * 1024];
    auto n = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0)
      return false;
    input_.append(buffer, static_cast<size_t>(n));
    return true;
  }

  int fd_;
  bool connected_ = false;
  std::string input_;
};

} // namespace coppice::test
