// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"

// The page of `coppice task`.

namespace coppice {

namespace {

/// Lines of a name and a value, the values below each other.
class page {
public:
  void add(const std::string& name, const std::string& value) {
    if (!value.empty())
      text_ += pad(name, 11) + value + "\n";
  }

  void add_block(const std::string& block) {
    text_ += block;
  }

  const std::string& text() const {
    return text_;
  }

private:
  std::string text_;
};

void add_stages(page& out,
                const google::protobuf::RepeatedPtrField<proto::Stage>& xs,
                size_t depth) {
  for (auto& x : xs) {
    out.add("", render_percent(x.percent()) + "  " + std::string(depth * 2, ' ')
                  + printable(x.name()));
    add_stages(out, x.stages(), depth + 1);
  }
}

void add_progress(page& out, const proto::Task& x) {
  if (!x.has_progress() && x.state() != proto::SUCCEEDED)
    return;
  auto percent = percent_of(x);
  auto line = render_bar(percent, 22) + " " + render_percent(percent);
  if (!x.progress().message().empty())
    line += "  " + printable(x.progress().message());
  out.add("progress", line);
  add_stages(out, x.progress().stages(), 0);
}

void add_outcome(page& out, const proto::Task& x) {
  if (x.has_error())
    out.add("error", render_error(x.error()));
  if (x.exit_status() != 0)
    out.add("exit", std::to_string(x.exit_status()));
  out.add("result", printable(x.result()));
}

void add_spec(page& out, const proto::TaskSpec& x) {
  if (x.has_exec())
    out.add("command", printable(shell_quoted(
                         {x.exec().argv().begin(), x.exec().argv().end()})));
  out.add("key", printable(x.idempotency_key()));
  // As it can be submitted again.
  out.add("spec", printable(to_json(x)));
}

std::string attempt_outcome(const proto::Attempt& x) {
  std::string result = state_name(x.outcome());
  if (auto why = reason_text(x.reason()); !why.empty())
    result += ", " + why;
  return result;
}

std::string resumed_text(const proto::Attempt& x) {
  // Proto3 has no "absent": an attempt that has not ended says 0.
  return x.resumed_bytes() > 0
           ? render_bytes(static_cast<uint64_t>(x.resumed_bytes()))
           : "-";
}

std::string attempts_table(const proto::Task& x, unix_ms now) {
  std::vector<std::vector<std::string>> rows;
  for (auto& a : x.attempts()) {
    auto begin = a.started_ms() != 0 ? a.started_ms() : a.leased_ms();
    auto end = a.ended_ms() != 0 ? a.ended_ms() : now;
    rows.push_back({std::to_string(a.number()), a.node(),
                    std::to_string(a.incarnation()), attempt_outcome(a),
                    render_age(begin, now) + " ago",
                    render_duration(end - begin), resumed_text(a),
                    a.has_error() ? render_error(a.error()) : ""});
  }
  return render_table({"ATTEMPT", "NODE", "INCARNATION", "OUTCOME", "BEGAN",
                       "TOOK", "RESUMED", "ERROR"},
                      rows);
}

} // namespace

std::string render_task(const proto::Task& x, unix_ms now) {
  page out;
  out.add("task", printable(x.id()));
  out.add("product", printable(x.product()));
  out.add("kind", printable(x.kind()));
  out.add("state", render_standing(x, now));
  out.add("attempt", std::to_string(x.attempt()) + " ("
                       + std::to_string(x.tries()) + " counted)");
  out.add("submitted", render_age(x.submitted_ms(), now) + " ago, "
                         + render_time(x.submitted_ms()));
  out.add(has_ended(x.state()) ? "ended" : "changed",
          render_age(x.changed_ms(), now) + " ago");
  add_progress(out, x);
  add_outcome(out, x);
  if (x.has_spec())
    add_spec(out, x.spec());
  if (!x.attempts().empty())
    out.add_block("\n" + attempts_table(x, now));
  return out.text();
}

} // namespace coppice
