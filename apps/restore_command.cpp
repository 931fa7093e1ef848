// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/restore_command.hpp"

#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "apps/keeper_lock.hpp"
#include "config/data_folder.hpp"
#include "config/options.hpp"
#include "storage/backup/restore_group.hpp"
#include "storage/consensus/membership.hpp"
#include "storage/tables_transfer.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

namespace coppice {

namespace {

namespace fs = std::filesystem;

using state_machine::restore_counts;

constexpr int usage = 2;

/// How long a node that was just killed may take to end.
constexpr auto lock_patience = std::chrono::seconds{10};

int complain(const std::string& why) {
  std::fprintf(stderr, "coppice restore: %s\n", printable(why).c_str());
  return usage;
}

/// The command line, taken apart.
struct restore_plan {
  fs::path file;
  node_arguments node;
};

result<restore_plan> parse(std::vector<std::string> args) {
  restore_plan x;
  // What is no option and no value of one is the file.
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].starts_with("-")) {
      if (args[i].find('=') == std::string::npos && args[i] != "--help")
        ++i; // Its value follows.
      continue;
    }
    x.file = args[i];
    args.erase(args.begin() + static_cast<ptrdiff_t>(i));
    break;
  }
  auto node = parse_node_arguments(args);
  if (!node)
    return node.error();
  x.node = std::move(node.value());
  if (x.node.help)
    return x;
  if (x.file.empty())
    return error{ec::invalid_argument,
                 "the backup is missing: coppice restore FILE --config CONF"};
  if (x.node.config_file.empty() && x.node.overrides.empty())
    return error{ec::invalid_argument,
                 "--config CONF is missing: the config file of the node that "
                 "is to have the state"};
  return x;
}

/// Makes a data folder, which nobody has seen before it is complete.
class restore {
public:
  restore(const backup_file& from, const node_config& config)
    : from_(from),
      config_(config) {
    // nop
  }

  result<> run() {
    auto& dir = config_.data.dir;
    if (auto done = check_restorable(dir); !done)
      return done;
    if (auto done = make_folder(); !done)
      return done;
    auto lock = lock_data_folder(dir, lock_patience);
    if (!lock)
      return lock.as_failure();
    // A node may have begun meanwhile.
    if (auto done = check_restorable(dir); !done)
      return done;
    auto done = fill();
    if (!done)
      abandon_restore(dir);
    return done;
  }

  const restore_counts& counts() const noexcept {
    return counts_;
  }

private:
  result<> make_folder() {
    std::error_code err;
    auto made = fs::create_directories(config_.data.dir, err);
    if (err)
      return error{ec::storage_failure,
                   "'" + config_.data.dir.string()
                     + "' cannot be made: " + err.message()};
    if (made) // Payloads of tasks are nobody else's business.
      fs::permissions(config_.data.dir, fs::perms::owner_all, err);
    return ok();
  }

  result<> fill() {
    auto groups = begin_restore(config_.data.dir);
    if (!groups)
      return groups.as_failure();
    auto member = member_number(config_.data.dir, manager_tag(config_.node.id));
    if (!member)
      return member.as_failure();
    restore_options options;
    options.member = member.value();
    options.terms
      = {now_ms(), draw_number(), member.value(), config_.lease.duration};
    options.tables.environment.map_size_bytes = config_.storage.map_size_bytes;
    for (size_t i = 0; i < from_.groups().size(); ++i) {
      auto counts = restore_group(
        from_, i, groups.value() / from_.groups()[i].name(), options);
      if (!counts)
        return counts.as_failure();
      counts_.tasks += counts.value().tasks;
      counts_.unfinished += counts.value().unfinished;
      counts_.interrupted += counts.value().interrupted;
    }
    return finish_restore(config_.data.dir);
  }

  const backup_file& from_;

  const node_config& config_;

  restore_counts counts_;
};

std::string count(uint64_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

void report(const backup_file& from, const node_config& config,
            const restore_counts& counts) {
  auto& header = from.header();
  std::printf("the backup of %s, made by node %s with version %s: %s, %s\n",
              render_time(header.made_ms()).c_str(),
              printable(header.node()).c_str(),
              printable(header.version()).c_str(),
              count(from.groups().size(), "group").c_str(),
              render_bytes(from.size()).c_str());
  std::printf("%s restored to %s: %llu not ended, %llu of those being tried "
              "then and tried anew now\n",
              count(counts.tasks, "task").c_str(),
              printable(config.data.dir.string()).c_str(),
              static_cast<unsigned long long>(counts.unfinished),
              static_cast<unsigned long long>(counts.interrupted));
  if (config.cluster.managers.size() > 1)
    std::printf("node %s begins the cluster; start the other managers with "
                "empty data folders, they are taken in\n",
                config.node.id.c_str());
}

void print_help() {
  std::printf(
    "Makes the data folder of a manager from a backup: the node then begins "
    "the "
    "cluster\nanew, with the state of the backup and as its only manager. It "
    "must not run, its data\nfolder must be empty or not there, and no manager "
    "of the former cluster may run any\nmore. Restore on one manager only: "
    "others that cluster.managers names come with empty\ndata folders and are "
    "taken in.\n\n"
    "Usage: coppice restore FILE --config CONF [--SECTION.KEY=VALUE ...]\n\n"
    "CONF and the options are those of 'coppice node', which has the list.\n\n"
    "Exit codes: 0 restored; 2 usage, configuration, backup or data folder: "
    "nothing is\nchanged then.\n\n"
    "Example: coppice restore /backup/coppice-2026-11-22 --config "
    "config/single.conf\n");
}

} // namespace

int run_restore_command(const std::vector<std::string>& args) {
  auto plan = parse(args);
  if (!plan)
    return complain(plan.error().message);
  auto& x = plan.value();
  if (x.node.help) {
    print_help();
    return 0;
  }
  auto config = load(x.node.config_file, x.node.overrides);
  if (!config)
    return complain(config.error().message);
  if (!config.value().node.roles.manager)
    return complain(config.value().where("node.roles")
                    + ": this node is no manager, and only managers have a "
                      "state");
  auto from = backup_file::open(x.file);
  if (!from)
    return complain(from.error().message);
  restore work{from.value(), config.value()};
  if (auto done = work.run(); !done)
    return complain(config.value().where("data.dir") + ": "
                    + done.error().message);
  report(from.value(), config.value(), work.counts());
  return 0;
}

} // namespace coppice
