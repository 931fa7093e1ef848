// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/service/native_core.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace coppice {

/// Where a journal is, and who reads or writes it.
struct journal_place {
  uint32_t shard = 0;
  /// Number of the service.
  uint32_t service = 0;
  uint64_t epoch = 0;
};

/// Returns a request that changes the journal at *x*; *change* is to be filled
/// in by the caller.
proto::Request journal_request(const journal_place& x,
                               const proto::JournalCommand& change);

/// Reads a native service back from its journal: the snapshot, the events
/// behind it, and the ids of requests that were answered. Asks one thing after
/// the other, so it needs little memory beside the state.
///
/// Pure but for what it is given; used by one thread. Lives as long as an
/// answer is on its way.
class journal_loader : public std::enable_shared_from_this<journal_loader> {
public:
  // -- member types -----------------------------------------------------------

  /// Asks the cluster, and hands the answer on, once.
  using ask_fun = std::function<void(proto::Request,
                                     std::function<void(const proto::Reply&)>)>;

  struct loaded {
    std::unique_ptr<native_service> service;
    std::vector<proto::JournalItem> ids;
    /// The item that the state is after.
    uint64_t through = 0;
  };

  using done_fun = std::function<void(result<loaded>)>;

  // -- constructors, destructors, and assignment operators --------------------

  /// @param head Of the journal, as it is.
  /// @param fresh An object without a state.
  /// @param with_ids Also those, and the events that come meanwhile; not for a
  ///                 snapshot.
  journal_loader(journal_place place, proto::JournalHead head,
                 std::unique_ptr<native_service> fresh, bool with_ids);

  // -- modifiers --------------------------------------------------------------

  /// Begins; *done* is called once, unless an answer never comes.
  void run(ask_fun ask, done_fun done);

private:
  void next();

  void on_reply(const proto::Reply& x);

  void on_chunk(const proto::JournalReply& x);

  void on_events(const proto::JournalReply& x);

  void on_ids(const proto::JournalReply& x);

  void finish(result<loaded> x);

  enum class step : uint8_t { snapshot, events, ids, over };

  journal_place place_;
  proto::JournalHead head_;
  loaded out_;
  bool with_ids_;
  step at_ = step::snapshot;
  std::string snapshot_;
  uint32_t chunks_ = 0;
  uint64_t last_id_ = 0;
  ask_fun ask_;
  done_fun done_;
};

} // namespace coppice
