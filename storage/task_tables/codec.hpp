// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/key_codec.hpp"
#include "runtime/task/task_id.hpp"
#include "storage/table_view.hpp"

#include <google/protobuf/message_lite.h>

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the bodies of `task_tables.hpp` share. For them only.

namespace coppice::row_codec {

/// Makes the row *key* of *where* the failure of *view*.
void fail_row(const table_view& view, table where, std::string_view key);

/// Writes a message as a row.
void put_message(table_view& view, table where, std::string_view key,
                 const google::protobuf::MessageLite& x);

/// Reads the row *key*, whose value is *encoded*.
template <class T>
std::optional<T> decode(const table_view& view, table where,
                        std::string_view key, std::string_view encoded) {
  std::optional<T> x{std::in_place};
  if (encoded.size() <= std::numeric_limits<int>::max()
      && x->ParseFromArray(encoded.data(), static_cast<int>(encoded.size())))
    return x;
  fail_row(view, where, key);
  return std::nullopt;
}

template <class T>
std::optional<T>
get_message(const table_view& view, table where, std::string_view key) {
  auto encoded = view.get(where, key);
  return encoded ? decode<T>(view, where, key, *encoded) : std::nullopt;
}

/// Reads a number from the beginning of the row *key*.
template <class T>
std::optional<T>
get_number(const table_view& view, table where, std::string_view key) {
  auto value = view.get(where, key);
  if (!value)
    return std::nullopt;
  if (value->size() >= sizeof(T))
    return read_big_endian<T>(*value, 0);
  fail_row(view, where, key);
  return std::nullopt;
}

template <class T>
std::string to_bytes(T x) {
  std::string out;
  append_big_endian(out, x);
  return out;
}

inline std::string to_bytes(const task_id& x) {
  std::string out;
  out.reserve(task_key_size);
  append_key(out, x);
  return out;
}

/// Returns the first key behind all that begin with *prefix*, or an empty one
/// if there is none.
std::string behind(std::string prefix);

/// Calls *fun* for the rows whose keys begin with *prefix*, in order, until it
/// returns false. *fun* must not change the table.
template <class F>
void for_each_row(const table_view& view, table where, std::string_view prefix,
                  F fun) {
  table_cursor cursor{view, where};
  for (auto row = cursor.seek(prefix); row && row->first.starts_with(prefix);
       row = cursor.next())
    if (!fun(row->first, row->second))
      return;
}

/// Returns all rows of a table, ordered by key, up to one that is damaged.
template <class T>
std::vector<T> get_rows(const table_view& view, table from) {
  std::vector<T> out;
  for_each_row(view, from, {},
               [&](std::string_view key, std::string_view value) {
                 auto x = decode<T>(view, from, key, value);
                 if (x)
                   out.push_back(std::move(*x));
                 return x.has_value();
               });
  return out;
}

} // namespace coppice::row_codec
