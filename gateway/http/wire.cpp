// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http/wire.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace coppice::http {

namespace {

constexpr std::array<std::pair<unsigned, std::string_view>, 33> names{{
  {100, "Continue"},
  {200, "OK"},
  {201, "Created"},
  {202, "Accepted"},
  {204, "No Content"},
  {206, "Partial Content"},
  {301, "Moved Permanently"},
  {302, "Found"},
  {303, "See Other"},
  {304, "Not Modified"},
  {307, "Temporary Redirect"},
  {308, "Permanent Redirect"},
  {400, "Bad Request"},
  {401, "Unauthorized"},
  {403, "Forbidden"},
  {404, "Not Found"},
  {405, "Method Not Allowed"},
  {408, "Request Timeout"},
  {409, "Conflict"},
  {410, "Gone"},
  {411, "Length Required"},
  {413, "Content Too Large"},
  {415, "Unsupported Media Type"},
  {416, "Range Not Satisfiable"},
  {417, "Expectation Failed"},
  {421, "Misdirected Request"},
  {429, "Too Many Requests"},
  {431, "Request Header Fields Too Large"},
  {500, "Internal Server Error"},
  {501, "Not Implemented"},
  {502, "Bad Gateway"},
  {503, "Service Unavailable"},
  {504, "Gateway Timeout"},
}};

void add(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  // Whatever is in a value stays in it.
  for (auto c : value)
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  out += "\r\n";
}

} // namespace

std::string_view find_header(const header_list& xs, std::string_view name) {
  auto i = std::find_if(xs.begin(), xs.end(),
                        [&](auto& x) { return x.first == name; });
  return i == xs.end() ? std::string_view{} : i->second;
}

std::string_view status_name(unsigned status) {
  auto i = std::find_if(names.begin(), names.end(),
                        [&](auto& x) { return x.first == status; });
  return i == names.end() ? std::string_view{} : i->second;
}

std::string http_date(std::time_t now) {
  // Not strftime: names of days and months depend on the locale.
  constexpr const char* days[]
    = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm x{};
  ::gmtime_r(&now, &x);
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                days[x.tm_wday], x.tm_mday, months[x.tm_mon], x.tm_year + 1900,
                x.tm_hour, x.tm_min, x.tm_sec);
  return buffer;
}

bool is_chunked(const framing& x) {
  return !x.size && x.version >= 11;
}

std::string render_head(const response& x, const framing& how) {
  auto out = "HTTP/1.1 " + std::to_string(x.status) + ' ';
  out += status_name(x.status);
  out += "\r\n";
  if (!x.dated)
    add(out, "Date", http_date(how.now));
  if (!x.type.empty())
    add(out, "Content-Type", x.type);
  for (auto& [name, value] : x.headers)
    add(out, name, value);
  // These have no body, whoever asked: without a size they need say nothing.
  auto says_nothing = x.status == 204 || (x.status == 304 && !how.size);
  if (is_chunked(how) && !says_nothing)
    add(out, "Transfer-Encoding", "chunked");
  else if (how.size && !says_nothing)
    add(out, "Content-Length", std::to_string(*how.size));
  auto stays = how.keep_alive && (how.size || is_chunked(how) || says_nothing);
  if (!stays)
    add(out, "Connection", "close");
  else if (how.version < 11)
    add(out, "Connection", "keep-alive");
  out += "\r\n";
  return out;
}

std::string render_chunk(std::string_view part) {
  char size[24];
  std::snprintf(size, sizeof(size), "%zx\r\n", part.size());
  std::string out = size;
  out += part;
  out += "\r\n";
  return out;
}

} // namespace coppice::http
