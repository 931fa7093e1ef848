// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/journal_loader.hpp"

#include <exception>
#include <utility>

namespace coppice {

namespace {

/// Calls code of the service.
/// @param doing What it does, for the error.
template <class F>
result<> guarded(const std::string& doing, F f) {
  try {
    return f();
  } catch (const std::exception& why) {
    return error{ec::corrupt_store, doing + ": " + why.what()};
  } catch (...) {
    return error{ec::corrupt_store,
                 doing + ": it threw something that is no std::exception"};
  }
}

} // namespace

proto::Request journal_request(const journal_place& x,
                               const proto::JournalCommand& change) {
  proto::Request result;
  auto& journal = *result.mutable_journal();
  journal.set_shard(x.shard);
  auto& command = *journal.mutable_change();
  command = change;
  command.set_service(x.service);
  command.set_epoch(x.epoch);
  return result;
}

journal_loader::journal_loader(journal_place place, proto::JournalHead head,
                               std::unique_ptr<native_service> fresh,
                               bool with_ids)
  : place_(place),
    head_(std::move(head)),
    with_ids_(with_ids) {
  out_.service = std::move(fresh);
  out_.through = head_.snapshot();
}

void journal_loader::run(ask_fun ask, done_fun done) {
  ask_ = std::move(ask);
  done_ = std::move(done);
  if (head_.snapshot() == 0)
    at_ = step::events;
  next();
}

void journal_loader::next() {
  proto::Request request;
  auto& journal = *request.mutable_journal();
  journal.set_shard(place_.shard);
  auto& read = *journal.mutable_read();
  read.set_service(place_.service);
  read.set_epoch(place_.epoch);
  switch (at_) {
    case step::snapshot:
      read.set_what(proto::ReadJournal::SNAPSHOT);
      read.set_after(chunks_);
      break;
    case step::events:
      read.set_what(proto::ReadJournal::EVENTS);
      read.set_after(out_.through);
      break;
    case step::ids:
      read.set_what(proto::ReadJournal::IDS);
      read.set_after(last_id_);
      break;
    case step::over:
      return finish(std::move(out_));
  }
  ask_(std::move(request), [self = shared_from_this()](const proto::Reply& x) {
    self->on_reply(x);
  });
}

void journal_loader::on_reply(const proto::Reply& x) {
  if (x.has_error())
    return finish(
      error{static_cast<ec>(x.error().code()), x.error().message()});
  if (!x.has_journal())
    return finish(
      error{ec::protocol_violation, "the answer is not about a journal"});
  switch (at_) {
    case step::snapshot:
      return on_chunk(x.journal());
    case step::events:
      return on_events(x.journal());
    case step::ids:
      return on_ids(x.journal());
    case step::over:
      return;
  }
}

void journal_loader::on_chunk(const proto::JournalReply& x) {
  // Parts of two states may have the size of one.
  if (x.head().snapshot() != head_.snapshot())
    return finish(error{ec::not_leader, "the snapshot was replaced meanwhile"});
  snapshot_ += x.chunk();
  if (++chunks_ < head_.chunks())
    return next();
  if (snapshot_.size() != head_.snapshot_bytes())
    return finish(error{ec::corrupt_store,
                        "the saved state has "
                          + std::to_string(snapshot_.size()) + " bytes, not "
                          + std::to_string(head_.snapshot_bytes())});
  auto taken = guarded("the saved state cannot be taken",
                       [&] { return out_.service->load(snapshot_); });
  if (!taken)
    return finish(error{ec::corrupt_store, "the saved state is not understood: "
                                             + taken.error().message});
  snapshot_ = {};
  at_ = step::events;
  next();
}

void journal_loader::on_events(const proto::JournalReply& x) {
  // A busy owner appends while a snapshot is made.
  auto is_enough = !with_ids_ && out_.through >= head_.last();
  if (x.items().empty() || is_enough) {
    at_ = with_ids_ ? step::ids : step::over;
    return next();
  }
  for (auto& item : x.items()) {
    if (item.sequence() != out_.through + 1)
      return finish(error{ec::not_leader, "the journal went on meanwhile"});
    auto applied = guarded("event " + std::to_string(item.sequence())
                             + " cannot be applied",
                           [&]() -> result<> {
                             for (auto& event : item.events())
                               out_.service->apply(event);
                             return ok();
                           });
    if (!applied)
      return finish(applied.error());
    out_.through = item.sequence();
  }
  next();
}

void journal_loader::on_ids(const proto::JournalReply& x) {
  if (x.items().empty()) {
    at_ = step::over;
    return next();
  }
  for (auto& item : x.items()) {
    last_id_ = item.sequence();
    out_.ids.push_back(item);
  }
  next();
}

void journal_loader::finish(result<loaded> x) {
  at_ = step::over;
  ask_ = nullptr;
  if (auto done = std::exchange(done_, nullptr))
    done(std::move(x));
}

} // namespace coppice
