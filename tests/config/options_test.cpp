// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/options.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <fstream>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

const std::string minimal = "node.id = n1\ndata.dir = var/n1\n";

struct fixture {
  std::string write(const std::string& text) {
    auto file = (folder.path() / "test.conf").string();
    std::ofstream{file, std::ios::binary} << text;
    return file;
  }

  result<node_config> load_text(const std::string& text,
                                const std::vector<std::string>& args = {}) {
    auto arguments = parse_node_arguments(args);
    return load(write(text), arguments.value().overrides);
  }

  /// Returns the error of *text* without the folder's name.
  std::string error_of(const std::string& text,
                       const std::vector<std::string>& args = {}) {
    auto loaded = load_text(text, args);
    if (loaded)
      return "none";
    auto message = loaded.error().message;
    CAF_CHECK_EQUAL(message.find('\n'), std::string::npos);
    auto prefix = folder.path().string() + "/";
    auto at = message.find(prefix);
    return at == std::string::npos ? message : message.erase(at, prefix.size());
  }

  /// Returns the error of the *line* after the ones that every file needs.
  std::string error_of_line(const std::string& line) {
    return error_of(minimal + line);
  }

  test::temp_folder folder;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(options_tests, fixture)

CAF_TEST(sections and full names mean the same) {
  auto a = load_text("[node]\nid = n1\n[data]\ndir = d\n[worker]\nslots=3");
  auto b
    = load_text("node.id=n1\r\n data.dir = d # here\n\nworker.slots = 3\n");
  CAF_REQUIRE(a);
  CAF_REQUIRE(b);
  for (auto* x : {&a.value(), &b.value()}) {
    CAF_CHECK_EQUAL(x->node.id, "n1");
    CAF_CHECK_EQUAL(x->data.dir.string(), "d");
    CAF_CHECK_EQUAL(x->worker.slots, 3u);
  }
}

CAF_TEST(the command line wins over the file) {
  auto x = load_text(minimal + "worker.slots = 3",
                     {"--worker.slots=5", "--node.id", "n2"});
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().worker.slots, 5u);
  CAF_CHECK_EQUAL(x.value().node.id, "n2");
  CAF_CHECK_EQUAL(x.value().where("node.id"), "--node.id");
  CAF_CHECK_EQUAL(x.value().where("node.listen"), "node.listen (default)");
}

CAF_TEST(every mistake is one line with file and line and key) {
  CAF_CHECK_EQUAL(error_of_line("worker.slots = many"),
                  "test.conf:3: worker.slots: 'many' is not a whole number from"
                  " 1 to 4096");
  CAF_CHECK_EQUAL(error_of_line("[worker]\nslot = 3"),
                  "test.conf:4: worker.slot: is not an option; did you mean"
                  " 'worker.slots'?");
  CAF_CHECK_EQUAL(error_of_line("banana = 3"),
                  "test.conf:3: banana: is not an option");
  CAF_CHECK_EQUAL(error_of_line("\n[node]\nid = n2"),
                  "test.conf:5: node.id: stands in line 1 already");
  CAF_CHECK_EQUAL(error_of_line("log.level ="),
                  "test.conf:3: 'log.level' has no value");
  CAF_CHECK_EQUAL(error_of_line("log.level"),
                  "test.conf:3: 'log.level' is neither 'key = value' nor"
                  " '[section]'");
  CAF_CHECK_EQUAL(error_of_line("[log"),
                  "test.conf:3: '[log' is not a section: write '[name]'");
  CAF_CHECK_EQUAL(error_of_line("keeper.period = 10"),
                  "test.conf:3: keeper.period: '10' is not a duration from"
                  " 100ms to 7d, such as 500ms, 2s, 10m or 1h");
}

CAF_TEST(mistakes on the command line name the option) {
  auto error_of_args = [](const std::vector<std::string>& xs) {
    auto parsed = parse_node_arguments(xs);
    return parsed ? "none" : parsed.error().message;
  };
  CAF_CHECK_EQUAL(
    error_of(minimal, {"--worker.slots=many"}),
    "--worker.slots: 'many' is not a whole number from 1 to 4096");
  CAF_CHECK_EQUAL(error_of_args({"--worker.slot=1"}),
                  "--worker.slot: is not an option; did you mean"
                  " 'worker.slots'?");
  CAF_CHECK_EQUAL(error_of_args({"--worker.slots"}),
                  "--worker.slots: has no value");
  CAF_CHECK_EQUAL(error_of_args({"--worker.slots="}),
                  "--worker.slots: has no value");
  CAF_CHECK_EQUAL(error_of_args({"--node.id=a", "--node.id=b"}),
                  "--node.id: is given twice");
  CAF_CHECK_EQUAL(error_of_args({"start"}),
                  "'start': is not an option: write --key=value, or --config "
                  "FILE");
  CAF_CHECK_EQUAL(error_of_args({"--node.i=a"}),
                  "--node.i: is not an option; did you mean 'node.id'?");
}

CAF_TEST(config file and help are options of the command line only) {
  auto x = parse_node_arguments({"--config", "a.conf", "--help"});
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().config_file.string(), "a.conf");
  CAF_CHECK(x.value().help);
  CAF_CHECK_EQUAL(error_of_line("help = yes"),
                  "test.conf:3: help: is not an option");
}

CAF_TEST(what every node needs is missed with the name of the file) {
  CAF_CHECK_EQUAL(error_of("data.dir = d"),
                  "test.conf: node.id: is missing; every node needs its own");
  CAF_CHECK_EQUAL(error_of("node.id = n1"),
                  "test.conf: data.dir: is missing; every node needs its own");
  CAF_CHECK_EQUAL(error_of_line("node.roles = worker"),
                  "test.conf: worker.managers: is missing; a node without the"
                  " role manager needs the address of a manager");
}

CAF_TEST(others are let in only with node insecure) {
  auto open = std::string{"node.listen = 0.0.0.0:7401\n"};
  CAF_CHECK_EQUAL(error_of_line(open).find("test.conf:3: node.listen: "
                                           "'0.0.0.0:7401' can be reached"),
                  0u);
  CAF_CHECK_EQUAL(error_of_line(open + "node.insecure = yes"), "none");
  CAF_CHECK_EQUAL(error_of(minimal + open, {"--node.insecure"}), "none");
}

CAF_TEST(requests to services come in where other nodes do) {
  auto x = load_text(minimal + "node.listen = 127.0.0.5:7401");
  CAF_REQUIRE(x);
  CAF_CHECK(x.value().service_address() == (host_port{"127.0.0.5", 0}));
  auto open = std::string{"worker.service_listen = 0.0.0.0:7500\n"};
  CAF_CHECK_EQUAL(error_of_line(open).find("test.conf:3: worker.service_listen:"
                                           " '0.0.0.0:7500' can be reached"),
                  0u);
  CAF_CHECK_EQUAL(error_of_line(open + "node.insecure = yes"), "none");
}

CAF_TEST(a gateway may listen anywhere because it asks for tokens) {
  auto open = std::string{"http.listen = 0.0.0.0:7480\n"};
  auto roles = std::string{"node.roles = manager,gateway\n"};
  CAF_CHECK_EQUAL(error_of_line(open), "none");
  CAF_CHECK_EQUAL(error_of_line(open + roles), "none");
  CAF_CHECK_EQUAL(error_of_line(roles + "http.listen = [::1]:0"), "none");
  CAF_CHECK_EQUAL(error_of_line("node.roles = gateway"),
                  "test.conf: worker.managers: is missing; a node without the"
                  " role manager needs the address of a manager");
}

CAF_TEST(an ended task is kept for the longer of two times) {
  auto x = load_text(minimal + "history.keep = 2h\ndedupe.window = 1h");
  auto y = load_text(minimal + "history.keep = 1s\ndedupe.window = 1h");
  auto z = load_text(minimal);
  CAF_REQUIRE(x && y && z);
  CAF_CHECK(x.value().ended_kept() == 2h);
  CAF_CHECK(y.value().ended_kept() == 1h);
  CAF_CHECK(z.value().ended_kept() == 24h * 7);
  CAF_CHECK_EQUAL(error_of_line("history.keep = 0s"),
                  "test.conf:3: history.keep: '0s' is not a duration from 1s"
                  " to 3650d, such as 500ms, 2s, 10m or 1h");
}

CAF_TEST(contradictions blame the option that was set) {
  CAF_CHECK_EQUAL(error_of_line("raft.heartbeat = 400ms"),
                  "test.conf:3: raft.heartbeat: raft.heartbeat (400ms) must be"
                  " at most half of raft.election_timeout (500ms)");
  CAF_CHECK_EQUAL(error_of_line("lease.duration = 1s"),
                  "test.conf:3: lease.duration: keepalive.interval (1s) must be"
                  " at most half of lease.duration (1s)");
  CAF_CHECK_EQUAL(error_of(minimal, {"--keeper.backoff_max=1ms"}),
                  "--keeper.backoff_max: keeper.backoff_min (100ms) is more"
                  " than keeper.backoff_max (1ms)");
  CAF_CHECK_EQUAL(error_of_line("net.timeout = 500ms"),
                  "test.conf:3: net.timeout: net.heartbeat (500ms) must be at"
                  " most half of net.timeout (500ms)");
}

CAF_TEST(a file that cannot be read is named) {
  auto missing = (folder.path() / "none.conf").string();
  auto x = load(missing, {});
  CAF_CHECK_EQUAL(x.error().message,
                  missing + ": cannot be opened: No such file or directory");
  auto y = load(folder.path(), {});
  CAF_CHECK_EQUAL(y.error().message,
                  folder.path().string() + ": is a folder, not a config file");
  CAF_CHECK_EQUAL(error_of(std::string(2 << 20, '#')),
                  "test.conf: is larger than 1 MiB: not a config file");
}

CAF_TEST(garbage in the file is refused in one line) {
  CAF_CHECK_EQUAL(error_of(std::string("\x7f"
                                       "ELF\0\1\n",
                                       7)),
                  "test.conf:1: '?ELF?"
                  "?' is neither 'key = value' nor"
                  " '[section]'");
}

CAF_TEST(every default is accepted by its own option) {
  auto text = minimal;
  for (auto& x : option_list()) {
    CAF_CHECK_NOT_EQUAL(option_help().find("--" + x.key), std::string::npos);
    if (!x.fallback.empty())
      text += x.key + " = " + x.fallback + "\n";
  }
  CAF_CHECK_EQUAL(error_of(text), "none");
}

CAF_TEST(services are for managers) {
  auto text = minimal + "[service.web]\ncommand = /bin/web\n";
  auto loaded = load_text(text);
  CAF_REQUIRE(loaded);
  CAF_REQUIRE_EQUAL(loaded.value().services.size(), 1u);
  CAF_CHECK_EQUAL(loaded.value().services[0].name(), "web");
  CAF_CHECK_EQUAL(error_of(text + "instances = 0\n").substr(0, 36),
                  "test.conf:5: service.web.instances: ");
  auto worker = error_of(minimal
                         + "node.roles = worker\n"
                           "worker.managers = localhost:1\n"
                           "service.web.command = /bin/web\n");
  CAF_CHECK_EQUAL(worker.substr(0, 34), "test.conf:5: service.web.command: ");
}

CAF_TEST_FIXTURE_SCOPE_END()
