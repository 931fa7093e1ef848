// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/node_crowd.hpp"

#include "actors/net/middleman.hpp"
#include "runtime/health/health_limits.hpp"
#include "runtime/health/node_message.hpp"
#include "runtime/health/node_rules.hpp"

#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

namespace coppice::bench {

namespace {

using namespace std::chrono_literals;

// -- members ------------------------------------------------------------------

/// One node; see `state_monitor_state` for what it imitates.
struct member_state {
  explicit member_state(member_actor::pointer selfptr) : self(selfptr) {}

  void on_order(order x) {
    switch (x) {
      case order::enter:
        return enter();
      case order::leave:
        return leave();
      case order::die:
        return self->quit();
      case order::ask_for_all:
        return query({});
    }
  }

  void enter() {
    ++entered;
    proto::Registration x;
    x.set_cluster("coppice");
    x.set_node(start.node);
    x.set_incarnation(start.incarnation);
    x.set_protocol(protocol_version);
    x.set_card(card);
    self
      ->request(all->manager, caf::duration{60s}, std::move(x),
                caf::actor_cast<state_monitor_actor>(self))
      .then(
        [this](const proto::RegistrationReply& reply,
               const information_centre_actor& found) {
          on_registered(reply, found);
        },
        [this](const caf::error&) { fail(); });
  }

  void on_registered(const proto::RegistrationReply& x,
                     const information_centre_actor& found) {
    if (x.has_error() || !found)
      return fail();
    centre = found;
    limits.limit = std::chrono::milliseconds{x.limit_ms()};
    ++all->done_.registered;
    query(all->version());
    schedule_tick();
  }

  void fail() {
    ++all->done_.failed;
    ++ticks; // No sign of life before it has registered.
    ++entered;
    self->delayed_send(self, std::chrono::milliseconds{100 + random() % 900},
                       order::enter);
  }

  void leave() {
    proto::Leave x;
    x.set_node(start.node);
    x.set_incarnation(start.incarnation);
    ++ticks; // No sign of life may follow.
    self->request(centre, caf::infinite, std::move(x))
      .then([](const proto::LeaveAck&) {});
  }

  void schedule_tick() {
    self->delayed_send(self, limits.interval(), atom::tick::value, ++ticks);
  }

  void on_tick(uint64_t which) {
    if (which != ticks)
      return;
    schedule_tick();
    proto::KeepAlive x;
    x.set_node(start.node);
    x.set_incarnation(start.incarnation);
    self->request(centre, caf::duration{limits.limit}, std::move(x))
      .then([this](const proto::KeepAliveAck& ack) { on_alive(ack); },
            [this, number = entered](const caf::error&) {
              // Of a former manager nobody wants to know.
              if (number == entered)
                fail();
            });
    if (crowd::clock_type::now() - asked >= 10s)
      query(all->version());
  }

  void on_alive(const proto::KeepAliveAck& x) {
    ++all->done_.alive;
    if (static_cast<admission>(x.admission()) != admission::fresh)
      return;
    ++all->done_.again;
    --all->done_.registered;
    enter();
  }

  void query(list_version known) {
    asked = crowd::clock_type::now();
    proto::NodeQuery x;
    x.set_node(start.node);
    x.set_incarnation(start.incarnation);
    *x.mutable_version() = to_message(known);
    x.set_asked(1);
    self->send(centre, std::move(x));
  }

  static constexpr const char* name = "member";

  member_actor::pointer self;
  crowd* all = nullptr;
  worker_key start;
  std::string card;
  std::minstd_rand random;
  information_centre_actor centre;
  health_limits limits;
  /// Counts the ticks that were scheduled; only the last one counts.
  uint64_t ticks = 0;
  /// Counts the registrations.
  uint64_t entered = 0;
  crowd::clock_type::time_point asked;
};

member_actor::behavior_type
member(member_actor::stateful_pointer<member_state> self, crowd* all,
       worker_key start, std::string card) {
  auto& x = self->state;
  x.all = all;
  x.random.seed(static_cast<uint32_t>(std::hash<std::string>{}(start.node)));
  x.start = std::move(start);
  x.card = std::move(card);
  return {
    [self](const proto::NodeChangesPart& y) { self->state.all->on_part(y); },
    [self](order y) { self->state.on_order(y); },
    [self](atom::tick, uint64_t which) { self->state.on_tick(which); },
  };
}

void configure(caf::actor_system_config& x) {
  x.add_message_types<caf::id_block::coppice>();
  x.load<caf::io::middleman>();
  x.set("scheduler.max-threads", 2);
  x.set("scheduler.policy", caf::atom("sharing"));
  net::configure(x, {500ms, 60s});
}

/// Lets `sys_` be a member: it wants its configuration to be complete.
caf::actor_system_config& configured(caf::actor_system_config& x) {
  configure(x);
  return x;
}

} // namespace

// -- doorman ------------------------------------------------------------------

doorman::doorman() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in x{};
  x.sin_family = AF_INET;
  x.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(x);
  auto* address = reinterpret_cast<sockaddr*>(&x);
  if (::bind(socket_.get(), address, size) != 0
      || ::listen(socket_.get(), 1'024) != 0
      || ::getsockname(socket_.get(), address, &size) != 0)
    throw std::runtime_error{"no port"};
  port_ = ntohs(x.sin_port);
  thread_ = std::thread{[this] {
    for (int fd; (fd = ::accept(socket_.get(), nullptr, nullptr)) >= 0;)
      unique_fd{fd};
  }};
}

doorman::~doorman() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  thread_.join();
}

std::string doorman::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

// -- crowd --------------------------------------------------------------------

crowd::crowd() : sys_(configured(config_)) {
  // nop
}

crowd::~crowd() {
  for (auto& x : members_)
    caf::anon_send_exit(x, caf::exit_reason::kill);
  members_.clear();
  manager = nullptr;
}

void crowd::connect(const std::string& host, uint16_t port) {
  auto found = sys_.middleman().remote_actor<directory_actor>(host, port);
  if (!found)
    throw std::runtime_error{"no manager: " + sys_.render(found.error())};
  manager = *found;
  done_.registered = 0;
}

void crowd::enter(size_t window) {
  for (size_t i = 0; i < size(); ++i) {
    await_registered(i >= window ? i - window : 0);
    tell(i, order::enter);
  }
  await_registered(size());
}

void crowd::await_registered(size_t n) const {
  auto before = done_.registered.load();
  for (auto since = clock_type::now(); done_.registered < n;) {
    std::this_thread::sleep_for(1ms);
    if (std::exchange(before, done_.registered.load()) != done_.registered)
      since = clock_type::now();
    if (clock_type::now() - since > 60s)
      throw std::runtime_error{std::to_string(before)
                               + " nodes have registered, and no more"};
  }
}

size_t crowd::add(const std::string& address) {
  auto number = members_.size();
  proto::NodeCard card;
  card.set_address(address.empty() ? door.address() : address);
  card.set_worker(true);
  members_.push_back(sys_.spawn(member, this, worker_key{name_of(number), 1},
                                card.SerializeAsString()));
  return number;
}

void crowd::tell(size_t number, order what) {
  caf::anon_send(members_[number], what);
}

void crowd::await(size_t number, node_state state) {
  std::lock_guard guard{mutex_};
  awaited_ = name_of(number);
  awaited_state_ = state;
  awaited_since_ = clock_type::now();
  told_ms_.clear();
}

std::vector<double> crowd::wait_told(size_t n) {
  for (auto give_up = clock_type::now() + 60s; clock_type::now() < give_up;) {
    {
      std::lock_guard guard{mutex_};
      if (told_ms_.size() >= n) {
        awaited_.clear();
        std::sort(told_ms_.begin(), told_ms_.end());
        return std::move(told_ms_);
      }
    }
    std::this_thread::sleep_for(1ms);
  }
  throw std::runtime_error{"not all are told that " + awaited_
                           + " has changed"};
}

void crowd::on_part(const proto::NodeChangesPart& x) {
  auto now = clock_type::now();
  ++done_.parts;
  done_.part_bytes += x.ByteSizeLong();
  if (x.whole() && x.index() + 1 == x.count())
    ++done_.lists;
  std::lock_guard guard{mutex_};
  version_ = std::max(version_, from_message(x.version()));
  if (x.asked() != 0 || awaited_.empty())
    return;
  for (auto& row : x.rows())
    if (row.node() == awaited_
        && row.state() == static_cast<uint32_t>(awaited_state_))
      told_ms_.push_back(
        std::chrono::duration<double, std::milli>(now - awaited_since_)
          .count());
}

list_version crowd::version() {
  std::lock_guard guard{mutex_};
  return version_;
}

std::string crowd::name_of(size_t number) {
  return "node-" + std::to_string(number);
}

} // namespace coppice::bench
