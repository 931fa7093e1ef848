// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/task_tables/codec.hpp"

#include <array>

namespace coppice::row_codec {

namespace {

std::string to_hex(std::string_view bytes) {
  constexpr auto digits = std::string_view{"0123456789abcdef"};
  std::string out;
  for (auto byte : bytes) {
    auto x = static_cast<unsigned char>(byte);
    out += digits[x >> 4];
    out += digits[x & 15];
  }
  return out;
}

} // namespace

void fail_row(const table_view& view, table where, std::string_view key) {
  view.fail({ec::corrupt_store, "the row " + to_hex(key) + " of the table '"
                                  + to_string(where) + "' is damaged"});
}

void put_message(table_view& view, table where, std::string_view key,
                 const google::protobuf::MessageLite& x) {
  // Most rows are small, and are written often: no memory from the heap.
  std::array<char, 512> small;
  auto size = x.ByteSizeLong();
  if (size <= small.size()) {
    x.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(small.data()));
    view.put(where, key, {small.data(), size});
  } else {
    view.put(where, key, x.SerializeAsString());
  }
}

std::string behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF')
    prefix.pop_back();
  if (!prefix.empty())
    ++prefix.back();
  return prefix;
}

} // namespace coppice::row_codec
