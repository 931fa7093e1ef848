// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/service.pb.h"
#include "runtime/service/local_services.hpp"
#include "runtime/service/native_service.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coppice {

/// How a native service is run.
struct native_limits {
  using ms = std::chrono::milliseconds;

  /// See ServiceSpec.
  bool reply_when_durable = true;
  ms capture_interval{1'000};
  ms dedupe_window{std::chrono::hours{24}};

  /// What waits to become durable, at most; and so much of what waits for that.
  size_t requests = 10'000;
  size_t bytes = size_t{64} << 20;

  /// Ids that are remembered, however long their window is: about 250 MB.
  size_t ids = 1'000'000;

  /// What one append has at most.
  size_t append_items = 1'000;
  size_t append_bytes = size_t{512} << 10;

  /// Answers that change nothing are marked after so long without a sign that
  /// the instance is still the owner.
  ms stale_after{5'000};
};

/// One instance of a native service between its recovery and its end: handles
/// requests in their order on the state that they will have made, and answers
/// each when what it rests on is durable.
///
/// Pure: what is to be written to the journal, and what was, is the caller's to
/// carry, and so is the time, which never goes back. At most one append is in
/// flight; what comes meanwhile goes into the next one, so a slow journal makes
/// appends larger and not more.
class native_core {
public:
  // -- member types -----------------------------------------------------------

  using clock = std::chrono::steady_clock;

  using ms = std::chrono::milliseconds;

  /// The answer to the request with a ticket.
  struct answer {
    uint64_t ticket = 0;
    service_result what;
  };

  // -- constructors, destructors, and assignment operators --------------------

  /// @param service An object that has its state.
  /// @param through The item of the journal that the state is after: the last.
  native_core(std::unique_ptr<native_service> service, uint64_t through,
              const native_limits& limits, clock::time_point now);

  // -- modifiers --------------------------------------------------------------

  /// Learns of requests that were answered before, in their order.
  void remember(const std::vector<proto::JournalItem>& ids);

  /// Handles a request; its answer comes by `take_answers`, now or later.
  /// @param ticket Chosen by the caller, unique.
  void handle(uint64_t ticket, const proto::ServiceCall& x,
              clock::time_point now);

  /// Returns what is to be appended now, if something is: once, until
  /// `appended` or `append_lost`.
  /// @param all Also if its time has not come yet.
  std::optional<proto::JournalAppend> next_append(clock::time_point now,
                                                  bool all = false);

  /// The append is durable.
  void appended();

  /// Nobody knows whether the append is durable: it is to be sent again, as it
  /// was.
  void append_lost();

  /// Returns items whose replies are needed: once each, until `found_reply`.
  std::vector<uint64_t> take_lookups();

  /// The reply of an item, nothing if it is kept no more.
  void found_reply(uint64_t sequence, std::optional<proto::ServiceAnswer> x);

  /// The reply cannot be read at this time: who waits has to ask again.
  void lookup_failed(uint64_t sequence);

  /// There is a sign that this instance was still the owner at that time.
  void confirmed(clock::time_point at);

  /// It is over: nothing is answered by this instance any more but by refusals.
  void end();

  std::vector<answer> take_answers();

  // -- properties -------------------------------------------------------------

  /// Returns why the service cannot go on, if it cannot.
  const std::optional<error>& failure() const noexcept {
    return failure_;
  }

  /// Returns whether nothing waits to become durable.
  bool is_idle() const noexcept {
    return queue_.empty();
  }

  /// Returns the last item that is durable.
  uint64_t durable() const noexcept {
    return durable_;
  }

private:
  // -- member types -----------------------------------------------------------

  /// What is known of a request that had an effect.
  struct record {
    uint64_t sequence = 0;
    uint64_t fingerprint = 0;
  };

  /// An id that will be forgotten.
  struct aged_id {
    clock::time_point since{};
    /// A later item may have the same id.
    uint64_t sequence = 0;
    std::string id;
  };

  /// An effect that is not durable yet.
  struct pending {
    proto::JournalItem item;
    proto::ServiceAnswer reply;
    /// Who waits for the reply.
    std::vector<uint64_t> tickets;
  };

  /// An answer that rests on effects which are not durable yet.
  struct waiting_read {
    uint64_t after = 0;
    uint64_t ticket = 0;
    proto::ServiceAnswer reply;
  };

  // -- parts ------------------------------------------------------------------

  void repeat(uint64_t ticket, const record& known, uint64_t fingerprint);

  void add_effect(uint64_t ticket, const proto::ServiceCall& x,
                  uint64_t fingerprint, service_effect effect,
                  clock::time_point now);

  void add_read(uint64_t ticket, proto::ServiceAnswer reply,
                clock::time_point now);

  /// Returns whether an append is to be made now.
  bool is_due(clock::time_point now, bool all) const;

  /// Returns for how long the journal has to keep replies: as long as ids are
  /// remembered.
  ms window(clock::time_point now) const;

  void say(uint64_t ticket, proto::ServiceAnswer x);

  void refuse(uint64_t ticket, service_refusal why);

  /// Forgets ids whose window is over.
  void forget(clock::time_point now);

  // -- member variables -------------------------------------------------------

  std::unique_ptr<native_service> service_;

  native_limits limits_;

  /// The last item that is handled, and the last that is durable.
  uint64_t handled_ = 0;
  uint64_t durable_ = 0;

  /// Behind the last durable one, in their order.
  std::deque<pending> queue_;
  size_t queue_bytes_ = 0;

  /// So many of the queue are in flight; with *lost_* they are to be sent
  /// again.
  size_t in_flight_ = 0;
  bool lost_ = false;

  std::deque<waiting_read> reads_;
  size_t read_bytes_ = 0;

  std::unordered_map<std::string, record> known_;

  /// In the order in which they will be forgotten.
  std::deque<aged_id> ages_;
  /// Some were forgotten before their window was over.
  bool forgot_early_ = false;

  /// Who waits for a reply that is read, by item.
  std::map<uint64_t, std::vector<uint64_t>> lookups_;
  std::vector<uint64_t> new_lookups_;

  std::vector<answer> answers_;

  clock::time_point last_capture_{};
  /// With intervals: the last item that had come when the last one was over.
  uint64_t captured_ = 0;
  clock::time_point confirmed_{};
  /// When the append in flight was handed out.
  clock::time_point sent_{};

  std::optional<error> failure_;
  bool over_ = false;
};

} // namespace coppice
