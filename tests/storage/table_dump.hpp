// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "storage/table_view.hpp"

#include <map>
#include <string>

namespace coppice::test {

/// All rows of all tables but the flush's own, by "table/key".
inline std::map<std::string, std::string> dump(const table_view& view) {
  std::map<std::string, std::string> out;
  for (size_t i = 0; i < table_count; ++i) {
    auto where = static_cast<table>(i);
    table_cursor cursor{view, where};
    for (auto row = cursor.seek({}); row; row = cursor.next())
      out.emplace(std::string{to_string(where)} + '/' + std::string{row->first},
                  row->second);
  }
  // When it was flushed is no part of the state.
  out.erase("meta/applied");
  out.erase("meta/format");
  return out;
}

} // namespace coppice::test
