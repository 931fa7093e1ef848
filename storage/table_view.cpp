// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/table_view.hpp"

#include <string>
#include <utility>

namespace coppice {

namespace {

constexpr size_t max_key_bytes = 511;

bool is_key(std::string_view x) {
  return !x.empty() && x.size() <= max_key_bytes;
}

error bad_key(table where, std::string_view key) {
  return {ec::invalid_argument, "a key of " + std::to_string(key.size())
                                  + " bytes for the table '" + to_string(where)
                                  + "'; it takes 1 to "
                                  + std::to_string(max_key_bytes)};
}

} // namespace

// -- table_view: modifiers ----------------------------------------------------

// Refused here, because LMDB would refuse it only when the overlay is flushed:
// again and again, with no one to tell.

void table_view::put(table where, std::string_view key,
                     std::string_view value) {
  if (!is_key(key))
    return fail(bad_key(where, key));
  layers_.active->put(where, key, value);
}

void table_view::insert_new(table where, std::string_view key,
                            std::string_view value) {
  if (!is_key(key))
    return fail(bad_key(where, key));
  layers_.active->insert_new(where, key, value);
}

void table_view::erase(table where, std::string_view key) {
  if (!is_key(key))
    return fail(bad_key(where, key));
  layers_.active->erase(where, key);
}

// -- table_view: properties ---------------------------------------------------

std::optional<std::string_view> table_view::get(table where,
                                                std::string_view key) const {
  if (!is_key(key))
    return std::nullopt;
  const overlay* tops[] = {layers_.active, layers_.frozen};
  for (auto* layer : tops) {
    if (!layer)
      continue;
    if (auto* x = layer->find(where, key))
      return x->erased ? std::nullopt : std::optional{x->value};
  }
  if (!layers_.base)
    return std::nullopt;
  auto value = layers_.base->get((*layers_.handles)[to_index(where)], key);
  if (value)
    return value.value();
  fail(std::move(value).error());
  return std::nullopt;
}

std::optional<table_row> table_view::lower_bound(table where,
                                                 std::string_view key) const {
  auto& cached = cursors_[to_index(where)];
  if (!cached && layers_.base) {
    auto x = layers_.base->cursor((*layers_.handles)[to_index(where)]);
    if (!x) {
      fail(std::move(x).error());
      return std::nullopt;
    }
    cached = std::move(x).value();
  }
  return table_cursor{*this, where, cached ? &*cached : nullptr}.seek(key);
}

void table_view::fail(error x) const {
  if (!failure_)
    failure_ = std::move(x);
}

// -- table_cursor -------------------------------------------------------------

table_cursor::table_cursor(const table_view& view, table where)
  : table_cursor(view, where, nullptr) {
  auto& layers = view.layers_;
  if (!layers.base)
    return;
  auto x = layers.base->cursor((*layers.handles)[to_index(where)]);
  if (!x) {
    view.fail(std::move(x).error());
    return;
  }
  own_base_ = std::move(x).value();
  base_ = &*own_base_;
}

table_cursor::table_cursor(const table_view& view, table where,
                           lmdb_cursor* base)
  : view_(&view),
    base_(base) {
  auto& layers = view.layers_;
  if (layers.active)
    tops_[0].rows = &layers.active->rows(where);
  if (layers.frozen)
    tops_[1].rows = &layers.frozen->rows(where);
}

std::optional<table_row> table_cursor::seek(std::string_view key) {
  for (auto& top : tops_)
    if (top.rows)
      top.at = top.rows->lower_bound(key);
  base_used_ = false;
  if (base_)
    take(base_->seek(key));
  return settle();
}

std::optional<table_row> table_cursor::next() {
  return settle();
}

void table_cursor::take(result<std::optional<lmdb_row>> x) {
  base_row_.reset();
  if (x)
    base_row_ = x.value();
  else
    view_->fail(std::move(x).error());
}

std::optional<std::string_view> table_cursor::smallest() const {
  std::optional<std::string_view> key;
  for (auto& top : tops_)
    if (top.stands() && (!key || top.at->first < *key))
      key = top.at->first;
  if (base_row_ && (!key || base_row_->first < *key))
    key = base_row_->first;
  return key;
}

std::optional<table_row> table_cursor::settle() {
  for (;;) {
    // Late, because most seeks want one row only.
    if (std::exchange(base_used_, false))
      take(base_->next());
    auto key = smallest();
    if (!key)
      return std::nullopt;
    // The topmost layer that knows the key decides; all that stand on it move
    // on.
    const overlay::entry* decides = nullptr;
    for (auto& top : tops_) {
      if (!top.stands() || top.at->first != *key)
        continue;
      if (!decides)
        decides = &top.at->second;
      ++top.at;
    }
    base_used_ = base_row_ && base_row_->first == *key;
    if (!decides)
      return table_row{*key, base_row_->second};
    if (!decides->erased)
      return table_row{*key, decides->value};
  }
}

} // namespace coppice
