// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/replica.hpp"

#include "storage/consensus/replica_boot.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace coppice {

// -- constructors, destructors, and assignment operators ----------------------

namespace {

engine_options to_engine(const replica_options& x) {
  return {
    x.id,      x.seed, x.election_timeout, x.heartbeat, x.max_inflight_entries,
    x.pre_vote};
}

} // namespace

replica::replica(const replica_options& options, log_store& store,
                 log_image image, uint64_t applied)
  : options_(options),
    store_(&store),
    engine_(to_engine(options)),
    base_(std::move(image.base)),
    heads_(image.heads.begin(), image.heads.end()),
    tail_(image.last_index()),
    durable_state_(image.state),
    durable_index_(image.last_index()),
    commit_(applied),
    delivered_(applied),
    applied_(applied),
    snapshot_(applied) {
  freshness_.applied(applied);
  configurations_.push_back(base_.configuration);
  std::move(image.configurations.begin(), image.configurations.end(),
            std::back_inserter(configurations_));
  lone_configuration_ = encode_members({{options.id, true}}).value();
}

result<replica> replica::start(const replica_options& options, log_store& store,
                               const log_base& applied, time_point now) {
  auto image = prepare_log(options, store, applied);
  if (!image)
    return image.as_failure();
  auto index = applied.position.index;
  auto snapshot = snapshot_at(image.value(), index);
  auto copy = image.value();
  replica x{options, store, std::move(image.value()), index};
  x.now_ = now;
  auto started = x.engine_.start(copy, snapshot, now);
  if (!started)
    return started.as_failure();
  if (auto done = x.carry_out(std::move(started.value()), {}); !done)
    return done.as_failure();
  return x;
}

// -- proposals ----------------------------------------------------------------

result<log_position> replica::propose(std::string data) {
  if (data.size() > options_.max_entry_bytes)
    return error{ec::invalid_argument,
                 "a proposal of " + std::to_string(data.size())
                   + " bytes is larger than "
                   + std::to_string(options_.max_entry_bytes)};
  return enqueue(entry_type::command, std::move(data));
}

result<log_position> replica::propose_barrier() {
  return enqueue(entry_type::barrier, {});
}

result<log_position> replica::enqueue(entry_type type, std::string data) {
  if (!leading_ || engine_.transferring())
    return not_leader();
  auto term = engine_.state().term;
  proposals_.push_back(type == entry_type::command
                         ? make_log_entry(term, type, std::move(data))
                         : log_entry{term, type, nullptr});
  return log_position{tail_.last() + proposals_.size(), term};
}

result<> replica::submit(std::span<const log_entry> xs) {
  auto submitted = engine_.submit(xs, now_);
  if (!submitted)
    return submitted.as_failure();
  return carry_out(std::move(submitted.value()), xs);
}

result<> replica::submit_proposals() {
  if (proposals_.empty())
    return ok();
  // Swapped out first: losing the lead clears the member.
  auto xs = std::exchange(proposals_, {});
  auto submitted = submit(xs);
  if (submitted && proposals_.empty()) {
    xs.clear(); // Keeps its memory for the next turn.
    proposals_ = std::move(xs);
  }
  return submitted;
}

// -- input --------------------------------------------------------------------

namespace {

bool makes_sense(const append_entries& x) {
  auto valid = [term = x.previous.term](const log_entry& y) {
    return y.term >= term && y.type >= entry_type::command
           && y.type <= entry_type::configuration;
  };
  return (x.previous.index == 0) == (x.previous.term == 0)
         && std::all_of(x.entries.begin(), x.entries.end(), valid)
         && (x.entries.empty() || x.entries.back().term <= x.term)
         && (x.entries.empty() || x.entries.front().term > 0);
}

uint64_t term_in(const peer_message& x) {
  return std::visit([](auto& y) { return y.term; }, x.body);
}

} // namespace

result<> replica::receive(const peer_message& x, time_point now) {
  now_ = std::max(now_, now);
  auto* entries = std::get_if<append_entries>(&x.body);
  if (x.from == 0 || x.from == options_.id || term_in(x) == 0
      || (entries && !makes_sense(*entries)))
    return error{ec::protocol_violation, "a message of member "
                                           + std::to_string(x.from)
                                           + " makes no sense"};
  if (entries)
    return step_append(x);
  if (!std::holds_alternative<install_snapshot>(x.body))
    return step(x, {});
  note_offer(x);
  return ok();
}

result<> replica::step(const peer_message& x,
                       std::span<const log_entry> entries) {
  auto received = engine_.receive(x, now_);
  if (!received)
    return received.as_failure();
  return carry_out(std::move(received.value()), entries);
}

/// Takes entries that follow one which is gone from this member's log.
/// libraft would reject them for ever, or, if they begin at 1, append them at
/// the end. What is committed here the leader has, too: they can as well begin
/// after it.
append_entries replica::skip_committed(const append_entries& x) const {
  auto first = x.previous.index + 1;
  auto known = std::min<uint64_t>(commit_ + 1 - first, x.entries.size());
  auto rest = x.entries.begin() + static_cast<ptrdiff_t>(known);
  return {
    x.term, {commit_, term_of(commit_)}, x.commit, {rest, x.entries.end()}};
}

result<> replica::step_append(const peer_message& x) {
  auto& all = std::get<append_entries>(x.body);
  auto gone = base_.position.index;
  auto done = gone > 0 && all.previous.index <= gone
                ? step_parts({x.from, x.to, skip_committed(all)})
                : step_parts(x);
  if (done && engine_.state().term == all.term) {
    heard_from_ = x.from;
    heard_term_ = all.term;
    freshness_.told(all.commit, now_);
  }
  return done;
}

/// Feeds entries to the engine, so that a configuration is the first of those
/// it sees: libraft notes the index of the first for that of any.
result<> replica::step_parts(const peer_message& x) {
  auto& all = std::get<append_entries>(x.body);
  auto begin = all.entries.begin();
  auto end = all.entries.end();
  auto next_cut = [end](auto i) {
    auto is_cut
      = [](const log_entry& y) { return y.type == entry_type::configuration; };
    return i == end ? end : std::find_if(i + 1, end, is_cut);
  };
  auto next = next_cut(begin);
  if (next == end)
    return step(x, all.entries);
  for (auto i = begin; i != end; i = next, next = next_cut(i)) {
    auto skipped = static_cast<uint64_t>(i - begin);
    auto previous
      = i == begin ? all.previous
                   : log_position{all.previous.index + skipped, (i - 1)->term};
    auto part = append_entries{all.term, previous, all.commit, {i, next}};
    if (auto done = step({x.from, x.to, part}, part.entries); !done)
      return done;
  }
  return ok();
}

result<> replica::tick(time_point now) {
  now_ = std::max(now_, now);
  if (now_ < engine_.deadline())
    return ok();
  auto passed = engine_.timeout(now_);
  if (!passed)
    return passed.as_failure();
  return carry_out(std::move(passed.value()), {});
}

// -- carrying out what the engine wants ---------------------------------------

result<> replica::carry_out(engine_update x,
                            std::span<const log_entry> passed) {
  if (x.own_barrier) {
    auto barrier
      = log_entry{engine_.state().term, entry_type::barrier, nullptr};
    append(x.first, {&barrier, 1});
  } else if (x.appended > 0) {
    append(x.first, passed.subspan(x.skipped, x.appended));
  }
  // At once: by the end of the turn the log may have become another one.
  enqueue_messages(std::move(x.messages));
  if (auto done = note_role(x); !done)
    return done;
  return note_commit();
}

void replica::append(uint64_t first, std::span<const log_entry> xs) {
  if (first <= tail_.last())
    cut(first);
  auto index = first;
  for (auto& x : xs) {
    if (x.type == entry_type::configuration)
      configurations_.push_back({index, std::string{x.bytes()}});
    heads_.push_back({x.term, x.type, static_cast<uint32_t>(x.bytes().size())});
    tail_.append(x);
    ++index;
  }
}

void replica::cut(uint64_t index) {
  tail_.truncate(index);
  heads_.resize(index - base_.position.index - 1);
  while (configurations_.back().index >= index)
    configurations_.pop_back();
  if (index <= durable_index_) {
    truncate_from_
      = truncate_from_ == 0 ? index : std::min(truncate_from_, index);
    durable_index_ = index - 1;
  }
}

void replica::enqueue_messages(std::vector<engine_message>&& xs) {
  for (auto& x : xs) {
    auto* entries = std::get_if<append_entries>(&x.message.body);
    // libraft takes a snapshot up to entry 1 for that entry, and so offers
    // nothing to a member that has none.
    if (entries && entries->previous.index < base_.position.index)
      x.message.body = install_snapshot{entries->term, base_.position,
                                        base_.configuration.index, 0};
    if (auto* offer = std::get_if<install_snapshot>(&x.message.body))
      offer->first = first_index();
    if (x.entries == 0) {
      waiting_.push_back(std::move(x.message));
      continue;
    }
    // A message that cannot be made counts as lost, but not silently.
    if (auto filled = fill(std::move(x)); !filled)
      fault_ = filled.error();
  }
}

/// Puts entries into a message, or into several if they are too many bytes for
/// one.
result<> replica::fill(engine_message&& x) {
  auto& body = std::get<append_entries>(x.message.body);
  auto from = body.previous.index + 1;
  auto end = from + x.entries;
  while (from < end) {
    auto xs = read(from, end, options_.max_message_bytes);
    if (!xs)
      return xs.as_failure();
    auto part
      = peer_message{x.message.from, x.message.to,
                     append_entries{body.term, body.previous, body.commit, {}}};
    from += xs.value().size();
    body.previous = {from - 1, xs.value().back().term};
    std::get<append_entries>(part.body).entries = std::move(xs.value());
    waiting_.push_back(std::move(part));
  }
  return ok();
}

result<> replica::note_role(const engine_update& x) {
  if (!x.role_changed)
    return ok();
  if (leading_) {
    leading_ = false;
    lost_ = true;
    barrier_ = {};
    proposals_.clear();
  }
  if (engine_.current_role() != role::leader)
    return ok();
  leading_ = true;
  auto barrier = log_entry{engine_.state().term, entry_type::barrier, nullptr};
  // libraft makes one only if it knows of entries that are not committed.
  barrier_ = {x.own_barrier ? x.first : tail_.last() + 1, barrier.term};
  return x.own_barrier ? result<>{ok()} : submit({&barrier, 1});
}

result<> replica::note_commit() {
  // libraft may go back: a late message with few entries makes it forget.
  auto commit = std::max(commit_, engine_.commit_index());
  auto before = std::exchange(commit_, commit);
  if (configurations_.back().index <= before)
    return ok();
  // A copy: the engine may step down on it and so change the list.
  auto xs = configurations_;
  for (auto& x : xs) {
    if (x.index <= before || x.index > commit)
      continue;
    auto noted = engine_.configuration_committed(x, now_);
    if (!noted)
      return noted.as_failure();
    if (auto done = carry_out(std::move(noted.value()), {}); !done)
      return done;
  }
  return ok();
}

// -- properties ---------------------------------------------------------------

bool replica::ready_to_lead() const {
  return leading_ && !engine_.transferring() && barrier_.index != 0
         && applied_ >= barrier_.index;
}

replica::time_point replica::next_timeout() const {
  if (dirty() || !waiting_.empty() || !proposals_.empty())
    return now_;
  return engine_.deadline();
}

uint64_t replica::leader() const {
  switch (engine_.current_role()) {
    case role::leader:
      return options_.id;
    case role::candidate:
      return 0;
    case role::follower:
      break;
  }
  // libraft keeps naming the leader of an earlier term.
  return heard_term_ == engine_.state().term && engine_.leader() == heard_from_
           ? heard_from_
           : 0;
}

uint64_t replica::commit_index() const noexcept {
  // A quorum may do without this member; its tables must not be ahead of its
  // own log, though.
  return std::min(commit_, durable_index_);
}

error replica::not_leader() const {
  auto x = leader();
  if (x == 0 || x == options_.id)
    return {ec::not_leader, "there is no leader at the moment"};
  return {ec::not_leader, "member " + std::to_string(x) + " leads"};
}

result<std::vector<log_entry>> replica::read(uint64_t from, uint64_t to,
                                             size_t max_bytes) const {
  if (from < tail_.first())
    return store_->read(from, std::min(to, tail_.first()), max_bytes);
  auto xs = tail_.range(from, to);
  auto bytes = xs.front().bytes().size();
  size_t n = 1;
  while (n < xs.size() && bytes + xs[n].bytes().size() <= max_bytes)
    bytes += xs[n++].bytes().size();
  return std::vector<log_entry>(xs.begin(),
                                xs.begin() + static_cast<ptrdiff_t>(n));
}

uint64_t replica::term_of(uint64_t index) const {
  if (index == base_.position.index)
    return base_.position.term;
  return heads_[index - base_.position.index - 1].term;
}

const configuration_record& replica::configuration_at(uint64_t index) const {
  auto i = std::find_if(
    configurations_.rbegin(), configurations_.rend(),
    [index](const configuration_record& x) { return x.index <= index; });
  return *i; // The first one is that of the base.
}

} // namespace coppice
