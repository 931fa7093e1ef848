// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/options.hpp"

#include <caf/test/dsl.hpp>

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
    CAF_CHECK_EQUAL(x.value().data.dir.string(), "var/" + x.value().node.id);
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
    for (auto key : {"worker.slots", "worker.managers", "worker.labels"})
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
