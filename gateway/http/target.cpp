// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/target.hpp"

#include "runtime/utf8.hpp"

#include <algorithm>

namespace coppice::http {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

error bad(const char* why) {
  return {ec::invalid_argument, why};
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// Calls *f* with each part of *text* between two *separator*.
template <class F>
void for_each_part(std::string_view text, char separator, F f) {
  for (;;) {
    auto end = text.find(separator);
    f(text.substr(0, end));
    if (end == std::string_view::npos)
      return;
    text.remove_prefix(end + 1);
  }
}

result<query_list> parse_query(std::string_view text) {
  query_list xs;
  const char* fault = nullptr;
  for_each_part(text, '&', [&](std::string_view part) {
    if (part.empty())
      return;
    auto equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = percent_decode(
      equals == std::string_view::npos ? "" : part.substr(equals + 1), true);
    if (name && value)
      xs.emplace_back(std::move(name.value()), std::move(value.value()));
    else
      fault = "the query is not percent-encoded UTF-8";
  });
  if (fault)
    return bad(fault);
  return xs;
}

/// Proxies may send the whole address.
std::string_view without_host(std::string_view text) {
  for (std::string_view scheme : {"http://", "https://"})
    if (text.starts_with(scheme)) {
      auto path = text.find('/', scheme.size());
      return path == std::string_view::npos ? "/" : text.substr(path);
    }
  return text;
}

} // namespace

result<std::string> percent_decode(std::string_view text, bool plus) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      result += ' ';
    } else if (text[i] != '%') {
      result += text[i];
    } else {
      auto is_whole = text.size() - i > 2;
      auto high = is_whole ? hex_value(text[i + 1]) : -1;
      auto low = is_whole ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return bad("a '%' is not followed by two hexadecimal digits");
      result += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!is_valid_utf8(result)
      || std::any_of(result.begin(), result.end(), is_control))
    return bad("it is no UTF-8, or has control characters");
  return result;
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> result;
  if (path.starts_with('/'))
    path.remove_prefix(1);
  for_each_part(path, '/', [&](std::string_view x) { result.push_back(x); });
  return result;
}

result<target> parse_target(std::string_view text) {
  text = without_host(text);
  if (!text.starts_with('/'))
    return bad("the target of the request is no path");
  auto mark = text.find('?');
  target x;
  for (auto segment : split_path(text.substr(0, mark))) {
    auto decoded = percent_decode(segment, false);
    if (!decoded)
      return bad("the path is not percent-encoded UTF-8");
    x.segments.push_back(std::move(decoded.value()));
  }
  if (mark != std::string_view::npos) {
    auto query = parse_query(text.substr(mark + 1));
    if (!query)
      return query.error();
    x.query = std::move(query.value());
  }
  return x;
}

} // namespace coppice::http
