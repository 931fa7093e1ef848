// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/worker_link.hpp"

#include "actors/net/middleman.hpp"
#include "actors/net/tcp_dial.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/test/dsl.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

struct config : caf::actor_system_config {
  config() {
    add_message_types<caf::id_block::coppice>();
    load<caf::io::middleman>();
    net::configure(*this, {});
  }
};

// CAF dereferences a null pointer where a function has no argument.
directory_actor::behavior_type fake_directory(directory_actor::pointer,
                                              proto::Node other) {
  return {
    [other](const proto::Request& x) {
      proto::Reply reply;
      if (x.has_nodes())
        *reply.mutable_nodes()->add_nodes() = other;
      else
        reply.mutable_stop()->set_node("m1");
      return reply;
    },
    [](const proto::Hello&, const worker_actor&)
      -> caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor> {
      return {proto::Welcome{}, job_scheduler_actor{}, task_tracker_actor{}};
    },
    [](const proto::ManagerHello&, const caf::strong_actor_ptr&,
       const peer_actors&) -> caf::result<proto::ManagerHello, peer_actors> {
      return {proto::ManagerHello{}, peer_actors{}};
    },
    [](const proto::Registration&, const state_monitor_actor&)
      -> caf::result<proto::RegistrationReply, information_centre_actor> {
      return {proto::RegistrationReply{}, information_centre_actor{}};
    },
  };
}

/// A port where nobody listens, or somebody who never speaks.
class mute_port {
public:
  explicit mute_port(bool listens) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in x{};
    x.sin_family = AF_INET;
    x.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&x);
    socklen_t size = sizeof(x);
    if (::bind(fd_, address, size) != 0 || (listens && ::listen(fd_, 5) != 0)
        || ::getsockname(fd_, address, &size) != 0)
      CAF_FAIL("no port");
    number = ntohs(x.sin_port);
  }

  ~mute_port() {
    ::close(fd_);
  }

  uint16_t number = 0;

private:
  int fd_;
};

// Two systems in one process, over real sockets.
struct fixture {
  fixture() : self(worker) {
    directory = manager.spawn(fake_directory, proto::Node{});
    manager_port = publish(directory);
  }

  uint16_t publish(const directory_actor& x) {
    auto port = manager.middleman().publish(x, 0, "127.0.0.1", true);
    CAF_REQUIRE(port);
    return *port;
  }

  ~fixture() {
    caf::anon_send_exit(link, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(directory, caf::exit_reason::user_shutdown);
  }

  void start(std::vector<uint16_t> ports) {
    worker_link_options options;
    options.patience = 500ms;
    for (auto port : ports)
      options.managers.push_back({"127.0.0.1", port});
    link = worker.spawn(worker_link, options,
                        net::spawn_middleman(worker, options.patience));
  }

  directory_actor dial() {
    directory_actor result;
    self
      ->request(link, caf::duration{20s}, caf::connect_atom::value,
                std::string{"shard-0"})
      .receive([&](directory_actor& x) { result = std::move(x); },
               [](const caf::error&) {});
    return result;
  }

  config manager_config;
  config worker_config;
  caf::actor_system manager{manager_config};
  caf::actor_system worker{worker_config};
  caf::scoped_actor self;
  directory_actor directory;
  uint16_t manager_port = 0;
  local_worker_link_actor link;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_link_tests, fixture)

CAF_TEST(a manager is found and answers) {
  start({manager_port});
  auto found = dial();
  CAF_REQUIRE(found);
  std::string node;
  self->request(found, caf::duration{10s}, proto::Request{})
    .receive([&](const proto::Reply& x) { node = x.stop().node(); },
             [](const caf::error&) {});
  CAF_CHECK_EQUAL(node, "m1");
}

CAF_TEST(managers that do not answer are passed over) {
  mute_port refuses{false};
  start({refuses.number, manager_port});
  CAF_CHECK(dial());
}

CAF_TEST(a peer that accepts and never speaks costs its patience only) {
  mute_port mute{true};
  start({mute.number, manager_port});
  auto begin = std::chrono::steady_clock::now();
  CAF_CHECK(dial());
  CAF_CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

CAF_TEST(managers that only the list of nodes names are dialled as well) {
  mute_port refuses{false};
  start({refuses.number});
  CAF_CHECK(!dial());
  auto say = [this](node_state state, bool is_manager) {
    proto::NodeCard card;
    card.set_address("127.0.0.1:" + std::to_string(manager_port));
    card.set_manager(is_manager);
    node_entry row{{"m2", 1}, state, down_cause::none, card.SerializeAsString(),
                   {},        0};
    self->send(
      link, node_news{std::make_shared<const std::vector<node_entry>>(1, row)});
  };
  say(node_state::healthy, false);
  CAF_CHECK(!dial());
  // A cut-off node takes others for down, and has to find them all the same.
  say(node_state::down, true);
  CAF_CHECK(dial());
  say(node_state::left, true);
  CAF_CHECK(!dial());
}

CAF_TEST(a manager that is found names others) {
  proto::Node other;
  other.set_name("m1");
  other.set_address("127.0.0.1:" + std::to_string(manager_port));
  other.set_manager(true);
  auto follower = manager.spawn(fake_directory, other);
  start({publish(follower)});
  CAF_CHECK(dial() == follower);
  // It may have to be asked for again before the answer is there.
  auto found = dial();
  for (auto i = 0; i < 1'000 && found == follower; ++i)
    found = dial();
  CAF_CHECK(found == directory);
  caf::anon_send_exit(follower, caf::exit_reason::user_shutdown);
}

CAF_TEST(nobody there is an error soon) {
  mute_port refuses{false};
  start({refuses.number});
  CAF_CHECK(!dial());
}

CAF_TEST(an actor of another interface is no manager) {
  auto api = manager.spawn(
    [](api_actor::pointer, int) -> api_actor::behavior_type {
      return {[](const proto::Request&) { return proto::Reply{}; }};
    },
    0);
  auto port = manager.middleman().publish(api, 0, "127.0.0.1", true);
  CAF_REQUIRE(port);
  start({*port});
  CAF_CHECK(!dial());
  caf::anon_send_exit(api, caf::exit_reason::kill);
}

CAF_TEST(a node is not named by its process id) {
  auto name = to_string(manager.node());
  auto pid = name.substr(name.rfind('#') + 1);
  CAF_CHECK(pid != std::to_string(::getpid()));
}

CAF_TEST(dialling ends with its deadline) {
  // Reserved for documentation: no machine has it. Where there is no route at
  // all it fails at once.
  auto begin = std::chrono::steady_clock::now();
  CAF_CHECK(!net::tcp_dial("192.0.2.1", 9, 200ms));
  CAF_CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

CAF_TEST_FIXTURE_SCOPE_END()
