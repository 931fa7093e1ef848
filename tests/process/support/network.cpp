// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/support/network.hpp"

#include "tests/process/support/real_node.hpp"
#include "tests/process/support/user_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace coppice::test {

namespace {

constexpr auto ip_program = "/usr/sbin/ip";

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error{what + ": " + std::strerror(errno)};
}

/// Opens the network namespace of this thread.
unique_fd current_namespace() {
  unique_fd fd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
  if (!fd)
    fail("cannot open a network namespace");
  return fd;
}

/// Has this thread, and what it starts, in another namespace for a while.
class visit {
public:
  explicit visit(int where) : home_(current_namespace()) {
    if (::setns(where, CLONE_NEWNET) != 0)
      fail("cannot enter a network namespace");
  }

  ~visit() {
    // Nobody could go on anywhere else.
    if (::setns(home_.get(), CLONE_NEWNET) != 0)
      ::_exit(1);
  }

  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;

private:
  unique_fd home_;
};

unique_fd make_namespace() {
  auto home = current_namespace();
  visit back{home.get()};
  if (::unshare(CLONE_NEWNET) != 0)
    fail("no network namespace");
  return current_namespace();
}

/// Runs lines of `ip` in a namespace.
void run_ip(int where, const std::string& lines) {
  visit there{where};
  auto done = run_program({ip_program, "-batch", "-"}, lines);
  if (done.code != 0)
    throw std::runtime_error{"ip: " + done.err};
}

void write_setting(const std::string& name, const char* value) {
  std::ofstream out{"/proc/sys/net/ipv4/" + name};
  out << value << std::flush;
  if (!out)
    throw std::runtime_error{"cannot set net/ipv4/" + name};
}

/// Names a descriptor of this process for another one.
std::string path_of(int fd) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd);
}

} // namespace

std::string allow_networks() {
  if (::access(ip_program, X_OK) != 0)
    return std::string{"there is no "} + ip_program + " (package iproute2)";
  if (auto why = enter_namespaces(CLONE_NEWNET); !why.empty())
    return why;
  try {
    run_ip(current_namespace().get(), "link set lo up\n");
    network trial;
    trial.cut(trial.here(), trial.add().host);
    return {};
  } catch (const std::exception& x) {
    return x.what();
  }
}

network::network() {
  // The kernel takes its time to remove the links of an earlier one.
  static auto count = 0;
  prefix_ = "10.213." + std::to_string(count++ % 256) + ".";
  router_ = make_namespace();
  {
    visit there{router_.get()};
    write_setting("ip_forward", "1");
    // Where the way back is cut the way forth is not.
    write_setting("conf/all/rp_filter", "0");
    write_setting("conf/default/rp_filter", "0");
  }
  join(current_namespace().get(), true);
}

node_place network::add() {
  namespaces_.push_back(make_namespace());
  auto fd = namespaces_.back().get();
  run_ip(fd, "link set lo up\n");
  return {join(fd, false), fd};
}

std::string network::join(int net_namespace, bool is_own) {
  auto number = std::to_string(hosts_.size() + 1);
  auto host = prefix_ + number;
  auto router = prefix_ + "254";
  auto far = "v" + number;
  // This process may be a host of several networks.
  auto near = is_own ? "n" + prefix_.substr(0, prefix_.size() - 1) : "eth0";
  auto all = is_own ? prefix_ + "0/24" : "default";
  run_ip(router_.get(), "link add " + far + " type veth peer name " + near
                          + " netns " + path_of(net_namespace) + "\naddr add "
                          + router + " peer " + host + " dev " + far
                          + "\nlink set " + far + " up\n");
  run_ip(net_namespace, "addr add " + host + " peer " + router + " dev " + near
                          + "\nlink set " + near + " up\nroute add " + all
                          + " via " + router + "\n");
  return hosts_.emplace_back(host);
}

void network::cut_one_way(const std::string& from, const std::string& to) {
  if (cuts_.insert({from, to}).second)
    change_rules("add", {{from, to}});
}

void network::cut(const std::string& x, const std::string& y) {
  cut_one_way(x, y);
  cut_one_way(y, x);
}

void network::isolate(const std::string& x, const std::string& spared) {
  for (auto& y : hosts_)
    if (y != x && y != spared)
      cut(x, y);
}

void network::heal() {
  change_rules("del", std::exchange(cuts_, {}));
}

void network::change_rules(const std::string& verb,
                           const std::set<link>& links) {
  std::string lines;
  for (auto& [from, to] : links)
    lines += "rule " + verb + " from " + from + " to " + to + " blackhole\n";
  if (!lines.empty())
    run_ip(router_.get(), lines);
}

} // namespace coppice::test
