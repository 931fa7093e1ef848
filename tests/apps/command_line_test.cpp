// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/commands.hpp"
#include "apps/commands/exec_spec.hpp"
#include "apps/commands/progress_line.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using words = std::vector<std::string>;

/// Returns what is wrong with a command line; empty if it is understood.
std::string complaint(const words& args) {
  auto x = parse(args);
  return x ? std::string{} : x.error().message;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

result<proto::TaskSpec> spec_of(const words& args) {
  boost::program_options::options_description known;
  declare_run_options(known);
  auto x = parse_arguments(args, known, true);
  if (!x)
    return x.error();
  return exec_spec(x.value());
}

proto::TaskSpec good_spec(const words& args) {
  auto x = spec_of(args);
  CAF_REQUIRE(x);
  return x.value();
}

std::string bad_spec(const words& args) {
  auto x = spec_of(args);
  CAF_REQUIRE(!x);
  return x.error().message;
}

} // namespace

CAF_TEST(every command is understood as its help shows it) {
  for (auto& args : std::vector<words>{
         {"run", "--", "ls", "-l", "--color"},
         {"run", "-w", "--json", "--", "true"},
         {"submit", "tasks.jsonl"},
         {"submit", "--wait", "--json", "-"},
         {"tasks"},
         {"tasks", "--product=p", "--state", "timed-out", "--state=running"},
         {"tasks", "--all", "--limit=1000", "--after=1.1.1", "--json"},
         {"task", "1.1.42"},
         {"task", "--json", "1.1.42", "1.1.43"},
         {"watch"},
         {"watch", "1.1.42", "--patience=90s"},
         {"logs", "-f", "1.1.42"},
         {"logs", "--attempt=2", "1.1.42"},
         {"cancel", "1.1.42", "1.1.43"},
         {"retry", "1.1.42"},
         {"explain", "--json", "1.1.42"},
         {"nodes", "--connect=[::1]:7401"},
         {"stop", "-c", "host.example:1"},
         {"backup", "--force", "-c", "host.example:1", "file"},
         {"progress", "40", "half", "way"},
         {"progress", "99.5%"},
         {"progress", "40", "--", "-v"},
         {"stage", "--weight=3", "copy/part-1", "12.5", "text"},
         {"stage", "copy", "100"},
         {"checkpoint", "state.bin"},
         {"result", "42", "rows"},
       })
    CAF_CHECK_EQUAL(complaint(args), "");
}

CAF_TEST(what is not understood is named in one line) {
  auto says = [](const words& args, const std::string& part) {
    auto text = complaint(args);
    CAF_MESSAGE(args[0] << ": " << text);
    CAF_CHECK(mentions(text, part));
    CAF_CHECK(!mentions(text, "\n"));
  };
  says({"tasks", "--limits=3"}, "--limits");
  says({"tasks", "--lim=3"}, "--lim"); // No guessing.
  says({"tasks", "--limit"}, "--limit");
  says({"tasks", "--limit=0"}, "'0'");
  says({"tasks", "--limit=1001"}, "'1001'");
  says({"tasks", "--limit=3x"}, "'3x'");
  says({"tasks", "--json=yes"}, "--json");
  says({"tasks", "--json", "--json"}, "--json");
  says({"tasks", "--state=busy"}, "'busy'");
  says({"tasks", "1.1.1"}, "'1.1.1'");
  says({"tasks", "--after=x"}, "--after: 'x' is not a task id");
  says({"task"}, "task id");
  says({"task", "1.1"}, "'1.1'");
  says({"task", "1.1.x\n"}, "\\n");
  says({"cancel"}, "task id");
  says({"retry", "x"}, "'x'");
  says({"explain", "1.1.1", "1.1.2"}, "'1.1.2'");
  says({"logs", "1.1.1", "--attempt=-1"}, "'-1'");
  says({"logs", "-x", "1.1.1"}, "-x");
  says({"watch", "--patience=5"}, "'5'");
  says({"nodes", "--connect=nowhere"}, "'nowhere'");
  says({"nodes", "--connect=h:70000"}, "70000");
  says({"nodes", "--connect=h:0"}, "port 0: nobody can be reached");
  says({"submit"}, "file");
  says({"submit", "a", "b"}, "'b'");
  says({"stop", "now"}, "'now'");
  says({"token"}, "action and name");
  says({"token", "make", "a"}, "'make' is not create, list or revoke");
  says({"token", "create"}, "name");
  says({"token", "create", "a"}, "--role is missing");
  says({"token", "create", "a", "--role=root"}, "'root'");
  says({"token", "create", "a/b", "--role=admin"}, "A-Za-z0-9._-");
  says({"token", "create", "a", "--role=admin", "--expires=0s"}, "--expires");
  says({"token", "create", "a", "--role=admin", "--json"}, "list only");
  says({"token", "list", "a"}, "'a'");
  says({"token", "revoke", "a", "--role=admin"}, "create only");
  says({"backup"}, "file is missing");
  says({"backup", "a", "b"}, "'b'");
  says({"progress"}, "percentage");
  says({"progress", "much"}, "percentage");
  says({"progress", "--connect=h:1", "4"}, "--connect");
  says({"stage"}, "path");
  says({"stage", "a"}, "percentage");
  says({"stage", "a b", "3"}, "blanks");
  says({"stage", "--weight=x", "a", "3"}, "weight");
  says({"checkpoint"}, "file");
  says({"result"}, "text");
  says({"run", "ls"}, "--");
  says({"run", "--"}, "command");
}

CAF_TEST(a command that does not exist is answered with the nearest one) {
  CAF_CHECK(mentions(complaint({"tsaks"}), "did you mean 'tasks'"));
  CAF_CHECK(mentions(complaint({"cancle"}), "did you mean 'cancel'"));
  CAF_CHECK(mentions(complaint({"nod"}), "did you mean 'node'"));
  CAF_CHECK(!mentions(complaint({"xyzzy"}), "did you mean"));
  CAF_CHECK(mentions(complaint({"--connect"}), "options follow the command"));
  CAF_CHECK(mentions(complaint({}), "command is missing"));
}

CAF_TEST(an option that does not exist is answered with the nearest one) {
  CAF_CHECK_EQUAL(complaint({"tasks", "--limt=3"}),
                  "there is no option '--limt'; did you mean '--limit'?");
  CAF_CHECK_EQUAL(complaint({"nodes", "--conect", "h:1"}),
                  "there is no option '--conect'; did you mean '--connect'?");
  CAF_CHECK_EQUAL(complaint({"tasks", "--colour"}),
                  "there is no option '--colour'");
  CAF_CHECK(mentions(complaint({"version"}), "did you mean '--version'"));
}

CAF_TEST(every command explains itself with its exit codes and an example) {
  for (auto& x : command_table()) {
    auto invocation = parse({x.name, "--help"});
    CAF_REQUIRE(invocation);
    CAF_CHECK(invocation.value().help);
    auto text = command_help(x);
    for (auto part : {"Usage: coppice ", "Example: coppice ", "Exit codes:"})
      CAF_CHECK(mentions(text, part));
    CAF_CHECK_EQUAL(mentions(text, "--connect"), x.remote);
    CAF_CHECK(mentions(command_overview(), x.brief));
  }
  CAF_CHECK(mentions(command_overview(), "  node "));
  CAF_CHECK(mentions(command_overview(), "  restore "));
}

CAF_TEST(help wins over what else is wrong) {
  CAF_CHECK_EQUAL(complaint({"task", "nonsense", "--help"}), "");
  CAF_CHECK_EQUAL(complaint({"run", "-h"}), "");
}

CAF_TEST(the address comes from the option then the environment) {
  auto address = [](const words& args) {
    auto x = parse(args);
    CAF_REQUIRE(x);
    return to_string(x.value().connection.address);
  };
  unsetenv("COPPICE_ADDRESS");
  CAF_CHECK_EQUAL(address({"tasks"}), "127.0.0.1:7401");
  setenv("COPPICE_ADDRESS", "m1:7500", 1);
  CAF_CHECK_EQUAL(address({"tasks"}), "m1:7500");
  CAF_CHECK_EQUAL(address({"tasks", "--connect=m2:1"}), "m2:1");
  setenv("COPPICE_ADDRESS", "m1", 1);
  CAF_CHECK(mentions(complaint({"tasks"}), "COPPICE_ADDRESS"));
  unsetenv("COPPICE_ADDRESS");
}

CAF_TEST(patience stretches persistence but never shrinks it) {
  auto connection = [](const words& args) {
    auto x = parse(args);
    CAF_REQUIRE(x);
    return x.value().connection;
  };
  CAF_CHECK(connection({"tasks"}).patience < 5s);
  CAF_CHECK(connection({"tasks", "--patience=1s"}).patience == 1s);
  CAF_CHECK(connection({"tasks", "--patience=1s"}).persistence == 60s);
  CAF_CHECK(connection({"tasks", "--patience=2m"}).persistence == 2min);
}

CAF_TEST(run makes the spec that its options say) {
  auto x = good_spec({"--product=p", "--priority=-3", "--label=gpu=yes",
                      "--label", "zone!=a", "--key=k 1", "--attempts=3",
                      "--backoff=1500ms", "--timeout=2h", "--stall-timeout=0s",
                      "--env=A=1", "--env=B=x=y", "--folder=/srv",
                      "--memory=64MiB", "--", "make", "--", "-j"});
  CAF_CHECK_EQUAL(x.kind(), "exec");
  CAF_CHECK_EQUAL(x.product(), "p");
  CAF_CHECK_EQUAL(x.priority(), -3);
  CAF_REQUIRE_EQUAL(x.labels_size(), 2);
  CAF_CHECK_EQUAL(x.labels(1), "zone!=a");
  CAF_CHECK_EQUAL(x.idempotency_key(), "k 1");
  CAF_CHECK_EQUAL(x.retry().attempts(), 3u);
  CAF_CHECK_EQUAL(x.retry().backoff().seconds(), 1);
  CAF_CHECK_EQUAL(x.retry().backoff().nanos(), 500'000'000);
  CAF_CHECK_EQUAL(x.timeouts().total().seconds(), 7200);
  CAF_CHECK(x.timeouts().has_stall());
  CAF_CHECK_EQUAL(x.timeouts().stall().seconds(), 0);
  CAF_CHECK(!x.timeouts().has_no_answer());
  CAF_CHECK_EQUAL(x.exec().env().at("B"), "x=y");
  CAF_CHECK_EQUAL(x.exec().folder(), "/srv");
  CAF_CHECK_EQUAL(x.exec().limits().memory_bytes(), 64u << 20);
  words argv{x.exec().argv().begin(), x.exec().argv().end()};
  CAF_CHECK(argv == (words{"make", "--", "-j"}));
}

CAF_TEST(run leaves to the kind what nobody said) {
  auto x = good_spec({"--", "true"});
  CAF_CHECK(!x.has_timeouts());
  CAF_CHECK(!x.has_retry());
  CAF_CHECK(x.product().empty());
}

CAF_TEST(run takes the standard input from a file) {
  test::temp_folder folder;
  auto name = (folder.path() / "in").string();
  std::ofstream{name, std::ios::binary} << std::string("a\0\xff", 3);
  auto x = good_spec({"--stdin=" + name, "--", "cat"});
  CAF_CHECK_EQUAL(x.exec().stdin().size(), 3u);
  CAF_CHECK(
    mentions(bad_spec({"--stdin=" + name + "x", "--", "cat"}), "cannot read"));
}

CAF_TEST(run refuses what can never work) {
  CAF_CHECK(mentions(bad_spec({"--priority=10", "--", "x"}), "--priority"));
  CAF_CHECK(mentions(bad_spec({"--attempts=0", "--", "x"}), "--attempts"));
  CAF_CHECK(mentions(bad_spec({"--timeout=-1s", "--", "x"}), "--timeout"));
  CAF_CHECK(mentions(bad_spec({"--timeout=1", "--", "x"}), "--timeout"));
  CAF_CHECK(mentions(bad_spec({"--memory=big", "--", "x"}), "--memory"));
  CAF_CHECK(mentions(bad_spec({"--memory=5", "--", "x"}), "to 1024TiB"));
  CAF_CHECK(mentions(bad_spec({"--folder=", "--", "x"}), "--folder"));
  CAF_CHECK(mentions(bad_spec({"--env=A", "--", "x"}), "--env"));
  CAF_CHECK(mentions(bad_spec({"--env==1", "--", "x"}), "--env"));
  CAF_CHECK(mentions(bad_spec({"--", "\xff"}), "UTF-8"));
  CAF_CHECK(mentions(bad_spec({"--key=\xff", "--", "x"}), "UTF-8"));
  CAF_CHECK(mentions(bad_spec({"--", ""}), "missing"));
}

CAF_TEST(words for the protocol stay on one line) {
  CAF_CHECK_EQUAL(protocol_text({"a", "b\nc\rd"}), "a b c d");
  CAF_CHECK(check_protocol_line("progress 40 x"));
  CAF_CHECK(!check_protocol_line("progress"));
}
