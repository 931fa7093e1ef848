// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/exec_spec.hpp"

#include "apps/commands/text.hpp"
#include "config/values.hpp"
#include "runtime/duration.hpp"
#include "runtime/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace coppice {

namespace {

using std::chrono::milliseconds;

/// A node refuses less by default; this only keeps a mistake from filling the
/// memory.
constexpr size_t most_stdin = 64 << 20;

/// More than any machine has.
constexpr uint64_t most_memory = uint64_t{1024} << 40;

/// Protobuf's strings are UTF-8, the words of a command line are bytes.
result<> expect_utf8(const std::string& what, const std::string& text) {
  if (is_valid_utf8(text))
    return ok();
  return usage_error(what + ": " + quote(text) + " is not valid UTF-8");
}

result<> set_names(const arguments& args, proto::TaskSpec& spec) {
  for (auto* option : {"product", "key"})
    if (auto okay = expect_utf8(std::string{"--"} + option, args.text(option));
        !okay)
      return okay;
  spec.set_product(args.text("product"));
  spec.set_idempotency_key(args.text("key"));
  for (auto& rule : args.texts("label")) {
    if (auto okay = expect_utf8("--label", rule); !okay)
      return okay;
    spec.add_labels(rule);
  }
  return ok();
}

result<> set_numbers(const arguments& args, proto::TaskSpec& spec) {
  auto priority = args.number("priority", 0, -9, 9);
  if (!priority)
    return priority.error();
  spec.set_priority(static_cast<int32_t>(priority.value()));
  auto weight = args.number("weight", 0, 1, 1'000);
  if (!weight)
    return weight.error();
  spec.set_weight(static_cast<uint32_t>(weight.value()));
  auto attempts = args.number("attempts", 0, 1, 1'000);
  if (!attempts)
    return attempts.error();
  if (attempts.value() != 0)
    spec.mutable_retry()->set_attempts(static_cast<uint32_t>(attempts.value()));
  return ok();
}

result<> set_clocks(const arguments& args, proto::TaskSpec& spec) {
  auto total = args.duration("timeout", milliseconds{0}, max_stated_duration);
  if (!total)
    return total.error();
  auto stall
    = args.duration("stall-timeout", milliseconds{0}, max_stated_duration);
  if (!stall)
    return stall.error();
  auto backoff = args.duration("backoff", milliseconds{0}, max_stated_duration);
  if (!backoff)
    return backoff.error();
  if (total.value())
    *spec.mutable_timeouts()->mutable_total() = to_proto(*total.value());
  if (stall.value())
    *spec.mutable_timeouts()->mutable_stall() = to_proto(*stall.value());
  if (backoff.value())
    *spec.mutable_retry()->mutable_backoff() = to_proto(*backoff.value());
  return ok();
}

result<> set_environment(const arguments& args, proto::ExecPayload& exec) {
  for (auto& text : args.texts("env")) {
    auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      return usage_error("--env: " + quote(text) + " is not KEY=VALUE");
    if (auto okay = expect_utf8("--env", text); !okay)
      return okay;
    (*exec.mutable_env())[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return ok();
}

result<std::string> read_file(const std::string& name) {
  std::ifstream file{name, std::ios::binary};
  std::string result;
  char buffer[1 << 16];
  while (file.read(buffer, sizeof(buffer)) || file.gcount() > 0) {
    result.append(buffer, static_cast<size_t>(file.gcount()));
    if (result.size() > most_stdin)
      return usage_error("--stdin: " + quote(name)
                         + " is too large to be a part of a task");
  }
  if (!file.eof())
    return error{ec::system_failure, "--stdin: cannot read " + quote(name)
                                       + ": " + strerror(errno)};
  return result;
}

result<> set_folder(const std::string& text, proto::ExecPayload& exec) {
  if (text.empty())
    return usage_error("--folder: the name of the folder is missing");
  std::error_code err;
  auto folder = std::filesystem::absolute(text, err).string();
  if (err)
    return usage_error("--folder: " + quote(text)
                       + " is relative, and where "
                         "you are is not known: "
                       + err.message());
  if (auto okay = expect_utf8("--folder", folder); !okay)
    return okay;
  exec.set_folder(folder);
  return ok();
}

result<> set_surroundings(const arguments& args, proto::ExecPayload& exec) {
  if (auto okay = set_environment(args, exec); !okay)
    return okay;
  if (args.has("folder"))
    if (auto okay = set_folder(args.text("folder"), exec); !okay)
      return okay;
  if (args.has("stdin")) {
    auto name = args.text("stdin");
    auto bytes = read_file(name == "-" ? "/dev/stdin" : name);
    if (!bytes)
      return bytes.error();
    exec.set_stdin(bytes.value());
  }
  if (args.has("memory")) {
    auto bytes = parse_size(args.text("memory"), {1, most_memory});
    if (!bytes)
      return usage_error("--memory: " + bytes.error().message);
    exec.mutable_limits()->set_memory_bytes(bytes.value());
  }
  return ok();
}

} // namespace

void declare_run_options(boost::program_options::options_description& x) {
  x.add_options()("product", text_value("NAME"),
                  "whose work it is (default: default)")(
    "priority", text_value("N"),
    "-9 to 9, higher runs first within the product (default 0)")(
    "label", texts_value("RULE"),
    "what its node must have, e.g. gpu=yes or zone!=a; may be repeated")(
    "weight", text_value("N"),
    "how many slots of its node it takes, 1 to 1000 (default 1)")(
    "key", text_value("KEY"),
    "makes it safe to submit twice: the same key of the same product names the "
    "same task")("attempts", text_value("N"),
                 "how many attempts may start, 1 to 1000")(
    "backoff", text_value("TIME"),
    "pause before the second attempt, e.g. 500ms; doubles for each further "
    "one")(
    "timeout", text_value("TIME"),
    "longest time from the first start to the end, over all attempts; 0s "
    "is none")("stall-timeout", text_value("TIME"),
               "stop an attempt whose progress stands still for this "
               "long; 0s is none")(
    "env", texts_value("KEY=VALUE"),
    "adds a variable to the environment of the command; may be repeated")(
    "folder", text_value("DIR"),
    "where the command starts (default: a folder of its own)")(
    "stdin", text_value("FILE"),
    "what the command reads from its standard input; - is that of this "
    "command")("memory", text_value("SIZE"),
               "limit of the address space of each process, e.g. 512MiB")(
    "wait,w", "show the progress until the task has ended")(
    "json", "print JSON objects instead of the id");
}

result<proto::TaskSpec> exec_spec(const arguments& args) {
  if (!args.words.empty() || !args.separated)
    return usage_error("put -- before the command, as in: coppice run -- ls "
                       "/tmp");
  if (args.tail.empty() || args.tail[0].empty())
    return usage_error("the command behind -- is missing");
  proto::TaskSpec spec;
  spec.set_kind("exec");
  for (auto& word : args.tail) {
    if (auto okay = expect_utf8("the command", word); !okay)
      return okay.error();
    spec.mutable_exec()->add_argv(word);
  }
  if (auto okay = set_names(args, spec); !okay)
    return okay.error();
  if (auto okay = set_numbers(args, spec); !okay)
    return okay.error();
  if (auto okay = set_clocks(args, spec); !okay)
    return okay.error();
  if (auto okay = set_surroundings(args, *spec.mutable_exec()); !okay)
    return okay.error();
  return spec;
}

} // namespace coppice
