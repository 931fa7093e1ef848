// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/overlay.hpp"

#include <cstring>
#include <utility>

namespace coppice {

namespace {

constexpr size_t first_block_bytes = size_t{16} << 10;

template <size_t... Is>
std::array<overlay::map_type, sizeof...(Is)>
make_maps(std::pmr::memory_resource* arena, std::index_sequence<Is...>) {
  return {((void)Is, overlay::map_type{arena})...};
}

} // namespace

overlay::overlay()
  : arena_(first_block_bytes),
    maps_(make_maps(&arena_, std::make_index_sequence<table_count>())) {
  // nop
}

// -- modifiers ----------------------------------------------------------------

void overlay::put(table where, std::string_view key, std::string_view value) {
  auto& x = at(where, key, false);
  x.value = store(value);
  x.erased = false;
}

void overlay::insert_new(table where, std::string_view key,
                         std::string_view value) {
  // A tombstone that is there already hides a row below: then it is not fresh.
  auto& x = at(where, key, true);
  x.value = store(value);
  x.erased = false;
}

void overlay::erase(table where, std::string_view key) {
  auto& map = maps_[to_index(where)];
  if (auto i = map.find(key); i != map.end() && i->second.fresh) {
    map.erase(i);
    --keys_;
    return;
  }
  auto& x = at(where, key, false);
  x.value = {};
  x.erased = true;
}

std::string_view overlay::store(std::string_view x) {
  bytes_ += x.size();
  if (x.empty())
    return {};
  auto* copy = static_cast<char*>(arena_.allocate(x.size(), 1));
  std::memcpy(copy, x.data(), x.size());
  return {copy, x.size()};
}

overlay::entry& overlay::at(table where, std::string_view key, bool fresh) {
  auto& map = maps_[to_index(where)];
  auto i = map.lower_bound(key);
  if (i == map.end() || i->first != key) {
    i = map.emplace_hint(i, store(key), entry{{}, false, fresh});
    ++keys_;
  }
  return i->second;
}

// -- properties ---------------------------------------------------------------

const overlay::entry* overlay::find(table where, std::string_view key) const {
  auto& map = maps_[to_index(where)];
  auto i = map.find(key);
  return i == map.end() ? nullptr : &i->second;
}

} // namespace coppice
