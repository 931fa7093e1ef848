// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/client.hpp"

#include "tests/apps/fake_node.hpp"

#include <caf/test/dsl.hpp>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

using test::fake_node;

namespace {

using clock = std::chrono::steady_clock;

client_options quick(uint16_t port) {
  client_options result;
  result.address = {"127.0.0.1", port};
  result.patience = 1s;
  result.persistence = 30s;
  result.answer = 20s;
  return result;
}

proto::Request nodes_request() {
  proto::Request result;
  result.mutable_nodes();
  return result;
}

proto::Reply nodes_reply(const std::string& name) {
  proto::Reply result;
  result.mutable_nodes()->add_nodes()->set_name(name);
  return result;
}

test::fake_answer always(const std::string& name) {
  return [name](const proto::Request&) { return nodes_reply(name); };
}

/// A TCP server that speaks another protocol, or none.
class rude_server {
public:
  /// @param text What it says to whoever connects before it hangs up; empty:
  ///             it says nothing and keeps the line open.
  explicit rude_server(std::string text) : text_(std::move(text)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    CAF_REQUIRE_EQUAL(bind(fd_, raw, size), 0);
    CAF_REQUIRE_EQUAL(listen(fd_, 64), 0);
    CAF_REQUIRE_EQUAL(getsockname(fd_, raw, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }

  ~rude_server() {
    done_ = true;
    thread_.join();
    close(fd_);
    for (auto fd : open_)
      close(fd);
  }

  uint16_t port() const {
    return port_;
  }

private:
  void serve() {
    while (!done_) {
      pollfd x{fd_, POLLIN, 0};
      if (poll(&x, 1, 20) != 1)
        continue;
      auto peer = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (text_.empty()) {
        open_.push_back(peer);
        continue;
      }
      static_cast<void>(send(peer, text_.data(), text_.size(), MSG_NOSIGNAL));
      close(peer);
    }
  }

  std::string text_;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> done_{false};
  std::vector<int> open_;
  std::thread thread_;
};

/// Asks and returns the error that comes of it.
error failure(client& x) {
  auto reply = x.ask(nodes_request());
  CAF_REQUIRE(!reply);
  CAF_MESSAGE(to_string(reply.error()));
  return reply.error();
}

} // namespace

CAF_TEST(an answer arrives) {
  fake_node node{always("n1")};
  client x{quick(node.port())};
  for (int i = 0; i < 3; ++i) {
    auto reply = x.ask(nodes_request());
    CAF_REQUIRE(reply);
    CAF_CHECK_EQUAL(reply.value().nodes().nodes(0).name(), "n1");
  }
}

CAF_TEST(a refusal is an answer) {
  fake_node node{[](const proto::Request&) {
    proto::Reply reply;
    reply.mutable_error()->set_code(static_cast<uint32_t>(ec::not_found));
    return reply;
  }};
  client x{quick(node.port())};
  auto reply = x.ask(nodes_request());
  CAF_REQUIRE(reply);
  CAF_CHECK(reply.value().has_error());
}

CAF_TEST(nobody listens) {
  uint16_t port = 0;
  {
    rude_server server{""};
    port = server.port();
  }
  auto begin = clock::now();
  client x{quick(port)};
  auto why = failure(x);
  CAF_CHECK(why.code == ec::unreachable);
  CAF_CHECK(why.message.find("nobody listens") != std::string::npos);
  CAF_CHECK(clock::now() - begin < 5s);
  CAF_CHECK(client_options{}.patience < 5s);
}

CAF_TEST(a name that does not exist) {
  auto options = quick(1);
  options.address.host = "no-such-host.invalid";
  auto begin = clock::now();
  client x{options};
  CAF_CHECK(failure(x).code == ec::unreachable);
  CAF_CHECK(clock::now() - begin < 5s);
}

CAF_TEST(a server that accepts and says nothing) {
  auto begin = clock::now();
  {
    rude_server server{""};
    client x{quick(server.port())};
    auto why = failure(x);
    CAF_CHECK(why.code == ec::unreachable);
    CAF_CHECK(why.message.find("says nothing") != std::string::npos);
    CAF_CHECK(clock::now() - begin < 5s);
  }
  CAF_CHECK(clock::now() - begin < 10s); // Neither does the end hang.
}

CAF_TEST(a server that talks garbage) {
  rude_server server{"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2 and so on\r\n"};
  auto begin = clock::now();
  client x{quick(server.port())};
  auto why = failure(x);
  CAF_CHECK(why.code == ec::unreachable);
  CAF_CHECK(why.message.find("no Coppice manager") != std::string::npos);
  CAF_CHECK(clock::now() - begin < 5s);
}

CAF_TEST(a node of another protocol version) {
  fake_node node{always("n1"), 0, "coppice-0"};
  client x{quick(node.port())};
  auto why = failure(x);
  CAF_CHECK(why.code == ec::protocol_violation);
  CAF_CHECK(why.message.find("another version") != std::string::npos);
}

CAF_TEST(a node that lives but does not answer) {
  fake_node node{[](const proto::Request&) { return std::nullopt; }};
  auto options = quick(node.port());
  options.answer = 100ms;
  client x{options};
  CAF_CHECK(failure(x).code == ec::deadline_exceeded);
}

CAF_TEST(a node that does not lead yet is asked again) {
  std::atomic<int> asked{0};
  fake_node node{[&asked](const proto::Request&) {
    if (++asked > 2)
      return nodes_reply("n1");
    proto::Reply reply;
    reply.mutable_error()->set_code(static_cast<uint32_t>(ec::not_leader));
    return reply;
  }};
  client x{quick(node.port())};
  auto reply = x.ask(nodes_request());
  CAF_REQUIRE(reply);
  CAF_CHECK(!reply.value().has_error());
  CAF_CHECK_EQUAL(asked.load(), 3);
}

CAF_TEST(what a worker did not answer in time is not asked again) {
  std::atomic<int> asked{0};
  fake_node node{[&asked](const proto::Request&) {
    ++asked;
    proto::Reply reply;
    reply.mutable_error()->set_code(
      static_cast<uint32_t>(ec::deadline_exceeded));
    return reply;
  }};
  client x{quick(node.port())};
  proto::Request log;
  log.mutable_log()->set_id("1.1.1");
  auto reply = x.ask(log);
  CAF_REQUIRE(reply);
  CAF_CHECK(reply.value().has_error());
  CAF_CHECK_EQUAL(asked.load(), 1);
}

CAF_TEST(a batch of which a part is in doubt is submitted again) {
  std::atomic<int> asked{0};
  fake_node node{[&asked](const proto::Request&) {
    proto::Reply reply;
    reply.mutable_submit()->add_items()->set_id("1.1.1");
    auto* second = reply.mutable_submit()->add_items();
    if (++asked == 1)
      second->mutable_error()->set_code(
        static_cast<uint32_t>(ec::deadline_exceeded));
    else
      second->set_id("1.1.2");
    return reply;
  }};
  client x{quick(node.port())};
  proto::Request request;
  request.mutable_submit()->add_specs();
  request.mutable_submit()->add_specs();
  auto reply = x.ask(request);
  CAF_REQUIRE(reply);
  CAF_CHECK_EQUAL(reply.value().submit().items(1).id(), "1.1.2");
  CAF_CHECK_EQUAL(asked.load(), 2);
}

CAF_TEST(a manager that is cut off from the leader of one shard is left) {
  std::atomic<int> asked{0};
  // It answers, but for a part only, and will not do better.
  fake_node cut_off{[&asked](const proto::Request&) {
    ++asked;
    proto::Reply reply;
    reply.mutable_submit()->add_items()->set_id("1.1.1");
    reply.mutable_submit()->add_items()->mutable_error()->set_code(
      static_cast<uint32_t>(ec::not_leader));
    return reply;
  }};
  fake_node other{[](const proto::Request&) {
    proto::Reply reply;
    reply.mutable_submit()->add_items()->set_id("1.1.1");
    reply.mutable_submit()->add_items()->set_id("2.1.1");
    return reply;
  }};
  auto options = quick(cut_off.port());
  options.others = {{"127.0.0.1", other.port()}};
  client x{options};
  proto::Request request;
  request.mutable_submit()->add_specs();
  request.mutable_submit()->add_specs();
  auto reply = x.ask(request);
  CAF_REQUIRE(reply);
  CAF_CHECK_EQUAL(reply.value().submit().items(1).id(), "2.1.1");
  CAF_CHECK_EQUAL(asked.load(), 1);
}

CAF_TEST(a node that dies in the middle is asked again when it is back) {
  test::event asked;
  auto node = std::make_unique<fake_node>([&asked](const proto::Request& x) {
    if (x.has_list()) // The first contact.
      return std::optional{proto::Reply{}};
    asked.set();
    return std::optional<proto::Reply>{};
  });
  auto port = node->port();
  client x{quick(port)};
  proto::Request first;
  first.mutable_list();
  CAF_REQUIRE(x.ask(first));
  std::atomic<int> troubles{0};
  x.on_trouble([&troubles](const error&) { ++troubles; });
  std::thread restart{[&] {
    asked.wait();
    node.reset();
    node = std::make_unique<fake_node>(always("n1, again"), port);
  }};
  auto reply = x.ask(nodes_request());
  restart.join();
  CAF_REQUIRE(reply);
  CAF_CHECK_EQUAL(reply.value().nodes().nodes(0).name(), "n1, again");
  CAF_CHECK_GREATER(troubles.load(), 0);
}

CAF_TEST(what must not happen twice is not asked again) {
  test::event asked;
  std::atomic<int> again{0};
  auto node = std::make_unique<fake_node>([&asked](const proto::Request&) {
    asked.set();
    return std::optional<proto::Reply>{};
  });
  auto port = node->port();
  client x{quick(port)};
  std::thread restart{[&] {
    asked.wait();
    node.reset();
    node = std::make_unique<fake_node>(
      [&again](const proto::Request&) {
        ++again;
        return proto::Reply{};
      },
      port);
  }};
  proto::Request stop;
  stop.mutable_stop();
  auto reply = x.ask(stop);
  restart.join();
  CAF_CHECK(!reply);
  CAF_CHECK_EQUAL(again.load(), 0);
}

CAF_TEST(several requests are on their way at once) {
  fake_node node{[](const proto::Request& x) {
    proto::Reply reply;
    reply.mutable_list()->set_next(x.list().after());
    return reply;
  }};
  client x{quick(node.port())};
  CAF_REQUIRE(x.connect());
  std::vector<client::call_ptr> calls;
  for (int i = 0; i < 20; ++i) {
    proto::Request request;
    request.mutable_list()->set_after(std::to_string(i));
    calls.push_back(x.begin(std::move(request)));
  }
  for (int i = 0; i < 20; ++i) {
    auto reply = x.finish(calls[static_cast<size_t>(i)]);
    CAF_REQUIRE(reply);
    CAF_CHECK_EQUAL(reply.value().list().next(), std::to_string(i));
  }
}

CAF_TEST(idempotency keys never repeat and only grow) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1'000; ++i)
    keys.push_back(make_idempotency_key());
  auto no_growth
    = std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>{});
  CAF_CHECK(no_growth == keys.end());
}
