// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/service_placer.hpp"
#include "actors/service_store.hpp"
#include "runtime/health/node_entry.hpp"
#include "tests/actors/manager_fixture.hpp"

#include <map>
#include <string>
#include <vector>

// Needs CAF_SUITE, as all tests have it.

namespace coppice::test {

/// A manager that has services, and nodes that ask for them.
struct service_fixture : manager_fixture {
  ~service_fixture() {
    stop_services();
  }

  void start_services() {
    start();
    lead();
  }

  /// Begins to lead, anew if it led before.
  void lead() {
    end(journals);
    end(placer);
    journals = sys.spawn(service_store, shard_group(0), store, replicator);
    placer = sys.spawn(service_placer, placer_options, cluster_store, cluster,
                       api_actor{front});
    lead_info shard{shard_group(0), scheduler, tracker, {},
                    replicator,     nullptr,   1,       true};
    shard.journals = journals;
    self->send(front, shard);
    lead_info all{cluster_group, {}, {},  centre, cluster,
                  cluster_store, 1,  true};
    all.placer = placer;
    self->send(front, all);
    consume_messages();
  }

  void stop_services() {
    end(journals);
    end(placer);
    stop();
  }

  // -- nodes ------------------------------------------------------------------

  void tell(const std::string& node, uint64_t incarnation,
            node_state state = node_state::healthy) {
    node_entry x;
    x.start = {node, incarnation};
    x.state = state;
    if (state == node_state::down)
      x.cause = down_cause::refused;
    x.changed = {1, ++list_changes};
    auto rows = std::make_shared<const std::vector<node_entry>>(1, x);
    self->send(placer, node_news{rows});
    consume_messages();
  }

  static proto::Request poll_of(const std::string& node, uint64_t known = 0,
                                int64_t wait_ms = 0) {
    proto::Request x;
    x.mutable_services()->set_node(node);
    x.mutable_services()->set_incarnation(1);
    x.mutable_services()->set_known(known);
    x.mutable_services()->set_wait_ms(wait_ms);
    return x;
  }

  /// A node asks, and says of all that it has that it is in that status.
  proto::ServicesReply poll(const std::string& node, proto::ServiceStatus status
                                                     = proto::SERVICE_READY) {
    auto x = poll_of(node);
    auto known = services();
    for (auto& row : known.services())
      for (auto& place : row.places())
        if (place.node() == node) {
          auto& report = *x.mutable_services()->add_reports();
          report.set_service(row.spec().name());
          report.set_instance(place.instance());
          report.set_epoch(place.epoch());
          report.set_status(status);
          report.set_address(node + ":80");
        }
    return ask(x).services();
  }

  /// Time passes in which all *nodes* ask.
  void pass_asking(std::chrono::milliseconds time,
                   const std::vector<std::string>& nodes) {
    for (; time.count() > 0; time -= std::chrono::milliseconds{500}) {
      for (auto& node : nodes)
        poll(node);
      pass(std::chrono::milliseconds{500});
    }
  }

  // -- people -----------------------------------------------------------------

  static proto::ServiceSpec spec_of(const std::string& service) {
    proto::ServiceSpec x;
    x.set_name(service);
    x.set_form(proto::NATIVE_SERVICE);
    return x;
  }

  proto::Reply apply(const proto::ServiceSpec& spec) {
    proto::Request x;
    *x.mutable_service()->mutable_apply() = spec;
    return ask(x);
  }

  proto::ServicesReply services() {
    proto::Request x;
    x.mutable_services();
    return ask(x).services();
  }

  proto::ServicePlace place(int row = 0, int i = 0) {
    auto all = services();
    return all.services_size() > row && all.services(row).places_size() > i
             ? all.services(row).places(i)
             : proto::ServicePlace{};
  }

  // -- owners -----------------------------------------------------------------

  proto::Reply journal(const proto::JournalCommand& x) {
    proto::Request out;
    *out.mutable_journal()->mutable_change() = x;
    return ask(out);
  }

  static proto::JournalCommand by(uint64_t epoch, uint32_t service = 1) {
    proto::JournalCommand x;
    x.set_service(service);
    x.set_epoch(epoch);
    return x;
  }

  proto::Reply take(uint64_t epoch) {
    auto x = by(epoch);
    x.set_take(true);
    return journal(x);
  }

  static proto::JournalCommand append_of(uint64_t epoch, uint64_t sequence,
                                         size_t bytes = 1) {
    auto x = by(epoch);
    auto& item = *x.mutable_append()->add_items();
    item.set_sequence(sequence);
    item.set_id("id" + std::to_string(sequence));
    item.set_reply("reply" + std::to_string(sequence));
    item.add_events(std::string(bytes, 'e'));
    return x;
  }

  proto::Reply read(uint64_t epoch, proto::ReadJournal::What what,
                    uint64_t after = 0) {
    proto::Request out;
    auto& x = *out.mutable_journal()->mutable_read();
    x.set_service(1);
    x.set_epoch(epoch);
    x.set_what(what);
    x.set_after(after);
    return ask(out);
  }

  static bool is(const proto::Reply& x, ec code) {
    return x.error().code() == static_cast<uint32_t>(code);
  }

  service_placer_options placer_options;
  service_store_actor journals;
  service_placer_actor placer;
  uint64_t list_changes = 0;
};

} // namespace coppice::test
