// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cluster_link.hpp"
#include "actors/replies.hpp"

#include <caf/test/dsl.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// Needs CAF_SUITE, as all tests have it.

namespace coppice::test {

/// The journal of one service, in memory.
class fake_journal {
public:
  proto::Reply answer(const proto::JournalRequest& x) {
    return x.has_read() ? read(x.read()) : change(x.change());
  }

  proto::JournalHead head;

  /// All that was ever appended; events behind the snapshot count.
  std::vector<proto::JournalItem> items;

  std::string snapshot;

private:
  static proto::Reply fenced() {
    return refusal(ec::fenced, "the journal has another owner");
  }

  proto::Reply say_head() const {
    proto::Reply result;
    *result.mutable_journal()->mutable_head() = head;
    return result;
  }

  proto::Reply change(const proto::JournalCommand& x) {
    if (x.has_take() && x.epoch() > head.epoch())
      head.set_epoch(x.epoch());
    if (x.epoch() != head.epoch())
      return fenced();
    if (x.has_snapshot())
      take(x.snapshot());
    for (auto& item : x.append().items()) {
      auto n = item.sequence();
      if (n > head.last() + 1 || n == 0)
        return refusal(ec::conflict, "items are missing");
      if (n == head.last() + 1) {
        items.push_back(item);
        head.set_last(n);
      } else if (items[n - 1].id() != item.id()) {
        return refusal(ec::conflict, "another item is there");
      }
    }
    count_events();
    return say_head();
  }

  void take(const proto::JournalSnapshot& x) {
    if (x.chunk() == 0)
      coming_.clear();
    coming_ += x.data();
    if (!x.last())
      return;
    snapshot = coming_;
    head.set_snapshot(x.through());
    head.set_chunks(1);
    head.set_snapshot_bytes(x.size());
  }

  void count_events() {
    size_t bytes = 0;
    for (auto i = head.snapshot(); i < head.last(); ++i)
      for (auto& event : items[i].events())
        bytes += event.size();
    head.set_event_bytes(bytes);
  }

  proto::Reply read(const proto::ReadJournal& x) const {
    if (x.epoch() != head.epoch())
      return fenced();
    auto result = say_head();
    auto& out = *result.mutable_journal();
    switch (x.what()) {
      case proto::ReadJournal::SNAPSHOT:
        out.set_chunk(snapshot);
        break;
      case proto::ReadJournal::REPLY:
        if (x.after() >= 1 && x.after() <= items.size())
          out.add_items()->set_reply(items[x.after() - 1].reply());
        break;
      case proto::ReadJournal::EVENTS:
        // Those before the snapshot are erased. Few at a time.
        for (auto i = std::max(x.after(), head.snapshot());
             i < items.size() && out.items_size() < 2; ++i) {
          auto& item = *out.add_items();
          item.set_sequence(items[i].sequence());
          *item.mutable_events() = items[i].events();
        }
        break;
      default:
        for (auto i = x.after(); i < items.size() && out.items_size() < 2;
             ++i) {
          auto& item = *out.add_items();
          item.set_sequence(items[i].sequence());
          item.set_id(items[i].id());
          item.set_fingerprint(items[i].fingerprint());
        }
    }
    return result;
  }

  std::string coming_;
};

/// Behind a CLUSTER_LINK that is none: the journal answers at once, and what a
/// node asks about services waits until a test answers it.
struct fake_cluster {
  fake_journal journal;
  /// So many appends are durable, and their answers are lost.
  int lost_answers = 0;
  /// So many requests about the journal are refused.
  int refusals = 0;
  /// The same, but for those that only read.
  int refused_reads = 0;
  /// Snapshots wait, too, until a test answers them.
  bool keeps_snapshots = false;
  /// All requests about the journal.
  std::vector<proto::JournalRequest> journal_asked;
  /// All questions about services.
  std::vector<proto::ServicesRequest> asked;
  std::vector<caf::typed_response_promise<proto::Reply>> promises;
};

using fake_cluster_ptr = std::shared_ptr<fake_cluster>;

/// To the fake: answer a question that waits.
struct fake_answer {
  size_t question = 0;
  proto::Reply reply;
};

/// A promise is kept by its own actor only.
using fake_cluster_actor
  = cluster_link_actor::extend<caf::reacts_to<fake_answer>>;

inline fake_cluster_actor::behavior_type
fake_cluster_link(fake_cluster_actor::pointer self, const fake_cluster_ptr& x) {
  return {

    [=](const proto::Request& request) -> caf::result<proto::Reply> {
      auto promise = self->make_response_promise<proto::Reply>();
      if (request.has_services()) {
        x->asked.push_back(request.services());
        x->promises.push_back(promise);
        return promise;
      }
      auto& journal = request.journal();
      x->journal_asked.push_back(journal);
      if (x->keeps_snapshots && journal.change().has_snapshot()) {
        x->promises.push_back(promise);
        return promise;
      }
      auto& left = journal.has_read() && x->refused_reads > 0 ? x->refused_reads
                                                              : x->refusals;
      if (left > 0) {
        --left;
        promise.deliver(refusal(ec::not_leader, "they elect one"));
        return promise;
      }
      auto reply = x->journal.answer(journal);
      if (journal.change().has_append() && x->lost_answers > 0) {
        --x->lost_answers;
        reply = refusal(ec::deadline_exceeded, "nobody knows");
      }
      promise.deliver(std::move(reply));
      return promise;
    },
    [=](const fake_answer& y) { x->promises.at(y.question).deliver(y.reply); },
  };
}

} // namespace coppice::test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::test::fake_answer)
