// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the shards that are about journals of services.

#include "storage/service_tables.hpp"
#include "storage/state_machine/commands.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace coppice::state_machine {

namespace {

constexpr size_t max_id_bytes = 256;
constexpr size_t max_reply_bytes = size_t{1} << 20;
constexpr size_t max_event_bytes = size_t{1} << 20;
constexpr int max_items = 1'000;
constexpr uint64_t max_snapshot_bytes = uint64_t{256} << 20;
constexpr uint32_t max_snapshot_chunks = max_snapshot_bytes / max_chunk_bytes;

/// A command erases at most so many rows that nobody needs any more; the rest
/// is left to those that follow.
constexpr uint64_t max_erased = 1'000;

/// Of expired replies, for each item that is appended.
constexpr int expired_per_item = 2;

constexpr int64_t default_window_ms = int64_t{24} * 60 * 60 * 1'000;

/// 10 years: sums with times stay in range.
constexpr int64_t max_window_ms = int64_t{3'653} * 24 * 60 * 60 * 1'000;

/// No owner has it: who has the journal then is fenced.
constexpr auto dropped_epoch = std::numeric_limits<uint64_t>::max();

/// A journal, and what is said of the command that changes it.
struct journal_change {
  context ctx;
  const proto::JournalCommand& command;
  proto::JournalOutcome& outcome;
  proto::JournalHead head;

  uint32_t service() const {
    return command.service();
  }

  void refuse(ec code, const std::string& why) {
    set_error(*outcome.mutable_error(), code,
              "journal of service " + std::to_string(service()) + ": " + why);
  }

  void write() {
    put_journal(ctx.view, service(), head);
    *outcome.mutable_head() = head;
  }
};

/// Returns how much the events of an item count for its limit.
size_t event_bytes(const proto::JournalItem& x) {
  size_t sum = 0;
  for (auto& event : x.events())
    sum += std::max<size_t>(event.size(), 1);
  return sum;
}

// -- take ---------------------------------------------------------------------

void take(journal_change& x) {
  auto& head = x.head;
  // Chunks of the former owner and of this one do not become one snapshot.
  if (x.command.epoch() != head.epoch())
    if (auto staged
        = first_journal_snapshot(x.ctx.view, x.service(), head.snapshot() + 1))
      erase_journal_chunks(x.ctx.view, {x.service(), *staged, 0});
  head.set_epoch(x.command.epoch());
  head.set_first_reply(std::max<uint64_t>(head.first_reply(), 1));
  x.write();
}

// -- append -------------------------------------------------------------------

/// Checks the items of one command, before any is written.
class item_checks {
public:
  item_checks(journal_change& change, int64_t window_ms)
    : x_(change),
      window_ms_(window_ms) {
    // nop
  }

  /// @returns whether all can be accepted; otherwise the outcome says why not.
  bool run() {
    auto& items = x_.command.append().items();
    return std::all_of(items.begin(), items.end(),
                       [this](auto& item) { return check(item); });
  }

private:
  bool refuse(ec code, const proto::JournalItem& item, const std::string& why) {
    x_.refuse(code, "item " + std::to_string(item.sequence()) + " " + why);
    return false;
  }

  bool check(const proto::JournalItem& item) {
    if (item.id().empty() || item.id().size() > max_id_bytes
        || item.reply().size() > max_reply_bytes
        || event_bytes(item) > max_event_bytes)
      return refuse(ec::invalid_argument, item,
                    "has no id, or breaks a limit of id, reply or events");
    if (item.sequence() <= x_.head.last())
      return check_repeated(item);
    if (item.sequence() != x_.head.last() + 1 + fresh_)
      return refuse(ec::conflict, item,
                    "does not follow item "
                      + std::to_string(x_.head.last() + fresh_));
    ++fresh_;
    return check_id(item);
  }

  bool check_repeated(const proto::JournalItem& item) {
    auto known = get_journal_reply(x_.ctx.view, x_.service(), item.sequence());
    if (!known) {
      auto event
        = get_journal_event(x_.ctx.view, x_.service(), item.sequence());
      if (event)
        known = std::move(event->item);
    }
    if (known && known->id() == item.id()
        && known->fingerprint() == item.fingerprint())
      return true;
    return refuse(ec::conflict, item,
                  known ? "is there already, of another request"
                        : "was there already, and is not known any more");
  }

  bool check_id(const proto::JournalItem& item) {
    if (!ids_.insert(item.id()).second)
      return refuse(ec::conflict, item, "has the id of another one beside it");
    auto known = find_journal_id(x_.ctx.view, x_.service(), item.id());
    if (!known)
      return true;
    auto reply = get_journal_reply(x_.ctx.view, x_.service(), *known);
    if (!reply || reply->at_ms() + window_ms_ < x_.ctx.now_ms)
      return true;
    return refuse(ec::conflict, item,
                  "has the id of item " + std::to_string(*known));
  }

  journal_change& x_;

  int64_t window_ms_;

  uint64_t fresh_ = 0;

  std::set<std::string_view> ids_;
};

void write_item(journal_change& x, const proto::JournalItem& item) {
  auto& view = x.ctx.view;
  auto bytes = uint64_t{0};
  for (auto& event : item.events())
    bytes += event.size();
  auto before = get_journal_event(view, x.service(), x.head.last());
  journal_event event{(before ? before->running_bytes : 0) + bytes, {}};
  event.item.set_sequence(item.sequence());
  event.item.set_id(item.id());
  event.item.set_fingerprint(item.fingerprint());
  *event.item.mutable_events() = item.events();
  put_journal_event(view, x.service(), event);
  journal_reply reply;
  reply.set_sequence(item.sequence());
  reply.set_id(item.id());
  reply.set_fingerprint(item.fingerprint());
  reply.set_reply(item.reply());
  reply.set_at_ms(x.ctx.now_ms);
  put_journal_reply(view, x.service(), reply);
  put_journal_id(view, x.service(), item.id(), item.sequence());
  x.head.set_last(item.sequence());
  x.head.set_event_bytes(x.head.event_bytes() + bytes);
}

/// Erases the next replies that are older than the window.
void expire_replies(journal_change& x, int64_t window_ms) {
  auto& view = x.ctx.view;
  auto limit = expired_per_item * x.command.append().items_size();
  for (auto n = 0; n < limit && x.head.first_reply() <= x.head.last(); ++n) {
    auto sequence = x.head.first_reply();
    auto reply = get_journal_reply(view, x.service(), sequence);
    if (reply && reply->at_ms() + window_ms >= x.ctx.now_ms)
      return;
    x.head.set_first_reply(sequence + 1);
    if (!reply)
      continue;
    erase_journal_reply(view, x.service(), sequence);
    // A later item may have the id by now.
    if (find_journal_id(view, x.service(), reply->id()) == sequence)
      erase_journal_id(view, x.service(), reply->id());
  }
}

/// Erases some of the events up to the snapshot, if there are any.
void sweep_events(journal_change& x) {
  auto from = get_journal_sweep(x.ctx.view, x.service());
  if (!from)
    return;
  auto to = std::min(*from + max_erased, x.head.snapshot() + 1);
  for (auto i = *from; i < to; ++i)
    erase_journal_event(x.ctx.view, x.service(), i);
  if (to > x.head.snapshot())
    erase_journal_sweep(x.ctx.view, x.service());
  else
    put_journal_sweep(x.ctx.view, x.service(), to);
}

void append(journal_change& x) {
  auto& command = x.command.append();
  auto window = command.dedupe_window_ms();
  if (window < 0 || command.items_size() > max_items)
    return x.refuse(ec::invalid_argument,
                    "a command has at most " + std::to_string(max_items)
                      + " items, and a window that is not negative");
  window = window == 0 ? default_window_ms : std::min(window, max_window_ms);
  if (!item_checks{x, window}.run())
    return;
  for (auto& item : command.items())
    if (item.sequence() > x.head.last())
      write_item(x, item);
  expire_replies(x, window);
  sweep_events(x);
  x.write();
}

// -- snapshot -----------------------------------------------------------------

/// Returns the size of chunks 0 to *last*, or nothing if one is missing.
std::optional<uint64_t> staged_size(journal_change& x) {
  auto& command = x.command.snapshot();
  uint64_t size = 0;
  for (uint32_t i = 0; i <= command.chunk(); ++i) {
    auto chunk
      = get_journal_chunk(x.ctx.view, {x.service(), command.through(), i});
    if (!chunk) {
      x.refuse(ec::conflict, "chunk " + std::to_string(i) + " of the snapshot "
                               + "after item "
                               + std::to_string(command.through())
                               + " is missing");
      return std::nullopt;
    }
    size += chunk->size();
  }
  return size;
}

/// Makes a staged snapshot the current one.
void complete(journal_change& x) {
  auto& view = x.ctx.view;
  auto& command = x.command.snapshot();
  auto& head = x.head;
  auto size = staged_size(x);
  if (!size)
    return;
  if (*size != command.size())
    return x.refuse(ec::invalid_argument,
                    "the snapshot has " + std::to_string(*size) + " bytes, not "
                      + std::to_string(command.size()));
  erase_journal_chunks(view,
                       {x.service(), command.through(), command.chunk() + 1});
  if (head.snapshot() != 0)
    erase_journal_chunks(view, {x.service(), head.snapshot(), 0});
  auto last = get_journal_event(view, x.service(), head.last());
  auto through = get_journal_event(view, x.service(), command.through());
  head.set_event_bytes(
    last && through ? last->running_bytes - through->running_bytes : 0);
  if (!get_journal_sweep(view, x.service()))
    put_journal_sweep(view, x.service(), head.snapshot() + 1);
  head.set_snapshot(command.through());
  head.set_chunks(command.chunk() + 1);
  head.set_snapshot_bytes(*size);
}

void store_snapshot(journal_change& x) {
  auto& view = x.ctx.view;
  auto& command = x.command.snapshot();
  if (command.chunk() >= max_snapshot_chunks
      || command.data().size() > max_chunk_bytes)
    return x.refuse(ec::invalid_argument,
                    "the snapshot is larger than "
                      + std::to_string(max_snapshot_bytes)
                      + " bytes, or a chunk of it larger than "
                      + std::to_string(max_chunk_bytes));
  if (command.through() > x.head.last() || command.through() == 0)
    return x.refuse(ec::invalid_argument,
                    "there is no item " + std::to_string(command.through())
                      + " that the snapshot could be after");
  // A repetition, or overtaken by a newer one: nothing is left to do.
  if (command.through() <= x.head.snapshot()) {
    *x.outcome.mutable_head() = x.head;
    return;
  }
  // At most one is staged, the newest.
  auto staged
    = first_journal_snapshot(view, x.service(), x.head.snapshot() + 1);
  if (staged && *staged > command.through())
    return x.refuse(ec::conflict,
                    "the snapshot is overtaken by that after item "
                      + std::to_string(*staged));
  if (staged && *staged < command.through())
    erase_journal_chunks(view, {x.service(), *staged, 0});
  put_journal_chunk(view, {x.service(), command.through(), command.chunk()},
                    command.data());
  if (command.last())
    complete(x);
  if (x.outcome.has_error())
    return;
  sweep_events(x);
  x.write();
}

// -- drop ---------------------------------------------------------------------

void drop(journal_change& x) {
  auto& view = x.ctx.view;
  if (erase_journal_rows(view, x.service(), max_erased) == max_erased) {
    x.head.set_epoch(dropped_epoch);
    return x.write();
  }
  erase_journal_sweep(view, x.service());
  erase_journal(view, x.service());
  x.outcome.set_empty(true);
}

} // namespace

void apply_journal(context ctx, const proto::JournalCommand& command,
                   proto::JournalOutcome& outcome) {
  auto head = get_journal(ctx.view, command.service());
  journal_change x{ctx, command, outcome, head.value_or(proto::JournalHead{})};
  if (command.service() == 0)
    return x.refuse(ec::invalid_argument, "no service has the number 0");
  if (command.has_drop())
    return drop(x);
  auto epoch = x.head.epoch();
  auto is_owner = command.epoch() != 0
                  && (command.epoch() == epoch
                      || (command.has_take() && command.epoch() > epoch))
                  && command.epoch() != dropped_epoch;
  if (!is_owner)
    return x.refuse(ec::fenced, "epoch " + std::to_string(command.epoch())
                                  + " is over, it is in epoch "
                                  + std::to_string(epoch));
  switch (command.change_case()) {
    case proto::JournalCommand::kTake:
      return take(x);
    case proto::JournalCommand::kAppend:
      return append(x);
    case proto::JournalCommand::kSnapshot:
      return store_snapshot(x);
    default:
      return x.refuse(ec::protocol_violation,
                      "this version does not know the change");
  }
}

} // namespace coppice::state_machine
