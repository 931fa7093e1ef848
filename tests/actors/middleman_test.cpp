// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/net/middleman.hpp"

#include "actors/messages.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/test/dsl.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// How it stands with the slow message.
std::atomic<bool> is_read = false;
std::atomic<bool> may_go_on = false;

bool eventually(const std::function<bool()>& f) {
  for (auto i = 0; i < 20'000; ++i) {
    if (f())
      return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

/// Is read until it may go on.
struct slow_message {};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, slow_message&) {
  if constexpr (Inspector::writes_state) {
    is_read = true;
    eventually([] { return may_go_on.load(); });
  }
  return f(caf::meta::type_name("slow_message"));
}

struct config : caf::actor_system_config {
  config() {
    add_message_type<slow_message>("slow_message");
    load<caf::io::middleman>();
    set("middleman.workers", 1);
    net::configure(*this, {});
  }
};

// CAF dereferences a null pointer where a function has no argument.
caf::behavior adder(caf::event_based_actor*, int more) {
  return {
    [more](int x) { return x + more; },
    [](const slow_message&) {},
  };
}

uint16_t port_of(int fd, decltype(&::getsockname) end) {
  sockaddr_in x{};
  socklen_t size = sizeof(x);
  auto rc = end(fd, reinterpret_cast<sockaddr*>(&x), &size);
  return rc == 0 && x.sin_family == AF_INET ? ntohs(x.sin_port) : 0;
}

/// Returns the descriptors of this process whose end *end* is *port*.
std::vector<int> find_connected(uint16_t port, decltype(&::getsockname) end) {
  std::vector<int> out;
  for (auto fd = 0; fd < 1'024; ++fd)
    if (port_of(fd, ::getpeername) != 0 && port_of(fd, end) == port)
      out.push_back(fd);
  return out;
}

/// A system that dials.
struct dialling_system {
  dialling_system() : dialler(net::spawn_middleman(system, 5s)), self(system) {
    // nop
  }

  ~dialling_system() {
    caf::anon_send_exit(dialler, caf::exit_reason::kill);
  }

  caf::actor dial(uint16_t port) {
    caf::actor out;
    self
      ->request(dialler, 10s, caf::connect_atom::value,
                std::string{"127.0.0.1"}, port)
      .receive(
        [&](const caf::node_id&, const caf::strong_actor_ptr& x,
            const std::set<std::string>&) {
          out = caf::actor_cast<caf::actor>(x);
        },
        [](const caf::error&) {});
    CAF_REQUIRE(out);
    return out;
  }

  /// Returns whether *x* answers.
  bool is_answered_by(const caf::actor& x) {
    auto out = false;
    self->request(x, 5s, 7).receive([&](int y) { out = y == 8; },
                                    [](const caf::error&) {});
    return out;
  }

  config cfg;
  caf::actor_system system{cfg};
  caf::io::middleman_actor dialler;
  caf::scoped_actor self;
};

bool is_closed(int fd) {
  return ::fcntl(fd, F_GETFD) < 0;
}

// Three systems in one process, over real sockets.
class three_systems {
public:
  three_systems() {
    is_read = false;
    may_go_on = false;
    adder_ = server_.spawn(adder, 1);
    auto opened
      = net::publish(server_, caf::actor_cast<caf::strong_actor_ptr>(adder_),
                     {}, "127.0.0.1", 0);
    CAF_REQUIRE(opened);
    port_ = *opened;
  }

  ~three_systems() {
    caf::anon_send_exit(adder_, caf::exit_reason::user_shutdown);
  }

  /// Ends a connection, and has the next one cleaned up after it.
  /// @returns False if the next one has another descriptor.
  bool try_it() {
    auto first = one_.dial(port_);
    CAF_REQUIRE(one_.is_answered_by(first));
    auto ours = find_connected(port_, ::getpeername);
    auto theirs = find_connected(port_, ::getsockname);
    CAF_REQUIRE_EQUAL(ours.size(), 1u);
    CAF_REQUIRE_EQUAL(theirs.size(), 1u);
    // What the server does about the end of the connection comes behind this.
    one_.self->send(first, slow_message{});
    CAF_REQUIRE(eventually([] { return is_read.load(); }));
    ::shutdown(ours.front(), SHUT_RDWR);
    CAF_REQUIRE(eventually(
      [&] { return is_closed(ours.front()) && is_closed(theirs.front()); }));
    auto second = other_.dial(port_);
    auto hit = find_connected(port_, ::getsockname) == theirs;
    may_go_on = true;
    // The clean up comes before or behind the first of them.
    for (auto i = 0; i < 5; ++i) {
      CAF_CHECK(other_.is_answered_by(second));
      std::this_thread::sleep_for(20ms);
    }
    return hit;
  }

private:
  config cfg_;
  caf::actor_system server_{cfg_};
  caf::actor adder_;
  uint16_t port_ = 0;
  dialling_system one_;
  dialling_system other_;
};

} // namespace

// CAF forgets the name of a connection late, and it is the number of the
// descriptor unless it is told otherwise.
CAF_TEST(a connection outlives the clean up after the one before it) {
  auto hit = false;
  // Some other thread may have taken the descriptor.
  for (auto i = 0; i < 50 && !hit; ++i)
    hit = three_systems{}.try_it();
  CAF_CHECK(hit);
}
