// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/handlers.hpp"

#include "gateway/http/problem.hpp"
#include "runtime/proto_json.hpp"
#include "runtime/task/task_id.hpp"

#include <charconv>

namespace coppice::api {

const std::vector<route>& routes() {
  static const auto all = [] {
    std::vector<route> xs;
    add_task_routes(xs);
    add_lease_routes(xs);
    add_node_routes(xs);
    add_service_routes(xs);
    add_gateway_routes(xs);
    return xs;
  }();
  return all;
}

http::response json(const google::protobuf::Message& x, unsigned status) {
  return {status, "application/json", {}, to_json(x) + "\n"};
}

http::response refused(const proto::Error& x) {
  return http::problem({static_cast<ec>(x.code()), x.message()});
}

result<uint32_t> number(const call& x, std::string_view name, uint32_t most) {
  auto text = x.parameter(name);
  if (!text)
    return 0u;
  uint32_t value = 0;
  auto* end = text->data() + text->size();
  auto [stopped, code] = std::from_chars(text->data(), end, value);
  if (code != std::errc{} || stopped != end || value > most)
    return error{ec::invalid_argument, "'" + std::string{name}
                                         + "' must be a number up to "
                                         + std::to_string(most)};
  return value;
}

result<bool> flag(const call& x, std::string_view name) {
  auto text = x.parameter(name).value_or("false");
  if (text != "true" && text != "false")
    return error{ec::invalid_argument,
                 "'" + std::string{name} + "' must be true or false"};
  return text == "true";
}

result<std::string> task(const call& x) {
  auto& text = x.path.at("id");
  if (auto id = parse_task_id(text); !id)
    return id.error();
  return text;
}

} // namespace coppice::api
