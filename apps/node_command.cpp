// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/node_command.hpp"

#include "actors/node.hpp"
#include "apps/keeper.hpp"
#include "apps/listening.hpp"
#include "config/data_folder.hpp"
#include "config/options.hpp"
#include "gateway/gateway.hpp"
#include "gateway/service_listener.hpp"
#include "runtime/launch/unique_fd.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <utility>

namespace coppice {

namespace {

constexpr int usage = 2;

int complain(const error& why) {
  std::fprintf(stderr, "coppice node: %s\n", why.message.c_str());
  return usage;
}

/// Each connection of a client is an open file, and the usual limit of 1,024 is
/// one for programs that cannot take more: see the notes of getrlimit(2).
void raise_file_limit() {
  rlimit x{};
  if (::getrlimit(RLIMIT_NOFILE, &x) != 0)
    return;
  x.rlim_cur = x.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &x);
}

/// The node process: serves until its keeper stops it.
int serve(const node_config& config, const node_environment& environment,
          const node_code& code) {
  raise_file_limit();
  node_start start;
  start.incarnation = environment.incarnation;
  start.launcher_fd = environment.launcher;
  start.ready = [fd = environment.ready](uint16_t) {
    // Who is told may be gone; then this process is about to be as well.
    [[maybe_unused]] auto written = ::write(fd, "r", 1);
  };
  if (config.node.roles.worker)
    start.parts.push_back([&config](node_surroundings here) {
      return start_service_listener(config, std::move(here));
    });
  if (config.node.roles.gateway)
    start.parts.push_back(
      [&config, socket = environment.http](node_surroundings here) {
        return start_gateway(config, socket, std::move(here));
      });
  return run_node(config, std::move(start), code);
}

void print_help() {
  std::printf("Starts a node and keeps it running.\n\n"
              "Usage: coppice node --config FILE [--SECTION.KEY=VALUE ...]\n\n"
              "An option can stand in the file (a line \"key = value\" below "
              "\"[section]\")\nand on the command line, which wins.\n\n"
              "Options:\n%s\n"
              "Exit codes: 0 stopped; 1 the node crashed too often; 2 usage, "
              "configuration,\nport or data folder.\n\n"
              "Example: coppice node --config config/single.conf "
              "--worker.slots=8\n",
              option_help().c_str());
}

} // namespace

int run_node_command(const std::vector<std::string>& args, node_code code) {
  auto parsed = parse_node_arguments(args);
  if (!parsed)
    return complain(parsed.error());
  if (parsed.value().help) {
    print_help();
    return 0;
  }
  if (parsed.value().config_file.empty() && parsed.value().overrides.empty())
    return complain({ec::invalid_argument,
                     "--config FILE is missing; the folder config/ has samples,"
                     " 'coppice node --help' has all options"});
  auto config = load(parsed.value().config_file, parsed.value().overrides);
  if (!config)
    return complain(config.error());
  // Commands run in folders of their own and are given paths below this one.
  auto& dir = config.value().data.dir;
  std::error_code err;
  if (auto absolute = std::filesystem::absolute(dir, err); !err)
    dir = std::move(absolute);
  auto& x = config.value();
  unique_fd http;
  if (auto usable = listen_on(x, "node.listen", x.node.listen); !usable)
    return complain(usable.error());
  if (x.node.roles.worker)
    if (auto usable
        = listen_on(x, "worker.service_listen", x.service_address());
        !usable)
      return complain(usable.error());
  if (x.node.roles.gateway) {
    auto opened = listen_on(x, "http.listen", x.http.listen);
    if (!opened)
      return complain(opened.error());
    http = std::move(opened.value());
  }
  return run_keeper(x, std::move(http),
                    [&](const node_environment& environment) {
                      return serve(x, environment, code);
                    });
}

} // namespace coppice
