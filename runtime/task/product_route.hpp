// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

// Which shard has a product. A product is bound to one shard at a time, and may
// be bound to another one while it is used: what came by an older binding
// stays where it is. So a submit asks every shard that the product was ever
// bound to, the present one last: only there is anything new accepted, and the
// others know the idempotency keys of what they accepted.
//
// Nothing is accepted twice because the older ones are asked first, with the
// number of the newest binding: that seals them, and a sealed binding accepts
// nothing for ever.

namespace coppice {

/// A shard that a submit has to ask.
struct shard_visit {
  uint32_t shard = 0;
  /// The newest binding of the product to it.
  uint32_t epoch = 0;

  auto operator<=>(const shard_visit&) const = default;
};

/// Returns the shards that a submit asks in turn. The last one has the newest
/// binding.
std::vector<shard_visit> submit_route(const proto::ProductRow& x);

/// The way of one submit from shard to shard.
class submit_trip {
public:
  /// @param product What is known of the product; may be out of date.
  explicit submit_trip(proto::ProductRow product)
    : product_(std::move(product)) {}

  /// Returns whom to ask next. Nothing: all say that the product has moved on,
  /// so it has a newer binding than this trip knows.
  std::optional<shard_visit> next() const;

  /// Takes note that *x* does not know the key and accepts nothing.
  void moved(const shard_visit& x) {
    asked_.insert(x);
  }

  /// Takes note of what is known of the product by now.
  void learn(proto::ProductRow product) {
    product_ = std::move(product);
  }

  const proto::ProductRow& product() const {
    return product_;
  }

  /// Returns the newest binding that is known.
  uint32_t newest_epoch() const {
    return static_cast<uint32_t>(product_.shards_size());
  }

private:
  proto::ProductRow product_;
  std::set<shard_visit> asked_;
};

/// Returns the shard of a binding, if there is one with this number.
std::optional<uint32_t> shard_of(const proto::ProductRow& x, uint32_t epoch);

/// Returns the shards that may have tasks of the product, each once, ordered.
std::vector<uint32_t> shards_of(const proto::ProductRow& x);

/// Returns the shard that a new product is bound to.
/// @param shards How many there are, not 0.
uint32_t first_shard(std::string_view product, uint32_t shards);

} // namespace coppice
