// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/render.hpp"

#include "apps/commands/text.hpp"
#include "config/values.hpp"
#include "runtime/access/token_rules.hpp"
#include "runtime/health/node_entry.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace coppice {

namespace {

template <class... Ts>
std::string format(const char* pattern, Ts... xs) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), pattern, xs...);
  return buffer.data();
}

/// Not a number is nothing.
double sane(double percent) {
  return percent > 0 ? std::min(percent, 100.0) : 0;
}

std::string two_units(int64_t large, const char* large_name, int64_t small,
                      const char* small_name) {
  auto result = std::to_string(large) + large_name;
  if (small != 0)
    result += " " + std::to_string(small) + small_name;
  return result;
}

std::string joined(const google::protobuf::RepeatedPtrField<std::string>& xs) {
  std::string result;
  for (auto& x : xs)
    result += (result.empty() ? "" : ",") + x;
  return result.empty() ? "-" : result;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9')
         || std::string_view{"%+,-./:=@_"}.find(c) != std::string_view::npos;
}

} // namespace

unix_ms now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch())
    .count();
}

std::string reason_text(proto::Reason x) {
  switch (x) {
    case proto::ATTEMPT_FAILED:
      return "the attempt failed";
    case proto::FINAL_ERROR:
      return "its error is final";
    case proto::ATTEMPTS_EXHAUSTED:
      return "no attempt is left";
    case proto::NODE_GONE:
      return "its node was gone";
    case proto::LEASE_EXPIRED:
      return "its node was silent";
    case proto::NEVER_STARTED:
      return "it never reached its node";
    case proto::TOTAL_TIMEOUT:
      return "the total timeout passed";
    case proto::STALLED:
      return "its progress stood still";
    case proto::CANCEL_REQUESTED:
      return "somebody cancelled it";
    case proto::RETRY_REQUESTED:
      return "somebody retried it";
    case proto::REFUSED_BY_NODE:
      return "its node refused it";
    case proto::NODE_STOPPED:
      return "its node was stopped";
    case proto::NODE_DRAINED:
      return "its node is drained";
    case proto::RESTORED:
      return "the cluster was restored";
    default: // New and completed say nothing that the state does not.
      return {};
  }
}

result<proto::TaskState> parse_state(std::string_view text) {
  std::string names;
  for (int i = proto::WAITING; i <= proto::TIMED_OUT; ++i) {
    auto state = static_cast<proto::TaskState>(i);
    std::string name = state_name(state);
    std::replace(name.begin(), name.end(), ' ', '-');
    if (name == text)
      return state;
    names += (names.empty() ? "" : ", ") + name;
  }
  return error{ec::invalid_argument,
               quote(text) + " is no state; there are " + names};
}

std::string render_duration(int64_t ms) {
  ms = std::max<int64_t>(ms, 0);
  auto s = ms / 1000;
  if (ms < 1000)
    return std::to_string(ms) + "ms";
  if (s < 10)
    return format("%lld.%llds", static_cast<long long>(s),
                  static_cast<long long>(ms % 1000 / 100));
  if (s < 60)
    return std::to_string(s) + "s";
  if (s < 3600)
    return two_units(s / 60, "m", s % 60, "s");
  if (s < 86'400)
    return two_units(s / 3600, "h", s % 3600 / 60, "m");
  return two_units(s / 86'400, "d", s % 86'400 / 3600, "h");
}

std::string render_age(unix_ms then, unix_ms now) {
  // An age with tenths of a second would pretend that clocks agree that well.
  return then == 0             ? "-"
         : now - then < 1000   ? "0s"
         : now - then < 10'000 ? std::to_string((now - then) / 1000) + "s"
                               : render_duration(now - then);
}

std::string render_time(unix_ms then) {
  auto seconds = static_cast<time_t>(then / 1000);
  tm parts{};
  std::array<char, 32> buffer{};
  if (gmtime_r(&seconds, &parts) == nullptr)
    return "-";
  std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return buffer.data();
}

std::string render_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  auto x = static_cast<double>(bytes) / 1024;
  size_t i = 0;
  for (; x >= 1024 && i + 1 < units.size(); ++i)
    x /= 1024;
  return format("%.1f %s", x, units[i]);
}

std::string short_percent(double percent) {
  return format("%d%%", static_cast<int>(std::floor(sane(percent))));
}

std::string render_percent(double percent) {
  return format("%4s", short_percent(percent).c_str());
}

std::string render_bar(double percent, size_t width) {
  if (width < 3)
    return {};
  auto inner = width - 2;
  auto full = static_cast<size_t>(
    std::floor(sane(percent) / 100 * static_cast<double>(inner)));
  full = std::min(full, inner);
  return "[" + std::string(full, '#') + std::string(inner - full, '.') + "]";
}

double percent_of(const proto::Task& x) {
  return x.state() == proto::SUCCEEDED ? 100 : sane(x.progress().percent());
}

std::string render_standing(const proto::Task& x, unix_ms now) {
  std::string result = state_name(x.state());
  if (!has_ended(x.state()) && !x.node().empty())
    result
      += (x.state() == proto::LEASED ? " to " : " on ") + printable(x.node());
  if (x.state() == proto::WAITING && x.due_ms() > now)
    result += ", next attempt in " + render_duration(x.due_ms() - now);
  if (x.cancel_requested() && !has_ended(x.state()))
    result += ", being cancelled";
  // That of a live attempt is how the one before it ended.
  auto live = x.state() == proto::LEASED || x.state() == proto::RUNNING;
  if (auto why = reason_text(x.reason()); !live && !why.empty())
    result += " (" + why + ")";
  return result;
}

std::string render_tasks(const std::vector<proto::Task>& xs, unix_ms now) {
  std::vector<std::vector<std::string>> rows;
  for (auto& x : xs)
    rows.push_back({x.id(), x.product(), x.kind(), state_name(x.state()),
                    std::to_string(x.attempt()), render_percent(percent_of(x)),
                    render_age(x.submitted_ms(), now), x.node(),
                    clip(printable(x.progress().message()), 40)});
  return render_table({"ID", "PRODUCT", "KIND", "STATE", "ATTEMPT", "DONE",
                       "AGE", "NODE", "MESSAGE"},
                      rows);
}

namespace {

std::string node_state_name(const proto::Node& x) {
  if (x.suspected())
    return "suspect";
  if (x.regeneration() != proto::NO_PHASE)
    return "regenerating";
  if (x.state() == "healthy" && x.drained_ms() != 0)
    return x.leased() > 0 ? "draining" : "drained";
  if (x.state() == "healthy" && x.quarantined())
    return "quarantined";
  return x.state().empty() ? "unknown" : x.state();
}

std::string node_roles_of(const proto::Node& x) {
  std::string result = x.manager() ? "manager" : "";
  if (x.worker())
    result += result.empty() ? "worker" : ",worker";
  return result;
}

} // namespace

std::string drain_note(const proto::Node& x, unix_ms now) {
  auto name = printable(x.name());
  std::string out
    = "Node " + name + " gets no tasks until 'coppice release " + name + "'; ";
  if (x.leased() == 0)
    return out + "nothing runs on it.";
  out += std::to_string(x.leased())
         + (x.leased() == 1 ? " attempt runs on it and moves"
                            : " attempts run on it and move")
         + " at the next checkpoint";
  auto deadline = x.drain_deadline_ms();
  if (deadline == 0)
    return out + ".";
  return out
         + (deadline <= now
              ? ", or is stopped now."
              : ", or is stopped in " + render_duration(deadline - now) + ".");
}

std::string render_event(const proto::Event& x) {
  auto node = "node " + printable(x.node());
  auto start = node + " (start " + std::to_string(x.incarnation()) + ")";
  auto cause = x.cause() == static_cast<uint32_t>(down_cause::refused)
                 ? down_cause::refused
                 : down_cause::silent;
  std::string what = "something that this version does not know";
  switch (x.kind()) {
    case proto::Event::REGISTERED:
      what = start + " has registered";
      break;
    case proto::Event::DOWN:
      what = start + " is down: " + describe(cause);
      break;
    case proto::Event::LEFT:
      what = start + " has left";
      break;
    case proto::Event::FORGOTTEN:
      what = node + " is forgotten";
      break;
    case proto::Event::DRAINED:
      what = node + " is drained";
      break;
    case proto::Event::RELEASED:
      what = node + " is not drained any more";
      break;
    case proto::Event::REGENERATION:
    case proto::Event::NOTE:
      what = printable(x.text());
      break;
    default:
      break;
  }
  return render_time(x.at_ms()) + "  " + what;
}

std::string render_nodes(const proto::NodesReply& xs, unix_ms now) {
  std::vector<std::vector<std::string>> rows;
  std::string notes;
  for (auto& x : xs.nodes()) {
    auto state = node_state_name(x);
    rows.push_back(
      {x.name(), state, render_age(x.changed_ms(), now),
       render_age(x.heard_ms(), now), node_roles_of(x),
       x.worker() ? std::to_string(x.leased()) + "/" + std::to_string(x.slots())
                  : "",
       std::to_string(x.fenced()), std::to_string(x.incarnation()), x.address(),
       x.host(), std::to_string(x.pid()), joined(x.labels()),
       joined(x.kinds())});
    if (x.drained_ms() != 0)
      notes += drain_note(x, now) + "\n";
    if (x.state() == "healthy" && !x.suspected() && !x.quarantined())
      continue;
    for (auto& note : x.notes())
      notes += printable(note) + "\n";
  }
  for (auto& note : xs.notes())
    notes += printable(note) + "\n";
  return render_table({"NODE", "STATE", "SINCE", "HEARD", "ROLES", "BUSY",
                       "FENCED", "INCARNATION", "ADDRESS", "HOST", "PID",
                       "LABELS", "KINDS"},
                      rows)
         + notes;
}

namespace {

const char* role_name(const proto::Manager& x) {
  switch (x.role()) {
    case proto::Manager::LEADER:
      return "leader";
    case proto::Manager::VOTER:
      return x.removed() ? "leaving" : "voter";
    case proto::Manager::LEARNER:
      return "learner";
    case proto::Manager::NONE:
      return x.removed() ? "removed" : "no member";
    default:
      return "unknown";
  }
}

} // namespace

std::string render_managers(const proto::ManagersReply& x) {
  uint64_t last = 0;
  for (auto& y : x.managers())
    if (y.role() == proto::Manager::LEADER)
      last = y.match_index();
  std::vector<std::vector<std::string>> rows;
  for (auto& y : x.managers()) {
    // Followers do not know how far the others are.
    auto known = y.match_index() != 0 && last != 0;
    auto lag = known ? last - std::min(last, y.match_index()) : 0;
    rows.push_back({y.name().empty() ? "-" : y.name(), role_name(y),
                    y.connected() ? "connected" : "gone",
                    known ? std::to_string(y.match_index()) : "-",
                    known ? std::to_string(lag) : "-",
                    y.address().empty() ? "-" : y.address()});
  }
  return render_table({"MANAGER", "ROLE", "STATE", "INDEX", "LAG", "ADDRESS"},
                      rows)
         + "term " + std::to_string(x.term()) + ", committed up to "
         + std::to_string(x.commit_index()) + ", as " + printable(x.node())
         + " knows\n";
}

std::string render_products(const proto::ProductsReply& x) {
  std::vector<std::vector<std::string>> rows;
  for (auto& y : x.products()) {
    auto n = y.shards_size();
    std::string former;
    for (auto i = 0; i + 1 < n; ++i)
      former += (i > 0 ? "," : "") + std::to_string(y.shards(i));
    rows.push_back({std::to_string(y.number()), y.name(),
                    n > 0 ? std::to_string(y.shards(n - 1)) : "-",
                    former.empty() ? "-" : former});
  }
  return render_table({"NUMBER", "PRODUCT", "SHARD", "BEFORE"}, rows);
}

std::string render_shards(const proto::ShardsReply& x) {
  std::vector<std::vector<std::string>> rows;
  for (auto& y : x.shards())
    rows.push_back({y.group(), y.leader().empty() ? "-" : y.leader(),
                    std::to_string(y.term()),
                    y.address().empty() ? "-" : y.address()});
  return render_table({"GROUP", "LEADER", "TERM", "ADDRESS"}, rows);
}

std::string render_tokens(const proto::TokensReply& x, unix_ms now) {
  std::vector<std::vector<std::string>> rows;
  for (auto& y : x.tokens()) {
    auto end = y.expires_ms() == 0     ? std::string{"never"}
               : y.expires_ms() <= now ? std::string{"expired"}
                                       : render_time(y.expires_ms());
    rows.push_back({printable(y.name()), std::string{role_name(y.role())},
                    render_time(y.created_ms()), end});
  }
  return render_table({"NAME", "ROLE", "CREATED", "EXPIRES"}, rows);
}

std::string render_error(const proto::TaskError& x) {
  if (x.code().empty())
    return printable(x.message());
  if (x.message().empty())
    return printable(x.code());
  return printable(x.code()) + ": " + printable(x.message());
}

std::string shell_quoted(const std::vector<std::string>& words) {
  std::string result;
  for (auto& word : words) {
    if (!result.empty())
      result += ' ';
    if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) {
      result += word;
      continue;
    }
    result += '\'';
    for (auto c : word)
      result += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
    result += '\'';
  }
  return result;
}

} // namespace coppice
