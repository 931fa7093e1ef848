// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/counter.hpp"

#include <charconv>
#include <optional>
#include <stdexcept>

namespace coppice {

namespace {

constexpr uint64_t most = 1'000'000;

std::optional<uint64_t> parse(std::string_view text) {
  uint64_t value = 0;
  auto* end = text.data() + text.size();
  auto [stopped, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || stopped != end)
    return std::nullopt;
  return value;
}

service_effect say(unsigned status, std::string text) {
  service_effect result;
  result.reply.status = status;
  result.reply.headers.emplace_back("content-type", "text/plain");
  result.reply.body = std::move(text) + '\n';
  return result;
}

} // namespace

service_effect counter::handle(const service_request& x) const {
  std::string_view target = x.target;
  auto path = target.substr(0, target.find('?'));
  if (path == "/")
    return x.method == "GET" || x.method == "HEAD"
             ? say(200, std::to_string(value_))
             : say(405, "it can only be looked at with GET");
  if (path != "/add")
    return say(404, "there are / and /add");
  if (x.method != "POST")
    return say(405, "it is added to with POST");
  auto query = path.size() == target.size() ? std::string_view{"by=1"}
                                            : target.substr(path.size() + 1);
  auto by = query.starts_with("by=") ? parse(query.substr(3)) : std::nullopt;
  if (!by || *by == 0 || *by > most)
    return say(400, "'by' must be a number from 1 to 1000000");
  auto result = say(200, std::to_string(value_ + *by));
  result.events.push_back(std::to_string(*by));
  return result;
}

void counter::apply(std::string_view event) {
  auto by = parse(event);
  if (!by)
    throw std::invalid_argument{"an event of a counter is a number"};
  value_ += *by;
}

std::string counter::save() const {
  return std::to_string(value_);
}

result<> counter::load(std::string_view state) {
  auto value = parse(state);
  if (!value)
    return error{ec::corrupt_store, "the state of a counter is a number"};
  value_ = *value;
  return ok();
}

} // namespace coppice
