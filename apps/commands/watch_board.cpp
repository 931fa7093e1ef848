// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/watch_board.hpp"

#include "apps/commands/text.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// What there is room for beside the state, which nobody can do without.
struct layout {
  size_t bar_width;
  bool has_kind;
};

layout layout_for(size_t columns) {
  if (columns >= 72)
    return {22, true};
  if (columns >= 40)
    return {12, false};
  return {0, false};
}

std::string failure_line(const proto::Task& x, unix_ms now) {
  auto line = x.id() + " " + render_standing(x, now);
  if (x.has_error())
    line += ": " + render_error(x.error());
  // Without an attempt it was cancelled before anything could be written.
  if (x.attempt() > 0)
    line += "; for its output: coppice logs " + x.id();
  return line;
}

/// Renders the bar, if there is room for one, and the percentage.
std::string gauge(double percent, size_t bar_width) {
  auto bar = render_bar(percent, bar_width);
  return bar + (bar.empty() ? "" : " ") + render_percent(percent);
}

/// What is more interesting has a lower number.
int interest(const proto::Task& x) {
  switch (x.state()) {
    case proto::RUNNING:
      return 0;
    case proto::LEASED:
      return 1;
    case proto::FAILED:
    case proto::TIMED_OUT:
    case proto::CANCELLED:
      return 2;
    case proto::SUCCEEDED:
      return 4;
    default:
      return 3;
  }
}

} // namespace

watch_board::watch_board(const std::vector<std::string>& ids) {
  for (auto& id : ids) {
    if (!index_.emplace(id, rows_.size()).second)
      continue;
    row x;
    x.task.set_id(id);
    rows_.push_back(std::move(x));
  }
}

std::string watch_board::update(const proto::Task& x, unix_ms now) {
  auto i = index_.find(x.id());
  if (i == index_.end())
    return {};
  auto& known = rows_[i->second];
  known.task = x;
  auto tenth = static_cast<int>(percent_of(x)) / 10;
  if (known.told_state == x.state() && known.told_attempt == x.attempt()
      && known.told_tenth == tenth)
    return {};
  known.told_state = x.state();
  known.told_attempt = x.attempt();
  known.told_tenth = tenth;
  std::string line = printable(x.id()) + " " + render_standing(x, now);
  if (x.attempt() > 1)
    line += ", attempt " + std::to_string(x.attempt());
  line += ", " + short_percent(percent_of(x));
  if (!x.progress().message().empty())
    line += "  " + printable(x.progress().message());
  return line;
}

std::vector<std::string> watch_board::unfinished() const {
  std::vector<std::string> result;
  for (auto& x : rows_)
    if (!has_ended(x.task.state()))
      result.push_back(x.task.id());
  return result;
}

watch_board::summary watch_board::sum() const {
  summary result;
  for (auto& x : rows_) {
    auto state = x.task.state();
    if (state == proto::SUCCEEDED)
      ++result.succeeded;
    else if (has_ended(state))
      ++result.failed;
    else if (state == proto::RUNNING || state == proto::LEASED)
      ++result.running;
    else
      ++result.waiting;
    result.percent += has_ended(state) ? 100 : percent_of(x.task);
  }
  if (!rows_.empty())
    result.percent /= static_cast<double>(rows_.size());
  return result;
}

std::vector<std::string> watch_board::failures(size_t most, unix_ms now) const {
  std::vector<std::string> result;
  size_t more = 0;
  for (auto& x : rows_) {
    auto state = x.task.state();
    if (!has_ended(state) || state == proto::SUCCEEDED)
      continue;
    if (result.size() < most)
      result.push_back(failure_line(x.task, now));
    else
      ++more;
  }
  if (more > 0)
    result.push_back("and " + std::to_string(more)
                     + " more that did not succeed; for all: coppice tasks "
                       "--state=failed --state=timed-out --state=cancelled");
  return result;
}

std::vector<size_t> watch_board::visible(size_t room) const {
  std::vector<size_t> result(rows_.size());
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = i;
  if (result.size() <= room)
    return result;
  std::stable_sort(result.begin(), result.end(), [this](size_t a, size_t b) {
    return interest(rows_[a].task) < interest(rows_[b].task);
  });
  result.resize(room);
  // Rows that jump about cannot be read.
  std::sort(result.begin(), result.end());
  return result;
}

std::string watch_board::total_line(size_t columns) const {
  auto x = sum();
  std::string counts;
  auto count = [&counts](size_t n, const char* what) {
    if (n > 0)
      counts += (counts.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  };
  // What matters most first: the end of the line may be cut.
  count(x.failed, "failed");
  count(x.running, "running");
  count(x.waiting, "waiting");
  count(x.succeeded, "succeeded");
  auto of = std::to_string(rows_.size())
            + (rows_.size() == 1 ? " task: " : " tasks: ");
  return clip(gauge(x.percent, layout_for(columns).bar_width) + "  " + of
                + counts,
              columns);
}

std::vector<std::string> watch_board::frame(const screen& size, unix_ms now,
                                            const std::string& note) const {
  // One line for all, one for the cursor, one for the note.
  size_t taken = note.empty() ? 2 : 3;
  auto shown = visible(size.rows > taken ? size.rows - taken : 1);
  size_t id_width = 0;
  for (auto i : shown)
    id_width = std::max(id_width, rows_[i].task.id().size());
  std::vector<std::string> result;
  for (auto i : shown)
    result.push_back(
      render_watched(rows_[i].task, size.columns, id_width, now));
  result.push_back(total_line(size.columns));
  if (!note.empty())
    result.push_back(clip(printable(note), size.columns));
  return result;
}

std::string render_watched(const proto::Task& x, size_t columns,
                           size_t id_width, unix_ms now) {
  auto room = layout_for(columns);
  auto line = pad(printable(x.id()), id_width) + "  ";
  if (room.has_kind)
    line += pad(clip(printable(x.kind()), 12), 8) + "  ";
  line += gauge(percent_of(x), room.bar_width) + "  " + render_standing(x, now);
  if (x.attempt() > 1)
    line += ", attempt " + std::to_string(x.attempt());
  if (!x.progress().message().empty() && !has_ended(x.state()))
    line += "  " + printable(x.progress().message());
  return clip(line, columns);
}

} // namespace coppice
