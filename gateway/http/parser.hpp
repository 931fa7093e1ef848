// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// Inside of server and upstreams, as Boost takes its time to compile.

#include "gateway/http/message.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace coppice::http {

/// Returns *x* in lower case.
inline std::string lowered(std::string_view x) {
  std::string result{x};
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// Collects what Beast's parser finds in a message, as the rest of the gateway
/// has it. Fields behind a body in chunks are dropped: all decisions are made
/// before they come.
template <bool IsRequest>
class message_parser : public boost::beast::http::basic_parser<IsRequest> {
public:
  /// Of a request.
  std::string method;
  std::string target;
  /// 10 or 11.
  unsigned version = 11;
  /// Of an answer.
  unsigned status = 0;
  /// Names of a request in lower case, those of an answer as they came.
  header_list headers;
  /// What has come of the body, and was not taken out.
  std::string body;
  /// The most that *body* may have; then `put` says `need_buffer`.
  size_t most = std::numeric_limits<size_t>::max();

private:
  using string_view = boost::beast::string_view;
  using error_code = boost::system::error_code;

  /// Of the headers of most messages: space is made once.
  static constexpr size_t usual_headers = 12;

  /// Beyond, space for a body is made when it comes.
  static constexpr uint64_t expected_bytes = 64 * 1024;

  void on_request_impl(boost::beast::http::verb, string_view name,
                       string_view what, int number, error_code&) override {
    method.assign(name.data(), name.size());
    target.assign(what.data(), what.size());
    version = static_cast<unsigned>(number);
    headers.reserve(usual_headers);
  }

  void on_response_impl(int code, string_view, int number,
                        error_code&) override {
    status = static_cast<unsigned>(code);
    version = static_cast<unsigned>(number);
    headers.reserve(usual_headers);
  }

  void on_field_impl(boost::beast::http::field, string_view name,
                     string_view value, error_code&) override {
    if (this->is_header_done())
      return;
    std::string_view key{name.data(), name.size()};
    std::string_view text{value.data(), value.size()};
    if constexpr (IsRequest)
      headers.emplace_back(lowered(key), text);
    else
      headers.emplace_back(key, text);
  }

  void on_header_impl(error_code&) override {
    // nop
  }

  void on_body_init_impl(const boost::optional<uint64_t>& length,
                         error_code&) override {
    if (length)
      body.reserve(static_cast<size_t>(std::min(*length, expected_bytes)));
  }

  size_t on_body_impl(string_view part, error_code& code) override {
    auto n = std::min(part.size(), most - body.size());
    if (n == 0)
      code = boost::beast::http::error::need_buffer;
    body.append(part.data(), n);
    return n;
  }

  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {
    // nop
  }

  size_t on_chunk_body_impl(uint64_t, string_view part,
                            error_code& code) override {
    return on_body_impl(part, code);
  }

  void on_finish_impl(error_code&) override {
    // nop
  }
};

} // namespace coppice::http
