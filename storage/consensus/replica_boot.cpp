// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/replica_boot.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace coppice {

namespace {

bool blank(const log_image& x) {
  return x.state == hard_state{} && x.last_index() == 0;
}

result<> check(const replica_options& x) {
  if (x.id == 0)
    return error{ec::invalid_argument, "a replica needs an id that is not 0"};
  if (x.heartbeat.count() <= 0 || x.election_timeout < 2 * x.heartbeat)
    return error{ec::invalid_argument,
                 "the election timeout must be at least twice the heartbeat"};
  if (x.max_inflight_entries == 0
      || x.max_inflight_entries * x.max_entry_bytes > x.max_inflight_bytes)
    return error{ec::invalid_argument,
                 "the entries in flight do not fit in the bytes in flight"};
  return ok();
}

const configuration_record& newest_configuration(const log_image& x) {
  return x.configurations.empty() ? x.base.configuration
                                  : x.configurations.back();
}

uint64_t term_at(const log_image& x, uint64_t index) {
  auto base = x.base.position;
  return index == base.index ? base.term : x.heads[index - base.index - 1].term;
}

result<std::string> encode_first(const std::vector<uint64_t>& voters) {
  std::vector<member_record> xs;
  for (auto id : voters)
    xs.push_back({id, true});
  return encode_members(std::move(xs));
}

/// Writes the entry that every first member of the group begins with.
result<log_image> bootstrap(const replica_options& options, log_store& store) {
  auto& ids = options.voters;
  if (std::find(ids.begin(), ids.end(), options.id) == ids.end())
    return error{ec::invalid_argument,
                 "the log is empty, and this member is not one of the first "
                 "voters"};
  auto conf = encode_first(ids);
  if (!conf)
    return conf.as_failure();
  auto entry = make_log_entry(1, entry_type::configuration, conf.value());
  log_write x;
  x.state = hard_state{1, 0};
  x.first = 1;
  x.entries = {&entry, 1};
  if (auto written = store.write(x); !written)
    return written.as_failure();
  return store.load();
}

/// Drops a log that does not lead up to the tables, and lets it go on after
/// them.
result<log_image> reset(const replica_options& options, log_store& store,
                        const log_image& old, const log_base& tables) {
  auto applied = tables.position;
  auto alone = options.voters.size() == 1;
  if (!alone && (blank(old) || applied.term == 0))
    return error{ec::corrupt_store,
                 "the tables are at entry " + std::to_string(applied.index)
                   + ", but the log behind them and with it the votes of this "
                     "member are gone: remove its tables and let it join anew"};
  log_write x;
  auto term = std::max({old.state.term, applied.term, uint64_t{1}});
  x.state = old.state.term == term ? old.state : hard_state{term, 0};
  auto conf = tables.configuration.index != 0 ? tables.configuration
                                              : newest_configuration(old);
  if (conf.index == 0) {
    auto encoded = encode_first(options.voters);
    if (!encoded)
      return encoded.as_failure();
    conf = {applied.index, std::move(encoded.value())};
  }
  applied.term = applied.term == 0 ? term : applied.term;
  x.reset = log_base{applied, std::move(conf)};
  if (auto written = store.write(x); !written)
    return written.as_failure();
  return store.load();
}

/// Begins a new term if nobody else votes. libraft would elect it in the term
/// that it was stopped in, and could then give one place (index, term) in the
/// log to two entries: one that only left for a follower, and its successor.
result<log_image> begin_term(const replica_options& options, log_store& store,
                             log_image image) {
  auto& conf = newest_configuration(image);
  if (conf.index == 0)
    return image;
  auto members = decode_members(conf.data);
  if (!members)
    return members.as_failure();
  auto& xs = members.value();
  auto is_other_voter
    = [&](const member_record& x) { return x.votes && x.id != options.id; };
  if (std::any_of(xs.begin(), xs.end(), is_other_voter)
      || std::find(xs.begin(), xs.end(), member_record{options.id, true})
           == xs.end())
    return image;
  image.state = {image.state.term + 1, options.id};
  log_write x;
  x.state = image.state;
  if (auto written = store.write(x); !written)
    return written.as_failure();
  return image;
}

/// Returns whether the log has the last entry of the tables. If they came from
/// a leader, another entry in its place is not a committed one.
bool leads_to(const log_image& x, const log_base& tables) {
  auto applied = tables.position;
  if (x.last_index() < applied.index)
    return false;
  return tables.configuration.index == 0
         || applied.index < x.base.position.index
         || term_at(x, applied.index) == applied.term;
}

} // namespace

result<log_image> prepare_log(const replica_options& options, log_store& store,
                              const log_base& tables) {
  if (auto checked = check(options); !checked)
    return checked.as_failure();
  auto applied = tables.position;
  auto image = store.load();
  if (image && !leads_to(image.value(), tables))
    image = reset(options, store, image.value(), tables);
  else if (image && blank(image.value()) && !options.voters.empty())
    image = bootstrap(options, store);
  if (!image)
    return image;
  auto base = image.value().base.position.index;
  if (applied.index < base)
    return error{ec::corrupt_store,
                 "the tables end at entry " + std::to_string(applied.index)
                   + ", but the log begins after " + std::to_string(base)};
  if (applied.index > 0 && applied.term != 0
      && term_at(image.value(), applied.index) != applied.term)
    return error{ec::corrupt_store,
                 "entry " + std::to_string(applied.index)
                   + " of the log is not the one that the tables contain"};
  return begin_term(options, store, std::move(image.value()));
}

std::optional<log_base> snapshot_at(const log_image& x, uint64_t applied) {
  if (applied == 0)
    return std::nullopt;
  auto conf = x.base.configuration;
  for (auto& y : x.configurations)
    if (y.index <= applied)
      conf = y;
  return log_base{{applied, term_at(x, applied)}, std::move(conf)};
}

} // namespace coppice
