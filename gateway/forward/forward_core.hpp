// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// Inside of the forwarder.

#include "gateway/forward/balance.hpp"
#include "gateway/forward/delivery_rules.hpp"
#include "gateway/forward/forwarder.hpp"
#include "gateway/forward/held_writer.hpp"
#include "gateway/forward/hold_book.hpp"
#include "gateway/forward/process_visit.hpp"
#include "gateway/forward/upstream.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace coppice::forward {

class forward_call;

using forward_call_ptr = std::shared_ptr<forward_call>;

/// What a forwarder has of one service.
struct service_state {
  service_route_ptr route;
  balance places;
  hold_book held;
  /// Held ones, by their numbers.
  std::unordered_map<uint64_t, forward_call_ptr> calls;
};

/// What a forwarder and its calls share. All of it on the thread of its server,
/// unless it says otherwise.
struct forwarder::core : std::enable_shared_from_this<forwarder::core> {
  using time = std::chrono::steady_clock::time_point;

  // -- modifiers --------------------------------------------------------------

  /// Takes the routes that were heard of last.
  void take_newest();

  void serve(http::request x, http::exchange_ptr to);

  /// Delivers the request, or holds it.
  void admit(const forward_call_ptr& x);

  /// Holds a request that was delivered in vain.
  void hold_again(const forward_call_ptr& x);

  /// Delivers what is held, as far as there are places.
  void pump(service_state& x);

  /// A delivery is over.
  void ended(const std::string& service, const route_place& place,
             place_verdict verdict);

  /// It is held no more, if it was.
  void put_out(const forward_call& x);

  /// It is answered.
  void drop(const forward_call_ptr& x);

  void tick();

  void arm(std::chrono::milliseconds pause);

  /// The next tick comes soon.
  void hasten();

  void expire(service_state& x, time now);

  void give_up(service_state& x, const std::vector<uint64_t>& numbers);

  void drain();

  void end();

  // -- modifiers: what is on disk ---------------------------------------------

  /// Takes over what a former start has left there.
  void restore(held_rows found);

  /// Holds what was restored, as far as its services are known.
  void readmit();

  /// Has all that is held of a service written to disk, if it wants that.
  void keep_held(service_state& x);

  /// Says how many were given up.
  void report_abandoned();

  // -- properties -------------------------------------------------------------

  /// @returns nullptr if there is no such service, or none is known and too
  ///          many have been asked for.
  service_state* find(const std::string& name);

  /// Returns whether it is held.
  bool holds(const forward_call& x) const;

  // -- member variables -------------------------------------------------------

  forwarder_options options;
  /// Null while there is no server. Any thread, and so is `newest`.
  std::atomic<std::shared_ptr<boost::asio::io_context>> io;
  std::atomic<route_table_ptr> newest;
  std::optional<boost::asio::steady_timer> timer;
  std::unique_ptr<upstreams> links;
  route_table_ptr routes;
  std::map<std::string, service_state, std::less<>> services;
  /// All that are not answered.
  std::map<uint64_t, forward_call_ptr> calls;
  uint64_t last_number = 0;
  bool draining = false;
  forward_counts counts;
  /// Null if nothing is kept on disk.
  std::unique_ptr<held_writer> writer;
  /// Those of a former start whose services are not known yet.
  std::vector<forward_call_ptr> restored;
  /// Of `counts.abandoned`.
  uint64_t reported = 0;
};

/// One request, until it is answered.
class forward_call : public delivery_listener,
                     public std::enable_shared_from_this<forward_call> {
public:
  using time = std::chrono::steady_clock::time_point;

  forward_call(forwarder::core& owner, uint64_t number, http::request x,
               http::exchange_ptr to);

  // -- modifiers --------------------------------------------------------------

  /// Delivers it to *to*.
  void deliver(const service_route_ptr& route, const route_place& to);

  void answer(http::response x);

  /// It has waited long enough.
  void give_up();

  /// Has the client watched, if it was not.
  void watch();

  void on_answer(delivered x) override;

  void on_part(std::string part, bool last) override;

  void on_failure(failed_delivery x) override;

  /// Closes everything, without a word. What is on disk stays there.
  void abort();

  // -- modifiers: what is on disk, see forward_keep.cpp -----------------------

  /// Takes over the call as a former start has left it.
  void restore(held_request x);

  /// Has it written to disk, if it is not there.
  void keep();

  /// Returns whether it is on disk.
  bool is_kept() const noexcept {
    return record_ == record::saved;
  }

  /// The process is about to end: it is left to the next start if it is on
  /// disk, and waits no more otherwise.
  void park();

  /// It was delivered in vain. If nothing came of that, a start may deliver it.
  void unmark();

  // -- properties -------------------------------------------------------------

  uint64_t bytes() const;

  // -- member variables -------------------------------------------------------

  const uint64_t number;
  const time came;
  std::string service;
  std::string rest;
  std::string id;
  bool has_client_id = false;
  /// Unknown until it is held for the first time.
  std::optional<time> held_until;

private:
  /// What is on disk of it.
  enum class record : uint8_t { none, saving, saved };

  void send();

  /// Notes on disk that it is being delivered, if it is there and must not be
  /// delivered twice.
  /// @returns Whether that has to be waited for.
  bool note_delivery();

  void on_noted(const result<>& x);

  void on_kept(const result<>& x);

  /// Takes it from the disk before its client hears that it was not handled.
  void withdraw();

  void on_withdrawn(const result<>& x);

  void erase_record();

  void set_record(record x);

  proto::HeldRequest to_row() const;

  delivery_facts facts(delivery_end end) const;

  void say_given_up();

  void finish(unsigned status);

  void on_refused(delivered x);

  void on_gone();

  /// Tells the balance of the delivery that was under way.
  void release(place_verdict verdict);

  /// What to do after a delivery that did not succeed.
  void decide(delivery_end end, const std::string& why);

  forwarder::core& owner_;
  http::request request_;
  std::shared_ptr<const std::string> body_;
  http::exchange_ptr reply_;
  service_route_ptr route_;
  std::optional<route_place> place_;
  upstream_ptr link_;
  /// Set while it is delivered to a process of this node.
  std::optional<process_visit> visit_;
  uint32_t deliveries_ = 0;
  uint32_t times_sent_ = 0;
  /// A delivery may have had an effect.
  bool may_have_effect_ = false;
  bool needs_fresh_ = false;
  bool watched_ = false;
  bool gone_ = false;
  bool done_ = false;
  unsigned status_ = 0;
  record record_ = record::none;
  /// It is noted on disk that it is being delivered.
  bool marked_ = false;
  /// It is being taken from the disk.
  bool withdrawn_ = false;
  /// What is on disk stays there.
  bool stays_ = false;
};

} // namespace coppice::forward
