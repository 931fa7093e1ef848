// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/service_store.hpp"

#include "actors/replies.hpp"
#include "storage/service_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// About the size of an answer.
constexpr size_t max_answer_bytes = size_t{256} << 10;

/// So much is read for one answer: to find ids, replies have to be decoded.
constexpr size_t max_read_bytes = size_t{4} << 20;

/// Adds items until the answer is large enough.
class item_collector {
public:
  explicit item_collector(proto::JournalReply& to) : to_(to) {
    // nop
  }

  bool add(proto::JournalItem& x) {
    auto bytes = x.ByteSizeLong();
    if (to_.items_size() > 0 && bytes_ + bytes > max_answer_bytes)
      return false;
    bytes_ += bytes;
    *to_.add_items() = std::move(x);
    return true;
  }

private:
  proto::JournalReply& to_;

  size_t bytes_ = 0;
};

void read_ids(const table_view& view, const proto::ReadJournal& x,
              proto::JournalReply& to) {
  item_collector items{to};
  size_t read = 0;
  for_each_journal_reply(view, x.service(), x.after(), [&](auto& item) {
    read += item.ByteSizeLong();
    item.clear_reply();
    return items.add(item) && read < max_read_bytes;
  });
}

void read_events(const table_view& view, const proto::ReadJournal& x,
                 proto::JournalReply& to) {
  item_collector items{to};
  // Those up to the snapshot are in it, and may be erased already.
  auto after = std::max(x.after(), to.head().snapshot());
  for_each_journal_event(view, x.service(), after,
                         [&](auto& item) { return items.add(item); });
}

/// The owner knows which items there are, these tables may be older.
result<> read_reply(const table_view& view, const proto::ReadJournal& x,
                    proto::JournalReply& to) {
  if (x.after() > to.head().last())
    return error{ec::not_leader,
                 "this manager does not know item " + std::to_string(x.after())
                   + " of the journal of service " + std::to_string(x.service())
                   + " yet; ask again"};
  if (auto found = get_journal_reply(view, x.service(), x.after()))
    *to.add_items() = std::move(*found);
  return ok();
}

result<> read_chunk(const table_view& view, const proto::ReadJournal& x,
                    proto::JournalReply& to) {
  auto& head = to.head();
  auto number = static_cast<uint32_t>(x.after());
  auto chunk
    = x.after() < head.chunks()
        ? get_journal_chunk(view, {x.service(), head.snapshot(), number})
        : std::nullopt;
  if (!chunk)
    return error{ec::not_found,
                 "the snapshot of service " + std::to_string(x.service())
                   + " has no chunk " + std::to_string(x.after())};
  to.set_chunk(std::string{*chunk});
  return ok();
}

/// Says why the journal is not to be read in that epoch, if so.
result<> check_epoch(const std::optional<proto::JournalHead>& head,
                     const proto::ReadJournal& x) {
  auto epoch = head ? head->epoch() : 0;
  if (epoch == x.epoch() && epoch != 0)
    return ok();
  auto where = "the journal of service " + std::to_string(x.service());
  if (epoch > x.epoch())
    return error{ec::fenced, where + " has another owner by now"};
  return error{ec::not_leader, "this manager does not know yet that " + where
                                 + " was taken in epoch "
                                 + std::to_string(x.epoch()) + "; ask again"};
}

result<> read_journal(const table_view& view, const proto::ReadJournal& x,
                      proto::JournalReply& to) {
  auto head = get_journal(view, x.service());
  if (auto checked = check_epoch(head, x); !checked)
    return checked;
  *to.mutable_head() = std::move(*head);
  switch (x.what()) {
    case proto::ReadJournal::EVENTS:
      read_events(view, x, to);
      return ok();
    case proto::ReadJournal::IDS:
      read_ids(view, x, to);
      return ok();
    case proto::ReadJournal::REPLY:
      return read_reply(view, x, to);
    case proto::ReadJournal::SNAPSHOT:
      return read_chunk(view, x, to);
    default:
      return error{ec::protocol_violation,
                   "this version does not know what is to be read"};
  }
}

} // namespace

caf::result<proto::Reply> service_store_state::on_request(proto::Request& x) {
  auto& asked = *x.mutable_journal();
  if (asked.has_change())
    return change(std::move(*asked.mutable_change()));
  if (asked.has_read())
    return read(asked.read());
  return refusal(ec::protocol_violation,
                 "the service store does not know this request");
}

caf::result<proto::Reply> service_store_state::change(proto::JournalCommand x) {
  auto promise = self->make_response_promise<proto::Reply>();
  proto::Command command;
  *command.mutable_journal() = std::move(x);
  self->request(replicator, caf::infinite, std::move(command))
    .then(
      [promise](proto::Outcome& outcome) mutable {
        proto::Reply reply;
        auto& said = *outcome.mutable_journal();
        if (outcome.has_error())
          *reply.mutable_error() = std::move(*outcome.mutable_error());
        else if (said.has_error())
          *reply.mutable_error() = std::move(*said.mutable_error());
        else if (said.has_head())
          *reply.mutable_journal()->mutable_head()
            = std::move(*said.mutable_head());
        else // It was dropped, and nothing is left.
          reply.mutable_journal();
        promise.deliver(std::move(reply));
      },
      [promise](caf::error& why) mutable {
        promise.deliver(refusal(to_error(unknown_outcome(why))));
      });
  return promise;
}

proto::Reply service_store_state::read(const proto::ReadJournal& x) const {
  proto::Reply reply;
  result<> said = ok();
  auto done = store->read([&](const table_view& view, uint64_t) {
    said = read_journal(view, x, *reply.mutable_journal());
  });
  if (!done)
    return refusal(done.error());
  return said ? reply : refusal(said.error());
}

// -- service_store ------------------------------------------------------------

service_store_actor::behavior_type
service_store(service_store_actor::stateful_pointer<service_store_state> self,
              std::string group, std::shared_ptr<const tables> store,
              state_replicator_actor replicator) {
  self->state.group = std::move(group);
  self->state.store = std::move(store);
  self->state.replicator = std::move(replicator);
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
  };
}

} // namespace coppice
