// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/head_rules.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace coppice::forward {

namespace {

constexpr std::string_view prefix = "/s/";

/// Of an id that is made here, before it is written down.
constexpr size_t id_bytes = 16;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view without_host(std::string_view text) {
  for (std::string_view scheme : {"http://", "https://"})
    if (text.size() >= scheme.size()
        && is_same_name(text.substr(0, scheme.size()), scheme)) {
      auto path = text.find('/', scheme.size());
      return path == std::string_view::npos ? "/" : text.substr(path);
    }
  return text;
}

bool is_name(std::string_view x) {
  return !x.empty() && x.size() <= 64
         && std::all_of(x.begin(), x.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || (c >= '0' && c <= '9') || c == '.' || c == '_'
                     || c == '-';
            });
}

std::string_view trimmed(std::string_view x) {
  while (!x.empty() && (x.front() == ' ' || x.front() == '\t'))
    x.remove_prefix(1);
  while (!x.empty() && (x.back() == ' ' || x.back() == '\t'))
    x.remove_suffix(1);
  return x;
}

void add(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  auto begin = out.size();
  out += value;
  // Whatever is in a value stays in it.
  std::replace_if(
    out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
    ' ');
  out += "\r\n";
}

/// Written anew on each way.
bool is_written_anew(std::string_view name) {
  return name == "host" || name == "content-length" || name == "via"
         || name == "x-forwarded-for" || name == "idempotency-key"
         || name == "expect" || name.starts_with(own_prefix);
}

/// Returns the values of a header that lists things, as one.
std::string joined(const http::header_list& xs, std::string_view name) {
  std::string result;
  for (auto& [key, value] : xs)
    if (key == name) {
      if (!result.empty())
        result += ", ";
      result += value;
    }
  return result;
}

std::string with_last(std::string list, std::string_view last) {
  if (!list.empty())
    list += ", ";
  return list.append(last);
}

} // namespace

bool is_service_target(std::string_view target) {
  return without_host(target).starts_with(prefix);
}

result<service_target> parse_service_target(std::string_view target) {
  target = without_host(target);
  if (!target.starts_with(prefix))
    return error{ec::invalid_argument, "the path names no service: /s/NAME/…"};
  target.remove_prefix(prefix.size());
  auto end = std::min(target.find_first_of("/?#"), target.size());
  service_target x;
  x.name = std::string{target.substr(0, end)};
  if (!is_name(x.name))
    return error{ec::invalid_argument,
                 "the path names no service: the name in /s/NAME/… is 1 to 64"
                 " of A-Za-z0-9._-"};
  auto rest = target.substr(end);
  rest = rest.substr(0, rest.find('#'));
  if (!rest.starts_with('/'))
    x.rest = "/";
  x.rest += rest;
  return x;
}

bool is_same_name(std::string_view x, std::string_view y) {
  return x.size() == y.size()
         && std::equal(x.begin(), x.end(), y.begin(),
                       [](char a, char b) { return lower(a) == lower(b); });
}

bool is_hop_by_hop(std::string_view name) {
  constexpr std::array<std::string_view, 9> names{"connection",
                                                  "keep-alive",
                                                  "proxy-connection",
                                                  "proxy-authenticate",
                                                  "proxy-authorization",
                                                  "te",
                                                  "trailer",
                                                  "transfer-encoding",
                                                  "upgrade"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_listed(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    auto end = list.find(',');
    if (is_same_name(trimmed(list.substr(0, end)), name))
      return true;
    list = end == std::string_view::npos ? std::string_view{}
                                         : list.substr(end + 1);
  }
  return false;
}

result<std::string> client_id(const http::header_list& xs) {
  std::string id;
  auto n = 0;
  for (auto& [name, value] : xs)
    if (name == "idempotency-key") {
      ++n;
      id = value;
    }
  if (n > 1 || id.size() > most_id_bytes || (n == 1 && id.empty()))
    return error{ec::invalid_argument,
                 "Idempotency-Key has to be one header of 1 to 256 bytes"};
  return id;
}

std::string make_id() {
  constexpr char digits[] = "0123456789abcdef";
  // Nobody may guess one, as it names what was answered. The system is asked
  // for many at once: that takes longer than all else here.
  thread_local std::array<unsigned char, 256> lots;
  thread_local size_t used = lots.size();
  if (used == lots.size()) {
    if (::getentropy(lots.data(), lots.size()) != 0)
      throw std::runtime_error{"the system has no random numbers"};
    used = 0;
  }
  std::string id;
  id.reserve(2 * id_bytes);
  for (auto end = used + id_bytes; used < end; ++used) {
    id += digits[lots[used] >> 4];
    id += digits[lots[used] & 0xF];
  }
  return id;
}

std::string render_forwarded(const http::request& x, const next_hop& to) {
  auto connection = joined(x.headers, "connection");
  std::string out;
  out.reserve(512);
  out.append(x.method).append(" ").append(to.target).append(" HTTP/1.1\r\n");
  add(out, "host", http::find_header(x.headers, "host"));
  for (auto& [name, value] : x.headers)
    if (!is_hop_by_hop(name) && !is_written_anew(name)
        && (connection.empty() || !is_listed(connection, name)))
      add(out, name, value);
  auto senders = joined(x.headers, "x-forwarded-for");
  auto via = joined(x.headers, "via");
  if (to.says_sender) {
    senders = with_last(std::move(senders), x.peer);
    via = with_last(std::move(via), "1.1 coppice");
  }
  if (!senders.empty())
    add(out, "x-forwarded-for", senders);
  if (!via.empty())
    add(out, "via", via);
  if (!to.id.empty())
    add(out, "idempotency-key", to.id);
  if (to.place) {
    add(out, service_header, to.service);
    add(out, instance_header, std::to_string(to.place->instance));
    add(out, epoch_header, std::to_string(to.place->epoch));
  }
  // Whoever can have no body need not be told that it is empty.
  if (to.body_bytes > 0 || (x.method != "GET" && x.method != "HEAD"))
    add(out, "content-length", std::to_string(to.body_bytes));
  out += "\r\n";
  return out;
}

} // namespace coppice::forward
