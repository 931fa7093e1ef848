// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/node.hpp"

#include "actors/directory.hpp"
#include "actors/kinds/checksum.hpp"
#include "actors/kinds/exec_run.hpp"
#include "actors/launcher_link.hpp"
#include "actors/manager.hpp"
#include "actors/net/middleman.hpp"
#include "actors/net/node_prober.hpp"
#include "actors/node_tree.hpp"
#include "actors/node_vitals.hpp"
#include "actors/node_watchdog.hpp"
#include "actors/peer_links.hpp"
#include "actors/regeneration_agent.hpp"
#include "actors/services/counter.hpp"
#include "actors/state_monitor.hpp"
#include "actors/worker.hpp"
#include "actors/worker_link.hpp"
#include "config/data_folder.hpp"
#include "config/values.hpp"
#include "runtime/boot_time.hpp"
#include "runtime/group_name.hpp"
#include "runtime/log.hpp"
#include "runtime/supervise/restart_backoff.hpp"
#include "storage/consensus/membership.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

namespace coppice {

namespace {

/// How precise the timers of a group with several managers are.
constexpr auto group_tick = std::chrono::milliseconds{10};

struct system_config : caf::actor_system_config {
  explicit system_config(const node_config& x) {
    add_message_types<caf::id_block::coppice>();
    net::configure(*this, {x.net.heartbeat, x.net.timeout});
    load<caf::io::middleman>();
    // The default policy has threads look for work to steal: 20,000 times a
    // second right after there was some, at the expense of who works, and 100
    // times a second when there was none for long, which a message then waits
    // for.
    set("scheduler.policy", caf::atom("sharing"));
  }
};

std::vector<std::string> label_list(const node_config& x) {
  std::vector<std::string> result;
  for (auto& [key, value] : x.worker.labels)
    result.push_back(key + '=' + value);
  return result;
}

std::string address_list(const std::vector<host_port>& xs) {
  std::string result;
  for (auto& x : xs)
    result += (result.empty() ? "" : ", ") + to_string(x);
  return result;
}

/// The actors of a node, and how they begin and end.
class node {
public:
  node(caf::actor_system& sys, const node_config& config, node_start start,
       node_code code)
    : sys_(sys),
      self_(sys),
      config_(config),
      start_(std::move(start)),
      code_(std::move(code)),
      tree_(sys, config.keeper.stop_timeout,
            [this](const caf::error&) { give_up(); }) {}

  /// Starts everything.
  /// @returns An exit code if the node cannot run.
  std::optional<int> start() {
    directory_options options;
    options.node = config_.node.id;
    options.managers = address_list(config_.worker.managers);
    options.is_manager = config_.node.roles.manager;
    options.stop = [] { ::kill(::getpid(), SIGTERM); };
    options.shards = config_.cluster.shards;
    options.cluster = config_.cluster.name;
    options.parts = tree_.root();
    directory_ = sys_.spawn(directory, options);
    tree_.hang("directory", directory_);
    start_monitor();
    if (config_.node.roles.manager)
      if (auto code = start_manager())
        return code;
    auto port = publish();
    if (!port)
      return node_exit::usage;
    listening_ = {config_.node.listen.host, *port};
    auto managers = find_managers();
    self_->send(monitor_, node_place{card(), managers});
    start_launcher();
    start_services();
    if (auto code = start_parts())
      return code;
    if (config_.node.roles.worker)
      start_worker(managers);
    start_agent();
    log::info("node {} (incarnation {}) serves on {}", config_.node.id,
              start_.incarnation, to_string(listening_));
    if (start_.ready)
      start_.ready(*port);
    return std::nullopt;
  }

  /// Stops everything, the worker first: its results need the rest. But not
  /// the link to the launcher: for the keeper a node without one has crashed.
  void stop() {
    tree_.close();
    // What takes requests from clients first, then what serves those requests.
    for (; !parts_.empty(); parts_.pop_back())
      parts_.back()->stop();
    tree_.stop({"regeneration_agent", "service_host", "worker", "cluster_link",
                "state_monitor", "worker_link", "directory", "manager",
                "peer_links"});
  }

  int failure() const {
    return failure_;
  }

private:
  /// Ends the process, which the keeper starts again.
  void give_up() {
    failure_ = node_exit::gave_up;
    ::kill(::getpid(), SIGTERM);
  }

  std::optional<int> start_manager() {
    auto cannot = [&](const error& why) {
      log::error("node {} cannot open its state: {}", config_.node.id,
                 to_string(why));
      return why.code == ec::corrupt_store ? node_exit::usage
                                           : node_exit::gave_up;
    };
    auto member = member_number(config_.data.dir, manager_tag(config_.node.id));
    if (!member)
      return cannot(member.error());
    auto dir = config_.data.dir / groups_folder_name;
    auto opened = open_groups(dir, config_.storage.map_size_bytes);
    if (!opened)
      return cannot(opened.error());
    manager_options options;
    options.member = member.value();
    options.dir = dir;
    options.map_size_bytes = config_.storage.map_size_bytes;
    options.groups = group_limits(member.value());
    if (!config_.cluster.managers.empty())
      start_peers(member.value(), opened.value().at(cluster_group));
    group_contacts contacts{directory_, peers_, {}, monitor_};
    manager_ = sys_.spawn(manager, std::move(options), std::move(contacts),
                          std::move(opened.value()));
    tree_.hang("manager", manager_, true);
    return std::nullopt;
  }

  group_options group_limits(uint64_t member) const {
    group_options x;
    x.replicate = replication(member);
    x.follow.lease = config_.lease.duration;
    x.place.hosts = host_limits(config_.lease.duration);
    x.place.configured = config_.services;
    x.follow.stop_grace = config_.task.term_grace + std::chrono::seconds{5};
    auto& own = config_.regeneration;
    x.regenerate.by_itself = own.automatic;
    x.regenerate.policy.max_parallel = own.max_parallel;
    x.regenerate.policy.capacity_floor = own.capacity_floor / 100.0;
    x.regenerate.policy.cooldown = own.cooldown;
    x.regenerate.policy.every = own.every;
    x.regenerate.policy.quiet = own.quiet;
    x.regenerate.drain = own.drain;
    x.follow.history.keep = config_.ended_kept();
    x.accept.max_payload_bytes = config_.task.max_payload_bytes;
    auto& bad = x.accept.bad_nodes;
    bad.failures = config_.quarantine.failures;
    bad.fast = config_.quarantine.fast;
    bad.backoff_min = config_.quarantine.backoff;
    bad.backoff_max = std::max(bad.backoff_max, bad.backoff_min);
    x.observe.cluster = config_.cluster.name;
    x.observe.limits.limit = config_.keepalive.limit;
    x.observe.limits.settling = x.observe.limits.longest_search();
    x.observe.probe = net::thread_prober(sys_);
    // Others stand for election when they have missed it for that long.
    x.observe.deposed_after = 2 * config_.raft.election_timeout;
    return x;
  }

  state_replicator_options replication(uint64_t member) const {
    state_replicator_options options;
    options.shards = config_.cluster.shards;
    options.raft.election_timeout = config_.raft.election_timeout;
    options.raft.heartbeat = config_.raft.heartbeat;
    options.raft.trailing_entries = config_.raft.trailing_entries;
    options.trim_step
      = std::clamp<uint64_t>(config_.raft.trailing_entries / 4, 1, 1'024);
    options.raft.seed = static_cast<uint32_t>(start_.incarnation ^ member);
    options.raft.max_entry_bytes
      = config_.task.max_payload_bytes + (size_t{1} << 20);
    options.raft.max_inflight_bytes
      = options.raft.max_inflight_entries * options.raft.max_entry_bytes;
    options.reserve_bytes = config_.storage.reserve_bytes;
    options.node = config_.node.id;
    for (auto& x : config_.cluster.managers) {
      auto& row = options.managers.emplace_back();
      row.set_name(x.node);
      row.set_address(to_string(x.address));
    }
    if (!config_.cluster.managers.empty())
      options.tick = std::min(options.tick, group_tick);
    return options;
  }

  /// Returns who founded the cluster, if the log still begins there.
  static std::vector<uint64_t> founders(log_store& log_disk) {
    std::vector<uint64_t> result;
    if (log_disk.first_index() != 1 || log_disk.last_index() == 0)
      return result;
    auto first = log_disk.read(1, 2, 0);
    if (!first || first.value().front().type != entry_type::configuration)
      return result;
    auto members = decode_members(first.value().front().bytes());
    if (members)
      for (auto& x : members.value())
        result.push_back(x.id);
    return result;
  }

  void start_peers(uint64_t member, const group_storage& cluster) {
    peer_links_options options;
    options.node = config_.node.id;
    options.cluster = config_.cluster.name;
    options.member = member;
    options.incarnation = start_.incarnation;
    options.blank = cluster.blank();
    options.founders = founders(*cluster.log);
    options.managers = config_.cluster.managers;
    options.make_dialler = [this, patience = options.patience] {
      return net::spawn_middleman(sys_, patience);
    };
    peers_ = sys_.spawn(peer_links, std::move(options), directory_);
    tree_.hang("peer_links", peers_);
    self_->send(directory_, peers_);
  }

  std::optional<uint16_t> publish() {
    auto& where = config_.node.listen;
    auto port
      = net::publish(sys_, caf::actor_cast<caf::strong_actor_ptr>(directory_),
                     sys_.message_types(directory_), where.host, where.port);
    if (port)
      return *port;
    log::error("{}: cannot listen on {}: {}", config_.where("node.listen"),
               to_string(where), sys_.render(port.error()));
    return std::nullopt;
  }

  /// Starts STATE_MONITOR with what an earlier start knew.
  void start_monitor() {
    state_monitor_options options;
    options.cluster = config_.cluster.name;
    options.start = {config_.node.id, start_.incarnation};
    options.limits.limit = config_.keepalive.limit;
    options.over = [this] { give_up(); };
    options.parts = tree_.root();
    auto dir = config_.data.dir / "view";
    if (auto opened = cluster_view::open_or_renew(dir)) {
      auto& x = opened.value();
      if (x.damage)
        log::warn("the view of the cluster in {} is made anew: {}",
                  dir.string(), to_string(*x.damage));
      options.saved = std::move(x.saved);
      options.saver = sys_.spawn<caf::detached>(
        cluster_view_saver, std::shared_ptr<cluster_view>{std::move(x.view)});
      tree_.hang("view_saver", options.saver);
    } else {
      log::warn("this node will know no others after a restart: {}",
                to_string(opened.error()));
    }
    // Nothing may make it mute for long: it would be taken for silent.
    monitor_ = sys_.spawn<caf::detached>(state_monitor, std::move(options));
    tree_.hang("state_monitor", monitor_);
    self_->send(directory_, local_state_monitor_actor{monitor_});
  }

  proto::NodeCard card() const {
    char host[256] = {};
    ::gethostname(host, sizeof(host) - 1);
    auto address = listening_;
    if (address.host == "0.0.0.0" || address.host == "::")
      address.host = host;
    proto::NodeCard x;
    x.set_address(to_string(address));
    x.set_manager(config_.node.roles.manager);
    x.set_worker(config_.node.roles.worker);
    if (config_.node.roles.worker) {
      for (auto& label : label_list(config_))
        x.add_labels(label);
      x.set_slots(config_.worker.slots);
    }
    x.set_host(host);
    x.set_pid(static_cast<uint64_t>(::getpid()));
    return x;
  }

  manager_contacts find_managers() {
    manager_contacts managers;
    if (peers_) {
      managers.link = peers_;
    } else if (config_.worker.managers.empty()) {
      managers.local = directory_;
    } else {
      worker_link_options dial;
      dial.managers = config_.worker.managers;
      link_ = sys_.spawn(worker_link, dial,
                         net::spawn_middleman(sys_, dial.patience));
      tree_.hang("worker_link", link_);
      self_->send(monitor_, node_listener{link_});
      managers.link = link_;
    }
    return managers;
  }

  void start_launcher() {
    if (!config_.node.roles.worker || start_.launcher_fd < 0)
      return;
    launcher_ = sys_.spawn<caf::detached>(launcher_link, start_.launcher_fd);
    tree_.hang("launcher_link", launcher_);
  }

  /// Starts what asks the cluster, and what runs services.
  void start_services() {
    cluster_link_options ask;
    // Any manager answers for all of them, so one's own is as good.
    if (config_.node.roles.manager)
      ask.managers.local = directory_;
    else
      ask.managers.link = link_;
    ask.turn = "node";
    cluster_ = sys_.spawn(cluster_link, std::move(ask));
    tree_.hang("cluster_link", cluster_);
    if (!config_.node.roles.worker)
      return;
    services_ = std::make_shared<local_services>();
    service_host_options options;
    options.node = config_.node.id;
    options.incarnation = start_.incarnation;
    options.cluster = caf::actor_cast<cluster_link_actor>(cluster_);
    options.services = services_;
    options.classes = std::move(code_.services);
    options.classes.try_emplace("counter",
                                [] { return std::make_unique<counter>(); });
    options.launcher = launcher_;
    options.folder = config_.data.dir / "services";
    options.term_grace = config_.task.term_grace;
    options.stop_grace
      = std::min(options.stop_grace, config_.keeper.stop_timeout / 2);
    options.boot_time = read_boot_time;
    host_ = sys_.spawn(service_host, std::move(options));
    tree_.hang("service_host", host_);
  }

  std::optional<int> start_parts() {
    node_surroundings here{sys_,
                           [this](auto& name, auto& x) { tree_.hang(name, x); },
                           caf::actor_cast<cluster_link_actor>(cluster_),
                           services_,
                           caf::actor_cast<service_host_actor>(host_),
                           local_state_monitor_actor{monitor_}};
    for (auto& make : start_.parts) {
      auto part = make(here);
      if (!part) {
        log::error("{}", part.error().message);
        return node_exit::usage;
      }
      parts_.push_back(std::move(part.value()));
    }
    return std::nullopt;
  }

  void start_worker(const manager_contacts& managers) {
    slots_ = std::make_shared<slot_pool>(config_.worker.slots);
    executor_options options;
    options.node = config_.node.id;
    options.incarnation = start_.incarnation;
    options.cluster = config_.cluster.name;
    options.labels = label_list(config_);
    options.slots = config_.worker.slots;
    options.data_dir = config_.data.dir;
    options.keepalive = config_.keepalive.interval;
    options.term_grace = config_.task.term_grace;
    options.logs = {config_.worker.logs_keep, config_.worker.logs_max_bytes};
    options.pool = slots_;
    options.kinds = std::move(code_.kinds);
    options.kinds.push_back(checksum_kind());
    if (launcher_)
      options.starters.emplace("exec", exec_starter(sys_, commands()));
    worker_ = sys_.spawn(worker_node, std::move(options), managers);
    tree_.hang("worker", worker_, true);
  }

  /// Starts what has this node cut back, and grow again.
  void start_agent() {
    regeneration_agent_options options;
    options.start = {config_.node.id, start_.incarnation};
    options.cluster = caf::actor_cast<cluster_link_actor>(cluster_);
    options.manager = manager_;
    options.slots = slots_;
    auto vitals = std::make_shared<node_vitals>(vital_limits_of(config_.ageing),
                                                services_);
    options.tree = tree_.root();
    options.measure = [vitals](auto& x) { vitals->measure(x); };
    options.calm = std::min(options.calm, config_.ageing.resolution / 4);
    options.restart = [this] {
      failure_ = node_exit::regenerate;
      ::kill(::getpid(), SIGTERM);
    };
    agent_ = sys_.spawn(regeneration_agent, std::move(options));
    tree_.hang("regeneration_agent", agent_);
    self_->send(monitor_, caf::actor_cast<node_listener>(agent_));
    if (manager_)
      self_->send(monitor_, caf::actor_cast<node_listener>(manager_));
  }

  exec_settings commands() const {
    exec_settings x;
    x.launcher = launcher_;
    auto& managers = config_.worker.managers;
    x.client_address
      = managers.empty() ? to_string(listening_) : to_string(managers.front());
    return x;
  }

  caf::actor_system& sys_;
  caf::scoped_actor self_;
  const node_config& config_;
  node_start start_;
  node_code code_;
  node_tree tree_;
  host_port listening_;
  std::atomic<int> failure_ = 0;

  directory_impl directory_;
  peer_links_actor peers_;
  manager_actor manager_;
  launcher_actor launcher_;
  local_worker_link_actor link_;
  node_monitor_actor monitor_;
  worker_node_actor worker_;
  cluster_link_impl cluster_;
  std::shared_ptr<local_services> services_;
  service_host_impl host_;
  /// Those of the worker; null if there is none.
  std::shared_ptr<slot_pool> slots_;
  regeneration_agent_actor agent_;
  std::vector<std::unique_ptr<node_part>> parts_;
};

/// Waits for SIGTERM or SIGINT.
void await_signal(const sigset_t& signals) {
  auto signal = 0;
  while (sigwait(&signals, &signal) != 0)
    ; // EINTR
}

} // namespace

int run_node(const node_config& config, node_start start, node_code code) {
  // Before any thread exists, so that all of them leave these to sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  log::init(to_string(config.log.level), config.node.id);
  system_config cfg{config};
  caf::actor_system sys{cfg};
  node parts{sys, config, std::move(start), std::move(code)};
  auto end = parts.start();
  if (!end) {
    await_signal(signals);
    end = parts.failure();
  }
  if (*end == node_exit::gave_up)
    std::_Exit(*end); // What is durable is durable; the rest is in doubt.
  watchdog limit{config.keeper.stop_timeout, node_exit::gave_up};
  log::info("node {} stops", config.node.id);
  parts.stop();
  log::info("node {} has stopped", config.node.id);
  // Everything is durable, and the end of the actor system waits for peers.
  std::_Exit(*end);
}

} // namespace coppice
