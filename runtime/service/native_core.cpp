// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/native_core.hpp"

#include "runtime/sha256.hpp"

#include <algorithm>
#include <exception>

namespace coppice {

namespace {

constexpr size_t most_id_bytes = 256;

/// Of an answer and its events together: with all that is around them they fit
/// into an entry of the log.
constexpr size_t most_effect_bytes = size_t{768} << 10;

/// Of each event, for its length.
constexpr size_t event_overhead = 8;

/// The journal refuses an id that it knows. So it must have forgotten whatever
/// is forgotten here, and ids come there a little later.
constexpr auto journal_delay = std::chrono::seconds{10};

/// Tells requests with the same id apart.
uint64_t fingerprint_of(const proto::ServiceCall& x) {
  sha256 sum;
  sum.update(x.method() + '\n' + x.target() + '\n');
  sum.update(x.body());
  return std::stoull(sum.finish().substr(0, 16), nullptr, 16);
}

service_request to_request(const proto::ServiceCall& x) {
  service_request result;
  result.method = x.method();
  result.target = x.target();
  for (auto& header : x.headers())
    result.headers.emplace_back(header.name(), header.value());
  result.body = x.body();
  return result;
}

proto::ServiceAnswer to_answer(service_reply x) {
  proto::ServiceAnswer result;
  result.set_status(x.status);
  for (auto& [name, value] : x.headers) {
    auto& header = *result.add_headers();
    header.set_name(std::move(name));
    header.set_value(std::move(value));
  }
  result.set_body(std::move(x.body));
  return result;
}

proto::ServiceAnswer say_why(uint32_t status, const std::string& why) {
  proto::ServiceAnswer result;
  result.set_status(status);
  auto& type = *result.add_headers();
  type.set_name("content-type");
  type.set_value("text/plain; charset=utf-8");
  result.set_body(why + "\n");
  return result;
}

size_t bytes_of(const service_effect& x) {
  auto result = x.reply.body.size();
  for (auto& [name, value] : x.reply.headers)
    result += name.size() + value.size() + event_overhead;
  for (auto& event : x.events)
    result += event.size() + event_overhead;
  return result;
}

/// Returns why an answer is not one, if it is not.
const char* wrong_with(const service_effect& x) {
  if (x.reply.status < 200 || x.reply.status > 599)
    return "the service answered with a status that is none";
  if (x.events.empty())
    return nullptr;
  if (bytes_of(x) > most_effect_bytes)
    return "the events and the answer are larger than 768 KiB";
  return nullptr;
}

/// Calls code of the service.
/// @returns what it threw, if it did.
template <class F>
std::optional<std::string> caught(F f) {
  try {
    f();
    return std::nullopt;
  } catch (const std::exception& why) {
    return why.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

} // namespace

native_core::native_core(std::unique_ptr<native_service> service,
                         uint64_t through, const native_limits& limits,
                         clock::time_point now)
  : service_(std::move(service)),
    limits_(limits),
    handled_(through),
    durable_(through),
    last_capture_(now),
    confirmed_(now) {
  // nop
}

void native_core::remember(const std::vector<proto::JournalItem>& ids) {
  // How long ago the last one was is not known; to keep them for longer does
  // no harm.
  for (auto& x : ids) {
    ms before{std::max<int64_t>(ids.back().at_ms() - x.at_ms(), 0)};
    known_[x.id()] = {x.sequence(), x.fingerprint()};
    ages_.push_back({confirmed_ - before, x.sequence(), x.id()});
  }
}

// -- requests -----------------------------------------------------------------

void native_core::handle(uint64_t ticket, const proto::ServiceCall& x,
                         clock::time_point now) {
  if (over_ || failure_)
    return refuse(ticket, service_refusal::not_here);
  if (x.id().empty() || x.id().size() > most_id_bytes)
    return say(ticket, say_why(400, "a request needs an id of 1 to 256 bytes"));
  forget(now);
  auto fingerprint = fingerprint_of(x);
  if (auto known = known_.find(x.id()); known != known_.end())
    return repeat(ticket, known->second, fingerprint);
  service_effect effect;
  auto thrown = caught([&] { effect = service_->handle(to_request(x)); });
  if (thrown)
    return add_read(ticket, say_why(500, *thrown), now);
  if (auto* wrong = wrong_with(effect))
    return add_read(ticket, say_why(500, wrong), now);
  if (effect.events.empty())
    return add_read(ticket, to_answer(std::move(effect.reply)), now);
  if (queue_.size() >= limits_.requests || queue_bytes_ >= limits_.bytes)
    return refuse(ticket, service_refusal::not_ready);
  add_effect(ticket, x, fingerprint, std::move(effect), now);
}

void native_core::repeat(uint64_t ticket, const record& known,
                         uint64_t fingerprint) {
  if (known.fingerprint != fingerprint)
    return say(ticket, say_why(422, "the id of this request was used for "
                                    "another one"));
  if (known.sequence > durable_) {
    auto& x = queue_[static_cast<size_t>(known.sequence - durable_ - 1)];
    if (!limits_.reply_when_durable)
      return say(ticket, x.reply);
    x.tickets.push_back(ticket);
    return;
  }
  auto& waiting = lookups_[known.sequence];
  if (waiting.empty())
    new_lookups_.push_back(known.sequence);
  waiting.push_back(ticket);
}

void native_core::add_effect(uint64_t ticket, const proto::ServiceCall& x,
                             uint64_t fingerprint, service_effect effect,
                             clock::time_point now) {
  auto thrown = caught([&] {
    for (auto& event : effect.events)
      service_->apply(event);
  });
  if (thrown) {
    failure_
      = error{ec::system_failure, "an event cannot be applied: " + *thrown};
    refuse(ticket, service_refusal::not_here);
    return end();
  }
  auto& next = queue_.emplace_back();
  next.reply = to_answer(std::move(effect.reply));
  next.item.set_sequence(++handled_);
  next.item.set_id(x.id());
  next.item.set_fingerprint(fingerprint);
  next.reply.SerializeToString(next.item.mutable_reply());
  for (auto& event : effect.events)
    next.item.add_events(std::move(event));
  queue_bytes_ += next.item.ByteSizeLong();
  known_[x.id()] = {handled_, fingerprint};
  ages_.push_back({now, handled_, x.id()});
  if (limits_.reply_when_durable)
    next.tickets.push_back(ticket);
  else
    say(ticket, next.reply);
}

void native_core::add_read(uint64_t ticket, proto::ServiceAnswer reply,
                           clock::time_point now) {
  if (queue_.empty() || !limits_.reply_when_durable) {
    if (now - confirmed_ > limits_.stale_after) {
      auto& mark = *reply.add_headers();
      mark.set_name("warning");
      mark.set_value("110 coppice \"Response is Stale\"");
    }
    return say(ticket, std::move(reply));
  }
  // What it waits for shows that this instance is still the owner.
  if (reads_.size() >= limits_.requests || read_bytes_ >= limits_.bytes)
    return refuse(ticket, service_refusal::not_ready);
  read_bytes_ += reply.body().size();
  reads_.push_back({handled_, ticket, std::move(reply)});
}

// -- the journal --------------------------------------------------------------

std::optional<proto::JournalAppend>
native_core::next_append(clock::time_point now, bool all) {
  if (over_ || queue_.empty() || (in_flight_ > 0 && !lost_))
    return std::nullopt;
  if (!is_due(now, all))
    return std::nullopt;
  if (!lost_) {
    if (now - last_capture_ >= limits_.capture_interval) {
      last_capture_ = now;
      captured_ = handled_;
    }
    auto bytes = queue_.front().item.ByteSizeLong();
    do {
      if (++in_flight_ == queue_.size())
        break;
      bytes += queue_[in_flight_].item.ByteSizeLong();
    } while (in_flight_ < limits_.append_items
             && bytes <= limits_.append_bytes);
  }
  lost_ = false;
  sent_ = now;
  proto::JournalAppend result;
  result.set_dedupe_window_ms(window(now).count());
  for (size_t i = 0; i < in_flight_; ++i)
    *result.add_items() = queue_[i].item;
  return result;
}

bool native_core::is_due(clock::time_point now, bool all) const {
  // With intervals, too, what fills an append need not wait.
  return limits_.reply_when_durable || all || lost_ || durable_ < captured_
         || now - last_capture_ >= limits_.capture_interval
         || queue_.size() >= limits_.append_items
         || queue_bytes_ >= limits_.append_bytes;
}

native_core::ms native_core::window(clock::time_point now) const {
  if (!forgot_early_ || ages_.empty())
    return limits_.dedupe_window;
  auto known_for = std::chrono::duration_cast<ms>(now - ages_.front().since);
  return std::clamp<ms>(known_for - journal_delay, ms{1'000},
                        std::max(limits_.dedupe_window, ms{1'000}));
}

void native_core::appended() {
  if (over_)
    return;
  // Its answer may have been on its way for long.
  confirmed(sent_);
  for (; in_flight_ > 0; --in_flight_) {
    auto& x = queue_.front();
    durable_ = x.item.sequence();
    queue_bytes_ -= x.item.ByteSizeLong();
    for (auto ticket : x.tickets)
      say(ticket, x.reply);
    queue_.pop_front();
  }
  while (!reads_.empty() && reads_.front().after <= durable_) {
    read_bytes_ -= reads_.front().reply.body().size();
    say(reads_.front().ticket, std::move(reads_.front().reply));
    reads_.pop_front();
  }
}

void native_core::append_lost() {
  lost_ = in_flight_ > 0;
}

std::vector<uint64_t> native_core::take_lookups() {
  return std::exchange(new_lookups_, {});
}

void native_core::found_reply(uint64_t sequence,
                              std::optional<proto::ServiceAnswer> x) {
  auto waiting = lookups_.extract(sequence);
  if (waiting.empty())
    return;
  for (auto ticket : waiting.mapped())
    say(ticket, x ? *x
                  : say_why(409, "this request was answered before, and its "
                                 "answer is not kept any more"));
}

void native_core::lookup_failed(uint64_t sequence) {
  auto waiting = lookups_.extract(sequence);
  if (waiting.empty())
    return;
  for (auto ticket : waiting.mapped())
    refuse(ticket, service_refusal::not_ready);
}

void native_core::confirmed(clock::time_point at) {
  confirmed_ = std::max(confirmed_, at);
}

void native_core::end() {
  if (std::exchange(over_, true))
    return;
  // What was sent may be durable. What was not is lost with this object.
  for (size_t i = 0; i < queue_.size(); ++i)
    for (auto ticket : queue_[i].tickets)
      refuse(ticket, i < in_flight_ ? service_refusal::unknown
                                    : service_refusal::not_here);
  for (auto& x : reads_)
    refuse(x.ticket, service_refusal::not_here);
  for (auto& [sequence, tickets] : lookups_)
    for (auto ticket : tickets)
      refuse(ticket, service_refusal::not_here);
  queue_.clear();
  reads_.clear();
  lookups_.clear();
  new_lookups_.clear();
}

std::vector<native_core::answer> native_core::take_answers() {
  return std::exchange(answers_, {});
}

void native_core::say(uint64_t ticket, proto::ServiceAnswer x) {
  answers_.push_back({ticket, {std::move(x), {}}});
}

void native_core::refuse(uint64_t ticket, service_refusal why) {
  answers_.push_back({ticket, {std::nullopt, why}});
}

void native_core::forget(clock::time_point now) {
  while (!ages_.empty()) {
    auto& oldest = ages_.front();
    auto is_over = now - oldest.since > limits_.dedupe_window + journal_delay;
    if (!is_over && ages_.size() <= limits_.ids)
      return;
    // One that is pending is needed for its reply.
    if (oldest.sequence > durable_)
      return;
    auto known = known_.find(oldest.id);
    if (known != known_.end() && known->second.sequence == oldest.sequence)
      known_.erase(known);
    ages_.pop_front();
    forgot_early_ = !is_over;
  }
}

} // namespace coppice
