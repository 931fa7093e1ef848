// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Bad input: a clear error, and nothing lost or stopped.

#include "tests/process/support/real_node.hpp"

#include <caf/test/unit_test.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>

using namespace coppice;
using namespace coppice::test;

namespace {

struct fixture {
  temp_folder folder;
  real_node node{folder.path(), "n1"};

  command_result submit_text(const std::string& text) {
    return run_coppice({"submit", "--connect", node.address(), "-"}, text);
  }

  /// Sends *bytes* to the node port and hangs up.
  void throw_at_port(const std::string& bytes) {
    auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in addr{};
    addr.sin_family = AF_INET;
    addr.sin_port = htons(node.port());
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr));
    [[maybe_unused]] auto n
      = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ::close(fd);
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(bad_input_tests, fixture)

CAF_TEST(each bad line is refused with its reason and the good ones run) {
  node.start();
  auto c = connect(node);
  CAF_REQUIRE(c->connect());
  auto huge
    = R"({"kind":"noop","text":")" + std::string(1'100'000, 'x') + "\"}\n";
  auto said
    = submit_text("{\"kind\":\"noop\"}\n"
                  "{\"kind\":\"nonesuch\"}\n"
                  "not json\n"
                  "{\"kind\":\"noop\",\"colour\":1}\n"
                  "{\"kind\":\"noop\",\"timeouts\":{\"total\":\"-1s\"}}\n"
                  "{\"kind\":\"noop\",\"product\":\"\xff\xfe\"}\n"
                  + huge + "{\"kind\":\"noop\"}\n");
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_MESSAGE(said.err);
  for (auto* part : {"2", "nonesuch", "3", "4", "colour", "5", "total", "6",
                     "UTF-8", "7", "task.max_payload"})
    CAF_CHECK(contains(said.err, part));
  CAF_CHECK_EQUAL(std::count(said.out.begin(), said.out.end(), '\n'), 2);
}

CAF_TEST(a key that was used with another spec is refused) {
  node.start();
  auto c = connect(node);
  CAF_REQUIRE(c->connect());
  CAF_CHECK_EQUAL(submit_text(R"({"kind":"noop","idempotencyKey":"k"})"
                              "\n")
                    .code,
                  0);
  CAF_CHECK_EQUAL(submit_text(R"({"kind":"noop","idempotencyKey":"k"})"
                              "\n")
                    .code,
                  0);
  auto said = submit_text(R"({"kind":"noop","priority":1,"idempotencyKey":"k"})"
                          "\n");
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK(contains(said.err, "'k'"));
}

CAF_TEST(garbage at the node port harms nobody) {
  node.start();
  auto c = connect(node);
  CAF_REQUIRE(c->connect());
  auto first = node.node_pid().value_or(0);
  std::minstd_rand rng{7};
  for (auto round = 0; round < 100; ++round) {
    std::string bytes;
    for (auto n = rng() % 300; n > 0; --n)
      bytes.push_back(static_cast<char>(rng()));
    throw_at_port(bytes);
  }
  throw_at_port("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  // Headers that CAF itself does not survive: each operation without a payload,
  // and with one of 4 GiB.
  for (auto operation = 0; operation < 8; ++operation)
    for (auto length : {'\0', '\xff'}) {
      std::string header(32, '\0');
      header.front() = static_cast<char>(operation);
      header.replace(4, 4, 4, length);
      throw_at_port(header + std::string(64, 'x'));
    }
  auto ids = submit(*c, {[] {
    proto::TaskSpec x;
    x.set_kind("noop");
    return x;
  }()});
  CAF_CHECK_EQUAL(await_end(*c, ids.at(0)).state(), proto::SUCCEEDED);
  auto second = node.node_pid().value_or(-1);
  CAF_CHECK_EQUAL(second, first);
}

CAF_TEST(a cluster that is not there is an error within seconds) {
  auto begin = std::chrono::steady_clock::now();
  auto said = run_coppice({"tasks", "--connect", "127.0.0.1:1"});
  auto took = std::chrono::steady_clock::now() - begin;
  CAF_CHECK_EQUAL(said.code, 3);
  CAF_CHECK(contains(said.err, "127.0.0.1:1"));
  // It gives up after four; the rest is for a slow machine.
  CAF_CHECK(took < std::chrono::seconds{15});
}

CAF_TEST(a bad configuration exits with 2 and touches nothing) {
  auto try_config = [&](const std::string& text) {
    auto file = folder.path() / "bad.conf";
    std::ofstream{file} << text;
    return run_coppice({"node", "--config", file.string()});
  };
  auto data = (folder.path() / "untouched").string();
  auto base = "node.id = x\ndata.dir = " + data + "\n";
  auto said = run_coppice({"node"});
  CAF_CHECK_EQUAL(said.code, 2);
  CAF_CHECK(contains(said.err, "--config FILE is missing"));
  said = try_config(base + "node.colour = red\n");
  CAF_CHECK_EQUAL(said.code, 2);
  CAF_CHECK(contains(said.err, "bad.conf:3"));
  CAF_CHECK(contains(said.err, "node.colour"));
  said = try_config(base + "worker.slots = many\n");
  CAF_CHECK_EQUAL(said.code, 2);
  CAF_CHECK(contains(said.err, "worker.slots"));
  said = try_config(base + "node.listen = 0.0.0.0:0\n");
  CAF_CHECK_EQUAL(said.code, 2);
  node.start();
  auto c = connect(node);
  CAF_CHECK(c->connect());
  said = try_config(base + "node.listen = " + node.address() + "\n");
  CAF_CHECK_EQUAL(said.code, 2);
  CAF_CHECK(contains(said.err, node.address()));
  CAF_CHECK(!std::filesystem::exists(data));
  said = try_config("node.id = x\nnode.listen = 127.0.0.1:0\ndata.dir = "
                    + node.data().string() + "\n");
  CAF_CHECK_EQUAL(said.code, 2);
  CAF_MESSAGE(said.err);
  CAF_CHECK(contains(said.err, node.data().string()));
}

CAF_TEST(a data folder of a newer format is refused and stays as it is) {
  node.start();
  CAF_CHECK(connect(node)->connect());
  CAF_CHECK_EQUAL(node.stop(), 0);
  auto version = node.data() / "VERSION";
  std::ofstream{version} << "999\n";
  node.start();
  auto code = node.wait();
  CAF_CHECK_EQUAL(code, 2);
  CAF_CHECK(contains(node.log(), "999"));
  CAF_CHECK_EQUAL(read_file(version), "999\n");
}

CAF_TEST_FIXTURE_SCOPE_END()
