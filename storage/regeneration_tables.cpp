// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/regeneration_tables.hpp"

#include "storage/task_tables/codec.hpp"

namespace coppice {

using namespace row_codec;

std::optional<proto::RegenerationRow> get_regeneration(const table_view& view,
                                                       uint64_t number) {
  return get_message<proto::RegenerationRow>(view, table::regeneration,
                                             to_bytes(number));
}

std::vector<proto::RegenerationRow> get_regenerations(const table_view& view) {
  return get_rows<proto::RegenerationRow>(view, table::regeneration);
}

void put_regeneration(table_view& view, const proto::RegenerationRow& x) {
  put_message(view, table::regeneration, to_bytes(x.number()), x);
}

void erase_regeneration(table_view& view, uint64_t number) {
  view.erase(table::regeneration, to_bytes(number));
}

} // namespace coppice
