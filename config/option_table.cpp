// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/option_table.hpp"

#include "config/values.hpp"
#include "runtime/spelling.hpp"

#include <algorithm>

namespace coppice {

namespace {

using namespace std::chrono_literals;

constexpr uint64_t KiB = uint64_t{1} << 10;
constexpr uint64_t MiB = uint64_t{1} << 20;
constexpr uint64_t TiB = uint64_t{1} << 40;

// -- kinds of options ---------------------------------------------------------

/// What every option has.
struct heading {
  const char* key;
  const char* brief;
};

/// @param field Returns the field by reference, of any kind of node_config.
/// @param parse Text to `result` of what the field takes.
/// @param print The field's value to text.
template <class Field, class Parse, class Print>
option make(heading x, const char* value_name, std::string allowed, Field field,
            Parse parse, Print print) {
  auto assign = [=](node_config& config, std::string_view text) -> result<> {
    auto parsed = parse(text);
    if (!parsed)
      return parsed.error();
    auto& target = field(config);
    using type = std::remove_reference_t<decltype(target)>;
    target = static_cast<type>(std::move(parsed).value());
    return ok();
  };
  auto show = [=](const node_config& config) { return print(field(config)); };
  return {x.key, value_name, x.brief, std::move(allowed), false, assign, show};
}

template <class Field>
option duration(heading x, duration_range allowed, Field field) {
  auto text
    = show_duration(allowed.least) + " to " + show_duration(allowed.most);
  return make(
    x, "DURATION", text, field,
    [=](std::string_view value) { return parse_duration(value, allowed); },
    show_duration);
}

template <class Field>
option size(heading x, size_range allowed, Field field) {
  auto text = show_size(allowed.least) + " to " + show_size(allowed.most);
  return make(
    x, "SIZE", text, field,
    [=](std::string_view value) { return parse_size(value, allowed); },
    show_size);
}

template <class Field>
option count(heading x, count_range allowed, Field field) {
  auto text
    = std::to_string(allowed.least) + " to " + std::to_string(allowed.most);
  return make(
    x, "NUMBER", text, field,
    [=](std::string_view value) { return parse_count(value, allowed); },
    [](uint64_t value) { return std::to_string(value); });
}

// -- sections -----------------------------------------------------------------

void add_node(std::vector<option>& xs) {
  xs.push_back(make(
    {"node.id", "The name of the node, unique in the cluster."}, "NAME",
    "1 to 64 characters of A-Z a-z 0-9 . _ -",
    [](auto& x) -> auto& { return x.node.id; }, parse_name,
    [](const std::string& x) { return x; }));
  xs.push_back(make(
    {"node.roles",
     "What the node does: manager, worker and gateway, with commas between."},
    "LIST", "", [](auto& x) -> auto& { return x.node.roles; }, parse_roles,
    [](const node_roles& x) { return to_string(x); }));
  xs.push_back(make(
    {"node.listen", "Where other nodes and clients connect; port 0 takes any"
                    " free one."},
    "HOST:PORT", "", [](auto& x) -> auto& { return x.node.listen; },
    parse_host_port, [](const host_port& x) { return to_string(x); }));
  xs.push_back(make(
    {"node.insecure",
     "Confirms that node.listen may be an address that other machines can"
     " reach, although the node port trusts whoever connects: yes or no."},
    "YES|NO", "", [](auto& x) -> auto& { return x.node.insecure; }, parse_bool,
    [](bool x) { return std::string{x ? "yes" : "no"}; }));
  xs.back().is_switch = true;
  xs.push_back(make(
    {"http.listen",
     "Where a gateway serves the HTTP API. Other machines are served once there"
     " are tokens ('coppice token'), and HTTP is not encrypted: put a proxy"
     " with TLS before an address that they can reach. Port 0 takes any free"
     " one."},
    "HOST:PORT", "", [](auto& x) -> auto& { return x.http.listen; },
    parse_host_port, [](const host_port& x) { return to_string(x); }));
  xs.push_back(count(
    {"http.max_connections",
     "How many connections of clients a gateway has at most; each takes an open"
     " file."},
    {1, 1'000'000}, [](auto& x) -> auto& { return x.http.max_connections; }));
}

void add_data(std::vector<option>& xs) {
  xs.push_back(make(
    {"data.dir", "The folder of this node's data, made when it is missing; a"
                 " relative one starts at the current folder."},
    "FOLDER", "", [](auto& x) -> auto& { return x.data.dir; },
    [](std::string_view x) -> result<std::string> { return std::string{x}; },
    [](const std::filesystem::path& x) { return x.string(); }));
  xs.push_back(make(
    {"log.level", "What is logged: debug, info, warn or error, and what is"
                  " worse."},
    "LEVEL", "", [](auto& x) -> auto& { return x.log.level; }, parse_log_level,
    [](log_level x) { return std::string{to_string(x)}; }));
  xs.push_back(size(
    {"storage.reserve",
     "A manager refuses new work when less than this is free on"
     " the disk."},
    {0, TiB}, [](auto& x) -> auto& { return x.storage.reserve_bytes; }));
  xs.push_back(size(
    {"storage.map_size",
     "How much address space each database takes at first; it"
     " grows by itself."},
    {MiB, TiB}, [](auto& x) -> auto& { return x.storage.map_size_bytes; }));
}

void add_task(std::vector<option>& xs) {
  xs.push_back(size(
    {"task.max_payload", "The largest task spec that is accepted."},
    {KiB, 16 * MiB},
    [](auto& x) -> auto& { return x.task.max_payload_bytes; }));
  xs.push_back(duration(
    {"task.term_grace", "A command that is cancelled has this much time between"
                        " SIGTERM and SIGKILL."},
    {0ms, 1h}, [](auto& x) -> auto& { return x.task.term_grace; }));
  xs.push_back(duration(
    {"history.keep",
     "A task that has ended is removed this long after its end, with its"
     " attempts; not before dedupe.window."},
    {1s, 24h * 3650}, [](auto& x) -> auto& { return x.history.keep; }));
  xs.push_back(duration(
    {"dedupe.window",
     "An idempotency key is known for at least this long after the end of its"
     " task, which is kept as long."},
    {1s, 24h * 3650}, [](auto& x) -> auto& { return x.dedupe.window; }));
  xs.push_back(duration(
    {"lease.duration", "A worker that was silent for this long has its attempts"
                       " taken away."},
    {100ms, 1h}, [](auto& x) -> auto& { return x.lease.duration; }));
  xs.push_back(duration(
    {"keepalive.interval",
     "How often a worker renews its leases and reports progress; at most half"
     " of lease.duration."},
    {10ms, 10min}, [](auto& x) -> auto& { return x.keepalive.interval; }));
  xs.push_back(duration(
    {"keepalive.limit",
     "A node that was silent for this long is down. The managers' setting"
     " counts; nodes give five signs of life in it."},
    {300ms, 1h}, [](auto& x) -> auto& { return x.keepalive.limit; }));
}

void add_quarantine(std::vector<option>& xs) {
  xs.push_back(count(
    {"quarantine.failures",
     "A worker on which so many different tasks in a row failed fast gets no"
     " more attempts, but one as a trial now and then; 0: never."},
    {0, 1'000}, [](auto& x) -> auto& { return x.quarantine.failures; }));
  xs.push_back(duration(
    {"quarantine.fast",
     "An attempt that failed within this time after it was given to its worker"
     " failed fast."},
    {1ms, 1h}, [](auto& x) -> auto& { return x.quarantine.fast; }));
  xs.push_back(duration(
    {"quarantine.backoff",
     "How long a worker is quarantined before the first trial; each one that"
     " fails fast doubles it, up to 30 min or the first one's time."},
    {1ms, 24h}, [](auto& x) -> auto& { return x.quarantine.backoff; }));
}

void add_regeneration(std::vector<option>& xs) {
  xs.push_back(make(
    {"regeneration.automatic",
     "Whether a node or service that is worn is cut back without being asked"
     " for. The managers' setting counts, as with the whole section."},
    "YES|NO", "", [](auto& x) -> auto& { return x.regeneration.automatic; },
    parse_bool, [](bool x) { return std::string{x ? "yes" : "no"}; }));
  xs.push_back(count(
    {"regeneration.max_parallel", "So many nodes are regenerated at once."},
    {1, 1'000}, [](auto& x) -> auto& { return x.regeneration.max_parallel; }));
  xs.push_back(count(
    {"regeneration.capacity_floor",
     "Where nobody asked for it, a worker is cut back only if more than this"
     " share of all workers, in percent, is well; one alone is cut back all the"
     " same."},
    {0, 100}, [](auto& x) -> auto& { return x.regeneration.capacity_floor; }));
  xs.push_back(duration(
    {"regeneration.cooldown",
     "What was regenerated is not worn again before this time is over, and"
     " twice as long after each time that did not help."},
    {0ms, 24h * 365},
    [](auto& x) -> auto& { return x.regeneration.cooldown; }));
  xs.push_back(duration(
    {"regeneration.every",
     "A node is cut back at this age at the latest, worn or not; each has an "
     "age"
     " of its own from three quarters of it on, so that they take turns. 0:"
     " never."},
    {0ms, 24h * 365}, [](auto& x) -> auto& { return x.regeneration.every; }));
  xs.push_back(make(
    {"regeneration.quiet",
     "From when to when, in UTC, only what is at its limit, or asked for, is "
     "cut"
     " back: 08:00-18:00, or 22:00-06:00 over midnight; or never."},
    "HH:MM-HH:MM", "", [](auto& x) -> auto& { return x.regeneration.quiet; },
    parse_daily_hours, show_daily_hours));
  xs.push_back(duration(
    {"regeneration.drain",
     "How long the tasks of a node that is regenerated have to move at a"
     " checkpoint, or to end; then they are stopped, and tried again."},
    {0ms, 24h * 30}, [](auto& x) -> auto& { return x.regeneration.drain; }));
}

void add_ageing(std::vector<option>& xs) {
  xs.push_back(duration(
    {"ageing.warm_up",
     "A process that grows wears out only if it still does so after this time"
     " from its start: caches fill first."},
    {1s, 24h * 30}, [](auto& x) -> auto& { return x.ageing.warm_up; }));
  xs.push_back(duration(
    {"ageing.resolution",
     "Growth is looked for in the lowest values of spans of this length and of"
     " longer ones, so it takes 18 of them at least to be found."},
    {100ms, 1h}, [](auto& x) -> auto& { return x.ageing.resolution; }));
  xs.push_back(size(
    {"ageing.memory_limit",
     "How much memory the node may have: it is regenerated when that is"
     " reached, or when it grows and will be. 0: that of the machine, or of its"
     " control group. Processes of services have a limit of their own."},
    {0, TiB}, [](auto& x) -> auto& { return x.ageing.memory_limit; }));
  xs.push_back(duration(
    {"ageing.latency_limit",
     "What takes the process of a service this long, with nothing else to do, "
     "is"
     " of no use: it is regenerated when its answers take longer and longer and"
     " will take as long, or 16 times as long as at first. 0: never for that."},
    {0ms, 24h}, [](auto& x) -> auto& { return x.ageing.latency_limit; }));
}

void add_raft(std::vector<option>& xs) {
  xs.push_back(duration(
    {"raft.election_timeout",
     "A manager that misses its leader for this long stands for election."},
    {20ms, 1min}, [](auto& x) -> auto& { return x.raft.election_timeout; }));
  xs.push_back(duration(
    {"raft.heartbeat", "How often the leading manager shows that it is there;"
                       " at most half of raft.election_timeout."},
    {5ms, 10s}, [](auto& x) -> auto& { return x.raft.heartbeat; }));
  xs.push_back(count(
    {"raft.trailing_entries",
     "So many entries stay in the log for managers that are behind, up to 64"
     " MiB; one that lacks more gets the leader's tables as a whole."},
    {1, 1'000'000}, [](auto& x) -> auto& { return x.raft.trailing_entries; }));
}

void add_cluster(std::vector<option>& xs) {
  xs.push_back(make(
    {"cluster.name",
     "The name of the cluster, the same on all of its nodes: nodes of another"
     " one are refused."},
    "NAME", "1 to 64 characters of A-Z a-z 0-9 . _ -",
    [](auto& x) -> auto& { return x.cluster.name; }, parse_name,
    [](const std::string& x) { return x; }));
  xs.push_back(make(
    {"cluster.managers",
     "All managers that found the cluster together, as NAME=HOST:PORT with"
     " commas between, this one among them and the same list on each; none: a"
     " cluster with one manager."},
    "LIST", "", [](auto& x) -> auto& { return x.cluster.managers; },
    parse_managers, show_managers));
  xs.push_back(count(
    {"cluster.shards",
     "How many shards the tasks are spread over, each with a log and a leader"
     " of its own. The same on all managers; a larger number makes more when"
     " the managers start again, a smaller one has no effect."},
    {1, 64}, [](auto& x) -> auto& { return x.cluster.shards; }));
}

void add_worker(std::vector<option>& xs) {
  xs.push_back(make(
    {"worker.managers", "Addresses of managers to join, with commas between;"
                        " a node that is a manager joins itself by default."},
    "LIST", "", [](auto& x) -> auto& { return x.worker.managers; },
    parse_host_ports, show_host_ports));
  xs.push_back(count(
    {"worker.slots", "How many attempts run at the same time; the default is"
                     " the number of processor cores."},
    {1, 4096}, [](auto& x) -> auto& { return x.worker.slots; }));
  xs.push_back(make(
    {"worker.labels", "What this worker has to offer, as key=value with commas"
                      " between; tasks can ask for it."},
    "LIST", "", [](auto& x) -> auto& { return x.worker.labels; }, parse_labels,
    show_labels));
  xs.push_back(duration(
    {"worker.logs_keep",
     "The output of an attempt is removed this long after its end."},
    {1s, 24h * 3650}, [](auto& x) -> auto& { return x.worker.logs_keep; }));
  xs.push_back(size(
    {"worker.logs_max",
     "How much output of attempts that have ended is kept in all; the oldest is"
     " removed first, the latest never."},
    {0, TiB}, [](auto& x) -> auto& { return x.worker.logs_max_bytes; }));
  xs.push_back(make(
    {"worker.service_listen",
     "Where gateways bring the requests to the services of this node; port 0"
     " takes any free one. The default is the host of node.listen and any"
     " port."},
    "HOST:PORT", "", [](auto& x) -> auto& { return x.worker.service_listen; },
    parse_host_port,
    [](const host_port& x) {
      return x.host.empty() ? std::string{} : to_string(x);
    }));
}

void add_net(std::vector<option>& xs) {
  xs.push_back(duration(
    {"net.heartbeat", "How often each end of a connection shows that it is"
                      " there; at most half of net.timeout."},
    {50ms, 1min}, [](auto& x) -> auto& { return x.net.heartbeat; }));
  xs.push_back(duration(
    {"net.timeout", "A connection that was silent for this long is given up."},
    {100ms, 10min}, [](auto& x) -> auto& { return x.net.timeout; }));
}

void add_keeper(std::vector<option>& xs) {
  xs.push_back(duration(
    {"keeper.min_uptime",
     "A node that ran for this long has started well: the pauses between"
     " restarts begin at keeper.backoff_min again."},
    {0ms, 1h}, [](auto& x) -> auto& { return x.keeper.min_uptime; }));
  xs.push_back(duration(
    {"keeper.backoff_min", "The pause before the restart after a first crash;"
                           " each further crash doubles it."},
    {1ms, 1h}, [](auto& x) -> auto& { return x.keeper.backoff_min; }));
  xs.push_back(duration(
    {"keeper.backoff_max", "The longest pause before a restart."}, {1ms, 1h},
    [](auto& x) -> auto& { return x.keeper.backoff_max; }));
  xs.push_back(count(
    {"keeper.max_restarts",
     "The keeper gives up at more crashes than this within keeper.period."},
    {0, 100'000}, [](auto& x) -> auto& { return x.keeper.max_restarts; }));
  xs.push_back(duration(
    {"keeper.period", "How long a crash counts for keeper.max_restarts."},
    {100ms, 168h}, [](auto& x) -> auto& { return x.keeper.period; }));
  xs.push_back(duration(
    {"keeper.stop_timeout", "A node that is stopped has this much time between"
                            " SIGTERM and SIGKILL."},
    {10ms, 1h}, [](auto& x) -> auto& { return x.keeper.stop_timeout; }));
}

} // namespace

std::string option::fallback() const {
  return show(node_config{});
}

std::string option::text() const {
  std::string result = brief;
  if (!allowed.empty())
    result += " Range: " + allowed + ".";
  if (auto value = fallback(); !value.empty())
    result += " Default: " + value + ".";
  return result;
}

const std::vector<option>& option_table() {
  static const auto table = [] {
    std::vector<option> xs;
    for (auto add :
         {add_node, add_data, add_task, add_quarantine, add_regeneration,
          add_ageing, add_raft, add_cluster, add_worker, add_net, add_keeper})
      add(xs);
    return xs;
  }();
  return table;
}

const option* find_option(std::string_view key) {
  for (auto& x : option_table()) {
    if (key == x.key)
      return &x;
  }
  return nullptr;
}

std::string nearest_key(std::string_view key) {
  // Far-fetched guesses help nobody.
  constexpr size_t longest_key = 128;
  auto best = std::max<size_t>(2, key.size() / 3) + 1;
  std::string result;
  if (key.size() > longest_key)
    return result;
  for (auto& x : option_table()) {
    // The right name in the wrong section, or without any, is the commonest
    // slip.
    auto name = std::string_view{x.key};
    auto is_suffix = key.ends_with(name.substr(name.find('.')))
                     || key == name.substr(name.find('.') + 1);
    auto d = is_suffix ? size_t{1} : edit_distance(key, x.key);
    if (d < best) {
      best = d;
      result = x.key;
    }
  }
  return result;
}

} // namespace coppice
