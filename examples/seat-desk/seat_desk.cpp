// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "seat_desk.hpp"

#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

namespace example {

namespace {

constexpr unsigned seats = 500;

constexpr std::string_view guest_field = "?guest=";

/// Takes the number of a seat from the front of *text*.
std::optional<unsigned> take_seat(std::string_view& text) {
  unsigned number = 0;
  auto [end, code]
    = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || number == 0 || number > seats)
    return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

/// Takes a line of a state, or what follows the sign of an event: "12 Ada".
std::pair<unsigned, std::string> parse_guest(std::string_view text) {
  auto seat = take_seat(text);
  if (!seat || !text.starts_with(' '))
    throw std::invalid_argument{"a guest is the number of a seat and a name"};
  return {*seat, std::string{text.substr(1)}};
}

coppice::service_effect say(unsigned status, const std::string& text) {
  coppice::service_effect result;
  result.reply.status = status;
  result.reply.headers.emplace_back("content-type", "text/plain");
  result.reply.body = text;
  return result;
}

} // namespace

coppice::service_effect
seat_desk::handle(const coppice::service_request& x) const {
  if (x.method == "GET" && x.target == "/")
    return say(200, save());
  auto rest = std::string_view{x.target}.substr(1);
  auto seat = take_seat(rest);
  if (!seat)
    return say(404, "the seats are /1 to /500\n");
  auto known = guests_.find(*seat);
  auto number = std::to_string(*seat);
  if (x.method == "DELETE" && rest.empty()) {
    auto result = say(200, "seat " + number + " is free\n");
    if (known != guests_.end())
      result.events.push_back("-" + number);
    return result;
  }
  if (x.method != "PUT" || !rest.starts_with(guest_field)
      || rest.size() == guest_field.size())
    return say(400, "PUT /12?guest=NAME takes a seat, DELETE /12 frees it\n");
  auto guest = std::string{rest.substr(guest_field.size())};
  if (known != guests_.end() && known->second != guest)
    return say(409, "seat " + number + " has a guest already\n");
  auto result = say(200, "seat " + number + " is for " + guest + "\n");
  if (known == guests_.end())
    result.events.push_back("+" + number + ' ' + guest);
  return result;
}

void seat_desk::apply(std::string_view event) {
  auto sign = event.empty() ? ' ' : event.front();
  auto rest = event.substr(event.empty() ? 0 : 1);
  if (sign == '+') {
    guests_.insert(parse_guest(rest));
    return;
  }
  auto seat = take_seat(rest);
  if (sign != '-' || !seat)
    throw std::invalid_argument{"an event takes a seat or frees it"};
  guests_.erase(*seat);
}

std::string seat_desk::save() const {
  std::string result;
  for (auto& [seat, guest] : guests_)
    result += std::to_string(seat) + ' ' + guest + '\n';
  return result;
}

coppice::result<> seat_desk::load(std::string_view state) {
  for (size_t end = 0; !state.empty(); state.remove_prefix(end + 1)) {
    end = state.find('\n');
    if (end == std::string_view::npos)
      throw std::invalid_argument{"the last line has no end"};
    guests_.insert(parse_guest(state.substr(0, end)));
  }
  return coppice::ok();
}

} // namespace example
