// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/node_key.hpp"

namespace coppice {

std::string to_string(const node_key& x) {
  return x.cluster + "/" + x.node;
}

result<node_key> parse_node_key(std::string_view text) {
  auto slash = text.find('/');
  auto is_key = slash != std::string_view::npos && slash > 0
                && slash + 1 < text.size()
                && text.find('/', slash + 1) == std::string_view::npos;
  if (!is_key)
    return error{ec::invalid_argument,
                 "\"" + std::string{text} + "\" is not CLUSTER/NODE"};
  return node_key{std::string{text.substr(0, slash)},
                  std::string{text.substr(slash + 1)}};
}

} // namespace coppice
