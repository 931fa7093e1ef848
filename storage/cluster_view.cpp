// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/cluster_view.hpp"

#include "runtime/health/node_message.hpp"

#include <utility>

namespace coppice {

namespace {

// The newest format that this file writes and reads. Raise it with any change
// of a key or a value.
constexpr uint32_t format = 1;

constexpr auto head_key = std::string_view{"head"};

constexpr size_t map_size_bytes = size_t{16} << 20;

error damaged(const std::filesystem::path& dir) {
  return {ec::corrupt_store, "a row of the view of the cluster in '"
                               + dir.string() + "' does not decode"};
}

template <class T>
bool decode(std::string_view bytes, T& out) {
  return out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

} // namespace

cluster_view::cluster_view(lmdb_env env, MDB_dbi nodes)
  : env_(std::move(env)),
    nodes_(nodes) {
  // nop
}

result<std::unique_ptr<cluster_view>>
cluster_view::open(const std::filesystem::path& dir) {
  lmdb_options options;
  options.map_size_bytes = map_size_bytes;
  options.max_dbs = 4;
  options.max_readers = 8;
  options.format = format;
  auto env = lmdb_env::open(dir, options);
  if (!env)
    return env.as_failure();
  auto nodes = env.value().open_table("node");
  if (!nodes)
    return nodes.as_failure();
  return std::unique_ptr<cluster_view>{
    new cluster_view{std::move(env.value()), nodes.value()}};
}

result<saved_view> cluster_view::load() const {
  saved_view out;
  auto done = env_.read([&](const lmdb_txn& txn) -> result<> {
    auto head = txn.get(env_.meta(), head_key);
    if (!head)
      return head.as_failure();
    proto::SavedView x;
    if (head.value() && !decode(*head.value(), x))
      return damaged(env_.dir());
    out.cluster = x.cluster();
    out.version = from_message(x.version());
    out.confirmed_ms = x.confirmed_ms();
    auto rows = txn.cursor(nodes_);
    if (!rows)
      return rows.as_failure();
    for (;;) {
      auto row = rows.value().next();
      if (!row)
        return row.as_failure();
      if (!row.value())
        return ok();
      proto::NodeListRow entry;
      if (!decode(row.value()->second, entry))
        return damaged(env_.dir());
      out.rows.push_back(from_message(entry));
    }
  });
  if (!done)
    return done.as_failure();
  return out;
}

result<> cluster_view::save(const saved_view& x) {
  proto::SavedView head;
  head.set_cluster(x.cluster);
  *head.mutable_version() = to_message(x.version);
  head.set_confirmed_ms(x.confirmed_ms);
  return env_.write([&](lmdb_txn& txn) -> result<> {
    for (auto& row : x.rows) {
      auto& key = row.start.node;
      if (row.state == node_state::forgotten) {
        if (auto done = txn.erase(nodes_, key); !done)
          return done.as_failure();
      } else if (auto done
                 = txn.put(nodes_, key, to_message(row).SerializeAsString());
                 !done) {
        return done;
      }
    }
    return txn.put(env_.meta(), head_key, head.SerializeAsString());
  });
}

result<> cluster_view::clear() {
  return env_.write([&](lmdb_txn& txn) -> result<> {
    if (auto done = txn.erase(env_.meta(), head_key); !done)
      return done.as_failure();
    return txn.clear(nodes_);
  });
}

result<cluster_view::opened_view>
cluster_view::open_or_renew(const std::filesystem::path& dir) {
  opened_view out;
  for (;;) {
    auto opened = open(dir);
    auto loaded = opened ? opened.value()->load() : opened.as_failure();
    if (loaded) {
      out.view = std::move(opened.value());
      out.saved = std::move(loaded.value());
      return out;
    }
    if (out.damage)
      return loaded.error();
    out.damage = loaded.error();
    opened = error{ec::corrupt_store, "closed"};
    std::error_code err;
    std::filesystem::remove_all(dir, err);
  }
}

} // namespace coppice
