// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/support/real_cluster.hpp"

#include <stdexcept>

namespace coppice::test {

real_cluster::real_cluster(std::map<std::string, std::string> xs,
                           const std::vector<std::string>& names, network* net,
                           const std::string& binary)
  : settings(std::move(xs)) {
  settings.try_emplace("worker.slots", "8");
  std::string managers;
  for (auto& name : names) {
    nodes.push_back(std::make_unique<real_node>(
      folder.path(), name, settings, binary, net ? net->add() : node_place{}));
    managers
      += (managers.empty() ? "" : ",") + name + "=" + nodes.back()->address();
  }
  for (auto& x : nodes)
    x->set("cluster.managers", managers);
}

real_node& real_cluster::add(const std::string& name) {
  nodes.push_back(std::make_unique<real_node>(folder.path(), name, settings));
  std::string managers;
  for (auto& x : nodes)
    managers += (managers.empty() ? "" : ",") + x->name() + "=" + x->address();
  nodes.back()->set("cluster.managers", managers);
  return *nodes.back();
}

void real_cluster::start() {
  for (auto& x : nodes)
    x->start();
}

std::unique_ptr<client> real_cluster::connect_to_all() {
  std::vector<host_port> others;
  for (size_t i = 1; i < nodes.size(); ++i)
    others.push_back(nodes[i]->listens_at());
  return connect(*nodes[0], std::move(others));
}

real_node& real_cluster::leader(const std::string& group) {
  real_node* result = nullptr;
  uint64_t newest = 0;
  for (auto& x : nodes) {
    auto log = x->log();
    auto text = " " + group + " is led by this manager in term ";
    auto i = log.rfind(text);
    if (i == std::string::npos)
      continue;
    auto term = std::stoull(log.substr(i + text.size()));
    if (term > newest) {
      newest = term;
      result = x.get();
    }
  }
  if (!result)
    throw std::runtime_error{"nobody leads"};
  return *result;
}

real_node& real_cluster::other_than(const real_node& x) {
  return nodes[0].get() == &x ? *nodes.back() : *nodes[0];
}

std::string real_cluster::addresses() const {
  std::string result;
  for (auto& x : nodes)
    result += (result.empty() ? "" : ",") + x->address();
  return result;
}

std::vector<proto::Manager> managers_of(client& c, const std::string& group) {
  proto::Request request;
  request.mutable_managers()->set_of_group(group);
  auto reply = ask(c, request);
  auto& xs = reply.managers().managers();
  return {xs.begin(), xs.end()};
}

bool votes(client& c, const std::string& name) {
  auto in = [&](const std::string& group) {
    for (auto& x : managers_of(c, group))
      if (x.name() == name)
        return x.connected()
               && (x.role() == proto::Manager::VOTER
                   || x.role() == proto::Manager::LEADER);
    return false;
  };
  return in("cluster") && in("shard-0");
}

proto::TaskSpec noop() {
  proto::TaskSpec x;
  x.set_kind("noop");
  return x;
}

proto::TaskSpec command(const std::string& script) {
  proto::TaskSpec x;
  x.set_kind("exec");
  for (auto word : {"/bin/sh", "-c", script.c_str()})
    x.mutable_exec()->add_argv(word);
  return x;
}

} // namespace coppice::test
