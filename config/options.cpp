// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/options.hpp"

#include "config/option_table.hpp"
#include "config/service_sections.hpp"
#include "config/values.hpp"
#include "runtime/spelling.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

namespace coppice {

namespace po = boost::program_options;

namespace {

// -- Boost's view of the options ----------------------------------------------

po::options_description describe_options() {
  po::options_description result{"Options of a node"};
  for (auto& x : option_table()) {
    // Text only: the table's own parsers know units and ranges.
    auto value = po::value<std::string>()->value_name(x.value_name);
    if (x.is_switch)
      value->implicit_value("yes");
    result.add_options()(x.key, value, x.text().c_str());
  }
  return result;
}

po::options_description describe_general() {
  po::options_description result{"General"};
  result.add_options()(
    "config", po::value<std::string>()->value_name("FILE"),
    "Reads options from this file; each can be given here as well and wins.");
  result.add_options()("help", "Shows this text.");
  return result;
}

// -- messages -----------------------------------------------------------------

error refuse(const std::string& place, const std::string& why) {
  return {ec::invalid_argument, place + ": " + why};
}

std::string unknown_key(const std::string& key) {
  auto near = nearest_key(key);
  return "is not an option"
         + (near.empty() ? std::string{} : "; did you mean '" + near + "'?");
}

// -- reading ------------------------------------------------------------------

result<std::string> read_file(const std::filesystem::path& file) {
  constexpr size_t limit = 1 << 20;
  auto fail = [&](const std::string& why) {
    return error{ec::system_failure, file.string() + ": " + why};
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    return fail("is a folder, not a config file");
  std::ifstream in{file, std::ios::binary};
  if (!in)
    return fail("cannot be opened: " + std::string{std::strerror(errno)});
  std::string text(limit + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    return fail("cannot be read: " + std::string{std::strerror(errno)});
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > limit)
    return fail("is larger than 1 MiB: not a config file");
  return text;
}

result<> apply(node_config& config, const setting& x) {
  auto* known = find_option(x.key);
  if (!known)
    return refuse(x.origin, unknown_key(x.key));
  if (auto done = known->assign(config, x.value); !done)
    return refuse(x.origin, done.error().message);
  config.origins[x.key] = x.origin;
  return ok();
}

result<> apply_all(node_config& config, const std::vector<setting>& xs) {
  for (auto& x : xs) {
    if (auto done = apply(config, x); !done)
      return done;
  }
  return ok();
}

/// Takes the services apart from the options.
result<> apply_file(node_config& config, std::vector<setting> xs) {
  auto own = std::stable_partition(xs.begin(), xs.end(),
                                   [](auto& x) { return !is_of_service(x); });
  auto services = parse_services({own, xs.end()});
  if (!services)
    return services.error();
  config.services = std::move(services.value());
  if (own != xs.end())
    config.origins["service"] = own->origin;
  xs.erase(own, xs.end());
  return apply_all(config, xs);
}

// -- contradictions -----------------------------------------------------------

struct named_duration {
  const char* key;
  node_config::ms value;
};

// Blames the option that somebody set.
std::string blame(const node_config& x, const char* first, const char* second) {
  return x.where(x.origins.contains(first) ? first : second);
}

result<> check_fits_twice(const node_config& x, named_duration small,
                          named_duration large) {
  if (small.value * 2 <= large.value)
    return ok();
  return refuse(blame(x, small.key, large.key),
                std::string{small.key} + " (" + show_duration(small.value)
                  + ") must be at most half of " + large.key + " ("
                  + show_duration(large.value) + ")");
}

result<> check_durations(const node_config& x) {
  auto raft
    = check_fits_twice(x, {"raft.heartbeat", x.raft.heartbeat},
                       {"raft.election_timeout", x.raft.election_timeout});
  if (!raft)
    return raft;
  auto lease = check_fits_twice(x, {"keepalive.interval", x.keepalive.interval},
                                {"lease.duration", x.lease.duration});
  if (!lease)
    return lease;
  auto net = check_fits_twice(x, {"net.heartbeat", x.net.heartbeat},
                              {"net.timeout", x.net.timeout});
  if (!net)
    return net;
  if (x.keeper.backoff_min > x.keeper.backoff_max)
    return refuse(blame(x, "keeper.backoff_min", "keeper.backoff_max"),
                  "keeper.backoff_min (" + show_duration(x.keeper.backoff_min)
                    + ") is more than keeper.backoff_max ("
                    + show_duration(x.keeper.backoff_max) + ")");
  return ok();
}

} // namespace

// -- help ---------------------------------------------------------------------

std::vector<option_info> option_list() {
  std::vector<option_info> result;
  for (auto& x : option_table())
    result.push_back({x.key, x.text(), x.fallback()});
  return result;
}

std::string option_help() {
  std::ostringstream out;
  out << describe_general() << '\n' << describe_options();
  return out.str();
}

// -- command line -------------------------------------------------------------

namespace {

result<node_arguments> sort_arguments(const po::parsed_options& parsed) {
  node_arguments result;
  std::set<std::string> seen;
  for (auto& x : parsed.options) {
    if (x.position_key >= 0 || x.string_key.empty())
      return refuse(in_quotes(x.value.empty() ? "" : x.value.front()),
                    "is not an option: write --key=value, or --config FILE");
    auto& key = x.string_key;
    if (x.unregistered)
      return refuse("--" + key, unknown_key(key));
    if (!seen.insert(key).second)
      return refuse("--" + key, "is given twice");
    if (key == "help")
      result.help = true;
    else if (key == "config")
      result.config_file = x.value.front();
    else // A switch without a value is on.
      result.overrides.push_back(
        {key, x.value.empty() ? "yes" : x.value.front(), "--" + key});
  }
  return result;
}

} // namespace

result<node_arguments>
parse_node_arguments(const std::vector<std::string>& xs) {
  namespace style = po::command_line_style;
  po::options_description all;
  all.add(describe_general()).add(describe_options());
  try {
    // Without allow_guessing: an abbreviation that is unique today may become
    // ambiguous with the next option. Unknown ones are let through to get a
    // better message than Boost's.
    auto parsed = po::command_line_parser(xs)
                    .options(all)
                    .style(style::allow_long | style::long_allow_adjacent
                           | style::long_allow_next)
                    .allow_unregistered()
                    .run();
    return sort_arguments(parsed);
  } catch (const po::error_with_option_name& x) {
    return refuse(x.get_option_name(), "has no value");
  } catch (const po::error& x) {
    return error{ec::invalid_argument, x.what()};
  }
}

// -- load ---------------------------------------------------------------------

namespace {

constexpr size_t max_managers = 7;

result<> check_managers(const node_config& x) {
  auto& xs = x.cluster.managers;
  auto where = x.where("cluster.managers");
  if (xs.empty())
    return ok();
  if (!x.node.roles.manager)
    return refuse(where, "is for managers; a worker joins them by"
                         " worker.managers");
  if (xs.size() > max_managers)
    return refuse(where, "names " + std::to_string(xs.size())
                           + " managers; each of them keeps everything, and"
                             " more than "
                           + std::to_string(max_managers)
                           + " only make it slower");
  auto is_self = [&](auto& y) { return y.node == x.node.id; };
  if (std::none_of(xs.begin(), xs.end(), is_self))
    return refuse(where, "does not name this node, " + in_quotes(x.node.id));
  return ok();
}

} // namespace

result<> validate(const node_config& x) {
  if (x.node.id.empty())
    return refuse(x.where("node.id"), "is missing; every node needs its own");
  if (x.data.dir.empty())
    return refuse(x.where("data.dir"), "is missing; every node needs its own");
  if (!x.node.insecure && !is_loopback(x.node.listen))
    return refuse(x.where("node.listen"),
                  in_quotes(to_string(x.node.listen))
                    + " can be reached from other machines, and the node port"
                      " trusts whoever connects; set node.insecure = yes if"
                      " everyone on that network is trusted");
  if (!x.node.insecure && !is_loopback(x.service_address()))
    return refuse(x.where("worker.service_listen"),
                  in_quotes(to_string(x.service_address()))
                    + " can be reached from other machines, and it trusts"
                      " whoever connects; set node.insecure = yes if everyone"
                      " on that network is trusted");
  if (!x.node.roles.manager && x.worker.managers.empty())
    return refuse(x.where("worker.managers"),
                  "is missing; a node without the role manager needs the"
                  " address of a manager");
  if (auto done = check_managers(x); !done)
    return done;
  if (!x.services.empty() && !x.node.roles.manager)
    return refuse(x.where("service"),
                  "only managers make services; write it into their config"
                  " file, or use 'coppice service apply'");
  return check_durations(x);
}

result<node_config> load(const std::filesystem::path& file,
                         const std::vector<setting>& overrides) {
  node_config config;
  if (!file.empty()) {
    // What is missing is missing in the file.
    for (auto key : {"node.id", "data.dir", "worker.managers"})
      config.origins[key] = file.string() + ": " + key;
    auto text = read_file(file);
    if (!text)
      return text.error();
    auto settings = parse_settings(text.value(), file.string());
    if (!settings)
      return settings.error();
    if (auto done = apply_file(config, settings.value()); !done)
      return done.error();
  }
  if (auto done = apply_all(config, overrides); !done)
    return done.error();
  if (auto done = validate(config); !done)
    return done.error();
  return config;
}

} // namespace coppice
