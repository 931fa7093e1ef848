// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/local_messages.hpp"
#include "storage/tables.hpp"

#include <caf/result.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <string>

namespace coppice {

/// The state of the SERVICE_STORE: the journals of services in one shard, for
/// their owners. It keeps nothing in memory; what an owner may do is decided
/// by the tables.
struct service_store_state {
  // -- constructors, destructors, and assignment operators --------------------

  explicit service_store_state(service_store_actor::pointer selfptr)
    : self(selfptr) {}

  // -- handlers ---------------------------------------------------------------

  caf::result<proto::Reply> on_request(proto::Request& x);

  // -- parts of the handlers --------------------------------------------------

  caf::result<proto::Reply> change(proto::JournalCommand x);

  /// Answers from the tables as they are here, without a proof of the lead.
  ///
  /// Nothing is missing in them for who may read: the journal is in the epoch
  /// of the reader, so the `take` of the reader is in these tables, and with it
  /// all that owners before it ever appended. Tables that are too old have no
  /// such epoch. What came behind the `take` the reader itself has appended: it
  /// knows how far that goes, and an item that these tables lack is refused.
  proto::Reply read(const proto::ReadJournal& x) const;

  // -- member variables -------------------------------------------------------

  static constexpr const char* name = "service_store";

  service_store_actor::pointer self;

  /// Name of the shard, for people.
  std::string group;

  std::shared_ptr<const tables> store;

  state_replicator_actor replicator;
};

/// Keeps the journals of services; lives while this manager leads the shard.
/// @param self The actor itself.
/// @param group Name of the shard.
/// @param store The tables that *replicator* writes.
/// @param replicator Where changes are proposed.
service_store_actor::behavior_type
service_store(service_store_actor::stateful_pointer<service_store_state> self,
              std::string group, std::shared_ptr<const tables> store,
              state_replicator_actor replicator);

} // namespace coppice
