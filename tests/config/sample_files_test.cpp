// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/options.hpp"

#include <caf/test/dsl.hpp>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

using namespace coppice;

namespace {

const auto samples = std::vector<std::string>{"single", "manager", "worker"};

std::filesystem::path sample(const std::string& name) {
  auto root = std::filesystem::path{COPPICE_SOURCE_DIR};
  return root / "config" / (name + ".conf");
}

std::string read_sample(const std::string& name) {
  std::ifstream in{sample(name)};
  CAF_REQUIRE(in.good());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool is_for_managers(const std::string& key) {
  return key == "cluster.managers" || key == "cluster.shards"
         || key == "keepalive.limit" || key.starts_with("quarantine.")
         || key.starts_with("regeneration.");
}

/// Returns *text* with every option that is commented out switched on.
std::string uncommented(const std::string& text) {
  static const std::regex option{"(^|\n)#(?=[a-z_]+ = )"};
  return std::regex_replace(text, option, "$1");
}

} // namespace

CAF_TEST(every sample loads as it is) {
  for (auto& name : samples) {
    auto x = load(sample(name), {});
    CAF_REQUIRE_EQUAL(x ? "" : x.error().message, "");
    CAF_CHECK_EQUAL(x.value().node.roles.manager, name != "worker");
    CAF_CHECK_EQUAL(x.value().node.roles.worker, name != "manager");
    CAF_CHECK_EQUAL(x.value().node.roles.gateway, name == "single");
    CAF_CHECK_EQUAL(x.value().data.dir.string(), "var/" + x.value().node.id);
  }
}

CAF_TEST(the three managers of a cluster name each other) {
  std::string managers;
  for (auto& name : {"a", "b", "c"}) {
    auto x = load(sample(std::string{"cluster-3/"} + name), {});
    CAF_REQUIRE_EQUAL(x ? "" : x.error().message, "");
    auto& all = x.value().cluster.managers;
    CAF_REQUIRE_EQUAL(all.size(), 3u);
    auto own = std::find_if(all.begin(), all.end(),
                            [&](auto& y) { return y.node == name; });
    CAF_REQUIRE(own != all.end());
    CAF_CHECK_EQUAL(to_string(own->address), to_string(x.value().node.listen));
    auto text = read_sample(std::string{"cluster-3/"} + name);
    auto i = text.find("managers = ");
    auto line = text.substr(i, text.find('\n', i) - i);
    CAF_CHECK(managers.empty() || managers == line);
    managers = line;
  }
}

CAF_TEST(every sample has every option and nothing else) {
  for (auto& name : samples) {
    CAF_MESSAGE(name);
    auto settings = parse_settings(uncommented(read_sample(name)), name);
    CAF_REQUIRE_EQUAL(settings ? "" : settings.error().message, "");
    auto all = load({}, settings.value());
    CAF_CHECK_EQUAL(all ? "" : all.error().message, "");
    std::vector<std::string> found;
    std::vector<std::string> declared;
    for (auto& x : settings.value())
      found.push_back(x.key);
    for (auto& x : option_list())
      if (name != "worker" || !is_for_managers(x.key))
        declared.push_back(x.key);
    CAF_CHECK_EQUAL(found, declared);
  }
}

CAF_TEST(what a sample shows as the default is the default) {
  for (auto& name : samples) {
    auto text = read_sample(name);
    auto active = parse_settings(text, name);
    auto all = parse_settings(uncommented(text), name);
    CAF_REQUIRE(active && all);
    std::map<std::string, std::string> fallback;
    for (auto& x : option_list())
      fallback[x.key] = x.fallback;
    // They have no fixed default; the samples show examples.
    for (auto key : {"worker.slots", "worker.managers", "worker.labels",
                     "worker.service_listen", "cluster.managers"})
      fallback.erase(key);
    for (auto& x : active.value())
      fallback.erase(x.key);
    for (auto& x : all.value()) {
      if (fallback.contains(x.key))
        CAF_CHECK_EQUAL(x.key + " = " + x.value,
                        x.key + " = " + fallback[x.key]);
    }
  }
}
