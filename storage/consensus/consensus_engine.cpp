// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/consensus_engine.hpp"

#include "storage/consensus/raft_shim.h"

#include <algorithm>
#include <new>
#include <utility>

namespace coppice {

namespace {

// The codes of libraft that mean more than "refused".
constexpr int raft_not_leader = 7;
constexpr int raft_shutdown = 9;

uint64_t to_ms(consensus_engine::time_point x) {
  auto since = x.time_since_epoch();
  return static_cast<uint64_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

error to_error(int rc, const char* attempt) {
  auto text = std::string{"the consensus engine refused to "} + attempt + ": "
              + raft_shim_error(rc);
  switch (rc) {
    case raft_not_leader:
      return {ec::not_leader, std::move(text)};
    case raft_shutdown:
      // A committed entry differs from the leader's.
      return {ec::corrupt_store, std::move(text)};
    default:
      return {ec::invalid_argument, std::move(text)};
  }
}

raft_shim_entry to_shim(const log_entry& x) {
  auto bytes = x.bytes();
  return {x.term, static_cast<uint8_t>(x.type), bytes.data(), bytes.size()};
}

std::vector<raft_shim_entry> to_shim(std::span<const log_entry> xs) {
  std::vector<raft_shim_entry> ys;
  ys.reserve(xs.size());
  for (auto& x : xs)
    ys.push_back(to_shim(x));
  return ys;
}

raft_shim_snapshot to_shim(const log_base& x) {
  return {x.position.index, x.position.term, x.configuration.index,
          x.configuration.data.data(), x.configuration.data.size()};
}

/// Fills a flat message from the body of a received one.
struct flattener {
  raft_shim_message& y;

  void operator()(const append_entries& x) const {
    y.type = RAFT_SHIM_APPEND_ENTRIES;
    y.term = x.term;
    y.index = x.previous.index;
    y.index_term = x.previous.term;
    y.commit = x.commit;
  }

  void operator()(const append_reply& x) const {
    y.type = RAFT_SHIM_APPEND_REPLY;
    y.term = x.term;
    y.rejected = x.rejected;
    y.last_index = x.last_index;
  }

  void operator()(const vote_request& x) const {
    y.type = RAFT_SHIM_REQUEST_VOTE;
    y.term = x.term;
    y.index = x.last.index;
    y.index_term = x.last.term;
    y.pre_vote = x.pre_vote;
    y.disrupt_leader = x.disrupt_leader;
  }

  void operator()(const vote_reply& x) const {
    y.type = RAFT_SHIM_VOTE_REPLY;
    y.term = x.term;
    y.granted = x.granted;
    y.pre_vote = x.pre_vote;
  }

  void operator()(const install_snapshot&) const {
    // The driver answers it.
  }

  void operator()(const timeout_now& x) const {
    y.type = RAFT_SHIM_TIMEOUT_NOW;
    y.term = x.term;
    y.index = x.last.index;
    y.index_term = x.last.term;
  }
};

peer_message from_shim(uint64_t self, const raft_shim_message& x) {
  peer_message y{self, x.peer, {}};
  auto position = log_position{x.index, x.index_term};
  switch (x.type) {
    case RAFT_SHIM_APPEND_ENTRIES:
      y.body = append_entries{x.term, position, x.commit, {}};
      break;
    case RAFT_SHIM_APPEND_REPLY:
      y.body = append_reply{x.term, x.rejected, x.last_index};
      break;
    case RAFT_SHIM_REQUEST_VOTE:
      y.body = vote_request{x.term, position, x.pre_vote, x.disrupt_leader};
      break;
    case RAFT_SHIM_VOTE_REPLY:
      y.body = vote_reply{x.term, x.granted, x.pre_vote};
      break;
    case RAFT_SHIM_INSTALL_SNAPSHOT:
      y.body = install_snapshot{x.term, position, x.conf_index, 0};
      break;
    default:
      y.body = timeout_now{x.term, position};
      break;
  }
  return y;
}

} // namespace

const char* to_string(role x) noexcept {
  switch (x) {
    case role::follower:
      return "follower";
    case role::candidate:
      return "candidate";
    case role::leader:
      return "leader";
  }
  return "unknown";
}

// -- constructors, destructors, and assignment operators ----------------------

consensus_engine::consensus_engine(const engine_options& x) : id_(x.id) {
  raft_shim_options y{x.id,
                      x.seed,
                      static_cast<uint32_t>(x.election_timeout.count()),
                      static_cast<uint32_t>(x.heartbeat.count()),
                      x.max_inflight_entries,
                      x.pre_vote};
  raft_.reset(raft_shim_new(&y));
  if (!raft_)
    throw std::bad_alloc{};
}

consensus_engine::consensus_engine(consensus_engine&&) noexcept = default;

consensus_engine&
consensus_engine::operator=(consensus_engine&&) noexcept = default;

consensus_engine::~consensus_engine() = default;

void consensus_engine::deleter::operator()(raft_shim* x) const noexcept {
  raft_shim_delete(x);
}

// -- events -------------------------------------------------------------------

namespace {

result<engine_update> finish(uint64_t id, const raft_shim* raft, int rc,
                             const raft_shim_update& x, const char* attempt) {
  if (rc != 0)
    return to_error(rc, attempt);
  engine_update y;
  y.hard_state_changed = x.hard_state;
  y.role_changed = x.state;
  y.commit_changed = x.commit;
  y.own_barrier = x.own_barrier;
  y.first = x.first;
  y.skipped = x.skipped;
  y.appended = x.n_entries;
  y.messages.reserve(x.n_messages);
  for (size_t i = 0; i < x.n_messages; ++i) {
    auto message = raft_shim_message_at(raft, i);
    y.messages.push_back(
      {from_shim(id, message), static_cast<uint32_t>(message.n_entries)});
  }
  return y;
}

} // namespace

result<engine_update> consensus_engine::start(
  const log_image& x, const std::optional<log_base>& snapshot, time_point now) {
  std::vector<raft_shim_entry> entries;
  entries.reserve(x.heads.size());
  for (auto& head : x.heads)
    entries.push_back(
      {head.term, static_cast<uint8_t>(head.type), nullptr, head.size});
  for (auto& conf : x.configurations) {
    auto& entry = entries.at(conf.index - x.base.position.index - 1);
    entry.data = conf.data.data();
    entry.size = conf.data.size();
  }
  raft_shim_snapshot shim{};
  if (snapshot)
    shim = to_shim(*snapshot);
  raft_shim_update out;
  auto rc
    = raft_shim_start(raft_.get(), to_ms(now), x.state.term, x.state.voted_for,
                      snapshot ? &shim : nullptr, x.base.position.index + 1,
                      entries.data(), entries.size(), &out);
  return finish(id_, raft_.get(), rc, out, "start");
}

result<engine_update> consensus_engine::receive(const peer_message& x,
                                                time_point now) {
  // libraft would wait for the tables and take nothing meanwhile.
  if (std::holds_alternative<install_snapshot>(x.body))
    return engine_update{};
  // libraft looks at a vote's term through a union that holds something else
  // unless it is a candidate, and then may or may not believe it.
  if (std::holds_alternative<vote_reply>(x.body)
      && current_role() != role::candidate)
    return engine_update{};
  // A rejection of what the follower is known to have is a late one. libraft
  // would step back behind the match index and send nothing ever after.
  auto* reply = std::get_if<append_reply>(&x.body);
  if (reply && reply->term == state().term && reply->rejected > 0
      && reply->rejected <= match_index(x.from))
    return engine_update{};
  raft_shim_message y{};
  y.peer = x.from;
  std::visit(flattener{y}, x.body);
  std::vector<raft_shim_entry> entries;
  if (auto* append = std::get_if<append_entries>(&x.body)) {
    entries = to_shim(append->entries);
    y.entries = entries.data();
    y.n_entries = entries.size();
  }
  raft_shim_update out;
  auto rc = raft_shim_receive(raft_.get(), to_ms(now), &y, &out);
  return finish(id_, raft_.get(), rc, out, "take a message");
}

result<engine_update> consensus_engine::submit(std::span<const log_entry> xs,
                                               time_point now) {
  auto entries = to_shim(xs);
  raft_shim_update out;
  auto rc = raft_shim_submit(raft_.get(), to_ms(now), entries.data(),
                             entries.size(), &out);
  return finish(id_, raft_.get(), rc, out, "append entries");
}

result<engine_update> consensus_engine::persisted(uint64_t index,
                                                  time_point now) {
  raft_shim_update out;
  auto rc = raft_shim_persisted(raft_.get(), to_ms(now), index, &out);
  return finish(id_, raft_.get(), rc, out, "note durable entries");
}

result<engine_update> consensus_engine::timeout(time_point now) {
  raft_shim_update out;
  auto rc = raft_shim_timeout(raft_.get(), to_ms(now), &out);
  return finish(id_, raft_.get(), rc, out, "note the time");
}

result<engine_update>
consensus_engine::configuration_committed(const configuration_record& x,
                                          time_point now) {
  raft_shim_update out;
  auto rc = raft_shim_configuration(raft_.get(), to_ms(now), x.index,
                                    x.data.data(), x.data.size(), &out);
  return finish(id_, raft_.get(), rc, out, "take a configuration");
}

result<engine_update> consensus_engine::compact(const log_base& snapshot,
                                                uint32_t trailing,
                                                time_point now) {
  auto shim = to_shim(snapshot);
  raft_shim_update out;
  auto rc = raft_shim_compact(raft_.get(), to_ms(now), &shim, trailing, &out);
  return finish(id_, raft_.get(), rc, out, "compact the log");
}

result<engine_update> consensus_engine::transfer(uint64_t to, time_point now) {
  raft_shim_update out;
  auto rc = raft_shim_transfer(raft_.get(), to_ms(now), to, &out);
  return finish(id_, raft_.get(), rc, out, "hand over the lead");
}

// -- properties ---------------------------------------------------------------

hard_state consensus_engine::state() const {
  return {raft_shim_term(raft_.get()), raft_shim_vote(raft_.get())};
}

role consensus_engine::current_role() const {
  return static_cast<role>(raft_shim_role(raft_.get()));
}

uint64_t consensus_engine::leader() const {
  return raft_shim_leader(raft_.get());
}

uint64_t consensus_engine::commit_index() const {
  return raft_shim_commit(raft_.get());
}

uint64_t consensus_engine::last_index() const {
  return raft_shim_last_index(raft_.get());
}

uint64_t consensus_engine::match_index(uint64_t id) const {
  return raft_shim_match(raft_.get(), id);
}

bool consensus_engine::transferring() const {
  return raft_shim_transferee(raft_.get()) != 0;
}

consensus_engine::time_point consensus_engine::deadline() const {
  auto ms = std::chrono::milliseconds{raft_shim_deadline(raft_.get())};
  return time_point{} + ms;
}

} // namespace coppice
