// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/local_http.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <utility>

namespace coppice {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

using error_code = boost::system::error_code;

/// One request and its answer, on an event loop of its own.
class exchange {
public:
  explicit exchange(const local_http_request& x)
    : what_(x),
      stream_(io_),
      request_(x.method == "PUT" ? http::verb::put : http::verb::get, x.path,
               11) {
    request_.set(http::field::host, "127.0.0.1:" + std::to_string(x.port));
    request_.set(http::field::connection, "close");
    request_.body() = x.body;
    if (x.method == "PUT")
      request_.prepare_payload();
    answer_.body_limit(x.most_bytes);
  }

  result<std::string> run() {
    stream_.expires_after(what_.patience);
    asio::ip::tcp::endpoint to{asio::ip::address_v4::loopback(), what_.port};
    stream_.async_connect(to, [this](error_code code) {
      if (went_well(code))
        write();
    });
    io_.run();
    auto where = what_.method + ' ' + what_.path + " of the process at port "
                 + std::to_string(what_.port);
    if (code_)
      return error{ec::system_failure, where + ": " + code_.message()};
    auto status = answer_.get().result_int();
    if (status < 200 || status > 299)
      return error{ec::system_failure,
                   where + " was answered with " + std::to_string(status)};
    return std::move(answer_.get().body());
  }

private:
  void write() {
    http::async_write(stream_, request_, [this](error_code code, size_t) {
      if (went_well(code))
        read();
    });
  }

  void read() {
    http::async_read(stream_, buffer_, answer_,
                     [this](error_code code, size_t) { went_well(code); });
  }

  bool went_well(error_code code) {
    code_ = code;
    return !code;
  }

  const local_http_request& what_;
  asio::io_context io_{1};
  beast::tcp_stream stream_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> answer_;
  error_code code_;
};

} // namespace

result<std::string> ask_local(const local_http_request& x) {
  return exchange{x}.run();
}

} // namespace coppice
