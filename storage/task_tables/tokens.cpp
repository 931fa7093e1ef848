// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_tables.hpp"
#include "storage/task_tables/codec.hpp"

namespace coppice {

using namespace row_codec;

std::optional<proto::TokenRow> get_token(const table_view& view,
                                         std::string_view name) {
  return get_message<proto::TokenRow>(view, table::token, name);
}

std::vector<proto::TokenRow> get_tokens(const table_view& view) {
  return get_rows<proto::TokenRow>(view, table::token);
}

void put_token(table_view& view, const proto::TokenRow& x) {
  put_message(view, table::token, x.name(), x);
}

void erase_token(table_view& view, std::string_view name) {
  view.erase(table::token, name);
}

} // namespace coppice
