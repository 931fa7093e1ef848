// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"
#include "storage/backup/backup_file.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

namespace po = boost::program_options;

namespace coppice {

namespace {

using clock = std::chrono::steady_clock;

/// How often a group is begun anew because its copy is gone, e.g. with the lead
/// of the manager that had it.
constexpr int max_tries = 5;

/// Pauses while a copy is being made, doubled from the first to the last.
constexpr auto first_pause = std::chrono::milliseconds{5};
constexpr auto last_pause = std::chrono::milliseconds{500};

struct backup_plan {
  std::string file;
  bool force = false;
};

/// Fetches a backup, group by group.
class fetcher {
public:
  fetcher(context& ctx, backup_writer& out) : ctx_(ctx), out_(out) {
    // nop
  }

  /// @returns `exit_code::success`, or what the process is to end with; then it
  ///          has been said why.
  exit_code run() {
    proto::BackupHeader header;
    header.set_made_ms(now_ms());
    header.set_version(COPPICE_VERSION);
    proto::Reply reply;
    if (!ask({}, reply))
      return code_;
    header.set_node(reply.backup().node());
    *header.mutable_groups() = reply.backup().groups();
    if (!keep(out_.begin(header)))
      return code_;
    for (auto& name : header.groups())
      if (!fetch(name))
        return code_;
    keep(out_.finish());
    groups_ = header.groups_size();
    return code_;
  }

  std::string summary() const {
    return (groups_ == 1 ? "1 group, " : std::to_string(groups_) + " groups, ")
           + (tasks_ == 1 ? "1 task, " : std::to_string(tasks_) + " tasks, ")
           + render_bytes(out_.size());
  }

private:
  /// Asks, and says what is wrong unless the copy is gone.
  bool ask(const proto::BackupRequest& x, proto::Reply& reply) {
    proto::Request request;
    *request.mutable_backup() = x;
    auto answer = ctx_.cluster().ask(std::move(request));
    if (!answer) {
      code_ = ctx_.complain_of_silence(answer.error());
      return false;
    }
    reply = std::move(answer.value());
    if (reply.has_error() && !is_gone(reply))
      return refuse(reply.error().message());
    return true;
  }

  bool refuse(const std::string& why) {
    ctx_.complain(why);
    code_ = exit_code::refused;
    return false;
  }

  static bool is_gone(const proto::Reply& x) {
    return x.error().code() == static_cast<uint32_t>(ec::not_found);
  }

  bool keep(const result<>& done) {
    if (done)
      return true;
    ctx_.complain(done.error().message);
    code_ = exit_code::usage;
    return false;
  }

  bool fetch(const std::string& group) {
    for (auto i = 0; i < max_tries; ++i) {
      auto done = try_fetch(group);
      if (done || code_ != exit_code::success)
        return done;
    }
    return refuse("group " + group
                  + " could not be backed up: " + std::to_string(max_tries)
                  + " copies of it were lost before they were here, the last "
                    "one because "
                  + lost_);
  }

  /// Fetches one copy.
  /// @returns whether all of it is here; if not and `code_` is a success, the
  ///          copy is gone.
  bool try_fetch(const std::string& group) {
    proto::BackupRequest wanted;
    wanted.set_group(group);
    std::optional<proto::BackupGroup> facts;
    uint64_t left = 0;
    auto pause = first_pause;
    do {
      proto::Reply reply;
      if (!ask(wanted, reply))
        return false;
      if (reply.has_error()) {
        lost_ = reply.error().message();
        return false;
      }
      auto& part = reply.backup().part();
      wanted.set_copy(part.copy());
      if (part.total() == 0) {
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, last_pause);
        continue;
      }
      if (!facts) {
        facts = facts_of(group, reply.backup());
        left = part.total();
        if (!keep(out_.begin_group(*facts)))
          return false;
      }
      if (part.offset() != wanted.offset() || part.data().empty()
          || part.total() != facts->size() || part.data().size() > left)
        return refuse("the manager sent a part that was not asked for");
      if (!keep(out_.append(part.data())))
        return false;
      wanted.set_offset(wanted.offset() + part.data().size());
      left -= part.data().size();
    } while (!facts || left > 0);
    tasks_ += facts->tasks();
    return keep(out_.end_group());
  }

  static proto::BackupGroup facts_of(const std::string& group,
                                     const proto::BackupReply& x) {
    proto::BackupGroup out;
    out.set_name(group);
    out.set_size(x.part().total());
    out.set_tables_format(x.tables_format());
    out.set_tasks(x.tasks());
    return out;
  }

  context& ctx_;

  backup_writer& out_;

  exit_code code_ = exit_code::success;

  /// Why the last copy was gone.
  std::string lost_;

  int groups_ = 0;

  uint64_t tasks_ = 0;
};

exit_code back_up(context& ctx, const backup_plan& x) {
  auto begin = clock::now();
  auto out = backup_writer::create(x.file, x.force);
  if (!out) {
    ctx.complain(out.error().message);
    return exit_code::usage;
  }
  fetcher work{ctx, out.value()};
  auto code = work.run();
  if (code != exit_code::success)
    return code;
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now()
                                                                    - begin);
  ctx.out << printable(x.file) << ": " << work.summary() << ", in "
          << render_duration(took.count()) << "\n";
  return code;
}

void declare(po::options_description& x) {
  x.add_options()("force", "replace FILE if it exists");
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 1, 1, "file"); !okay)
    return okay.error();
  backup_plan x{args.words[0], args.has("force")};
  return action{[x](context& ctx) { return back_up(ctx, x); }};
}

} // namespace

const command backup_command_info{
  .name = "backup",
  .brief = "write the state of the cluster to a file",
  .synopsis = "[options] FILE",
  .text = "Everything that was acknowledged before is in it. The cluster goes "
          "on meanwhile. FILE\n"
          "appears when it is complete; until then it is FILE.part. "
          "'coppice restore' makes a\n"
          "cluster of it. What tasks wrote to their output is not in it.\n"
          "\n"
          "Example: coppice backup /backup/coppice-$(date +%F)\n",
  .declare = declare,
  .prepare = prepare,
};

} // namespace coppice
