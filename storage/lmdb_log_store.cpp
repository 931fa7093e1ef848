// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/lmdb_log_store.hpp"

#include "runtime/key_codec.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace coppice {

namespace {

// The newest format that this file writes and reads. Raise it with any change
// of a key or a value.
constexpr uint32_t format = 1;

constexpr auto state_key = std::string_view{"state"};

constexpr auto base_key = std::string_view{"base"};

// Of a row of the log: term and type.
constexpr size_t header_size = 9;

/// An index as a key: LMDB compares native integers fastest.
std::string_view as_key(const uint64_t& index) {
  static_assert(sizeof(size_t) == sizeof(uint64_t));
  return {reinterpret_cast<const char*>(&index), sizeof(index)};
}

uint64_t from_key(std::string_view key) {
  uint64_t index = 0;
  std::memcpy(&index, key.data(), std::min(key.size(), sizeof(index)));
  return index;
}

std::string encode(const hard_state& x) {
  std::string out;
  append_big_endian(out, x.term);
  append_big_endian(out, x.voted_for);
  return out;
}

result<hard_state> decode_state(std::string_view in) {
  if (in.size() != 16)
    return error{ec::corrupt_store, "the hard state of the log is damaged"};
  return hard_state{read_big_endian<uint64_t>(in, 0),
                    read_big_endian<uint64_t>(in, 8)};
}

error damaged(uint64_t index) {
  return {ec::corrupt_store,
          "entry " + std::to_string(index) + " of the log is damaged or gone"};
}

result<log_head> decode_head(uint64_t index, std::string_view row) {
  if (row.size() < header_size)
    return damaged(index);
  auto type = static_cast<entry_type>(row[8]);
  if (type < entry_type::command || type > entry_type::configuration)
    return damaged(index);
  return log_head{read_big_endian<uint64_t>(row, 0), type,
                  static_cast<uint32_t>(row.size() - header_size)};
}

/// Reads what *meta* has into *out*.
result<> load_meta(const lmdb_txn& txn, MDB_dbi meta, log_image& out) {
  auto state = txn.get(meta, state_key);
  if (!state)
    return state.as_failure();
  if (state.value()) {
    auto x = decode_state(*state.value());
    if (!x)
      return x.as_failure();
    out.state = x.value();
  }
  auto base = txn.get(meta, base_key);
  if (!base)
    return base.as_failure();
  if (base.value()) {
    auto x = decode_log_base(*base.value());
    if (!x)
      return error{ec::corrupt_store, "the base of the log is damaged"};
    out.base = std::move(*x);
  }
  return ok();
}

/// Reads the heads of all entries into *out*.
result<> load_heads(const lmdb_txn& txn, MDB_dbi log, log_image& out) {
  auto rows = txn.cursor(log);
  if (!rows)
    return rows.as_failure();
  for (;;) {
    auto row = rows.value().next();
    if (!row)
      return row.as_failure();
    if (!row.value())
      return ok();
    auto [key, value] = *row.value();
    auto index = out.last_index() + 1;
    if (from_key(key) != index)
      return damaged(index);
    auto head = decode_head(index, value);
    if (!head)
      return head.as_failure();
    out.heads.push_back(head.value());
    if (head.value().type == entry_type::configuration)
      out.configurations.push_back(
        {index, std::string{value.substr(header_size)}});
  }
}

} // namespace

// -- constructors, destructors, and assignment operators ----------------------

lmdb_log_store::lmdb_log_store(lmdb_env env, MDB_dbi log)
  : env_(std::move(env)),
    log_(log) {
  // nop
}

result<std::unique_ptr<lmdb_log_store>>
lmdb_log_store::open(const std::filesystem::path& dir, size_t map_size_bytes) {
  lmdb_options options;
  options.map_size_bytes = map_size_bytes;
  options.max_dbs = 4;
  options.max_readers = 8;
  options.format = format;
  auto env = lmdb_env::open(dir, options);
  if (!env)
    return env.as_failure();
  auto log = env.value().open_table("log", MDB_INTEGERKEY);
  if (!log)
    return log.as_failure();
  std::unique_ptr<lmdb_log_store> result{
    new lmdb_log_store{std::move(env.value()), log.value()}};
  if (auto image = result->load(); !image)
    return image.as_failure();
  return result;
}

// -- modifiers ----------------------------------------------------------------

result<> lmdb_log_store::write(const log_write& x) {
  extent after;
  auto written = env_.write([&](lmdb_txn& txn) -> result<> {
    auto done = carry_out(txn, x);
    if (!done)
      return done.as_failure();
    after = done.value();
    return ok();
  });
  if (!written)
    return written;
  base_ = after.base;
  last_ = after.last;
  return ok();
}

result<lmdb_log_store::extent>
lmdb_log_store::carry_out(lmdb_txn& txn, const log_write& x) const {
  auto at = extent{base_, last_};
  auto done = put_meta(txn, x);
  if (done && x.reset) {
    done = txn.clear(log_);
    at.base = at.last = x.reset->position.index;
  }
  if (done && x.truncate_from != 0) {
    done = erase(txn, x.truncate_from, at.last);
    at.last = std::min(at.last, x.truncate_from - 1);
  }
  if (done && !x.entries.empty()) {
    if (x.first != at.last + 1)
      return error{ec::invalid_argument,
                   "entry " + std::to_string(x.first)
                     + " does not follow the log, which ends at "
                     + std::to_string(at.last)};
    done = append(txn, x.first, x.entries);
    at.last += x.entries.size();
  }
  if (done && x.trim) {
    auto to = x.trim->position.index;
    done = erase(txn, at.base + 1, std::min(to, at.last));
    at = {to, std::max(to, at.last)};
  }
  if (!done)
    return done.as_failure();
  return at;
}

result<> lmdb_log_store::put_meta(lmdb_txn& txn, const log_write& x) const {
  if (x.state)
    if (auto done = txn.put(env_.meta(), state_key, encode(*x.state)); !done)
      return done;
  auto& base = x.trim ? x.trim : x.reset;
  if (base)
    return txn.put(env_.meta(), base_key, encode(*base));
  return ok();
}

result<> lmdb_log_store::erase(lmdb_txn& txn, uint64_t from,
                               uint64_t to) const {
  for (auto index = from; index <= to; ++index)
    if (auto erased = txn.erase(log_, as_key(index)); !erased)
      return erased.as_failure();
  return ok();
}

result<> lmdb_log_store::append(lmdb_txn& txn, uint64_t first,
                                std::span<const log_entry> xs) const {
  auto index = first;
  std::string header;
  for (auto& x : xs) {
    header.clear();
    append_big_endian(header, x.term);
    header.push_back(static_cast<char>(x.type));
    auto data = x.bytes();
    MDB_val key{sizeof(index), &index};
    MDB_val value{header_size + data.size(), nullptr};
    // Reserved, so that the data is copied once, into the map.
    auto rc
      = mdb_put(txn.native(), log_, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (rc != MDB_SUCCESS)
      return txn.fail(rc, "append to the log");
    auto* out = static_cast<char*>(value.mv_data);
    std::copy(header.begin(), header.end(), out);
    std::copy(data.begin(), data.end(), out + header_size);
    ++index;
  }
  return ok();
}

// -- properties ---------------------------------------------------------------

result<log_image> lmdb_log_store::load() {
  log_image image;
  auto done = env_.read([&](const lmdb_txn& txn) -> result<> {
    if (auto loaded = load_meta(txn, env_.meta(), image); !loaded)
      return loaded;
    return load_heads(txn, log_, image);
  });
  if (!done)
    return done.as_failure();
  base_ = image.base.position.index;
  last_ = image.last_index();
  return image;
}

result<std::vector<log_entry>> lmdb_log_store::read(uint64_t from, uint64_t to,
                                                    size_t max_bytes) {
  std::vector<log_entry> result;
  auto done = env_.read([&](const lmdb_txn& txn) -> coppice::result<> {
    size_t bytes = 0;
    for (auto index = from; index < to; ++index) {
      auto row = txn.get(log_, as_key(index));
      if (!row)
        return row.as_failure();
      if (!row.value())
        return damaged(index);
      auto head = decode_head(index, *row.value());
      if (!head)
        return head.as_failure();
      bytes += head.value().size;
      if (index > from && bytes > max_bytes)
        break;
      auto data = row.value()->substr(header_size);
      result.push_back(head.value().size == 0
                         ? log_entry{head.value().term, head.value().type, {}}
                         : make_log_entry(head.value().term, head.value().type,
                                          std::string{data}));
    }
    return ok();
  });
  if (!done)
    return done.as_failure();
  return result;
}

} // namespace coppice
