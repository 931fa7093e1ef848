// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/manager_fixture.hpp"

namespace coppice::test {

manager_fixture::manager_fixture()
  : disk(std::make_shared<breakable_disk>()),
    cluster_disk(std::make_shared<breakable_disk>()) {
  replicator_options.raft.id = 1;
  replicator_options.raft.voters = {1};
  replicator_options.raft.max_entry_bytes = size_t{2} << 20;
  replicator_options.raft.max_inflight_bytes = size_t{32} << 20;
  replicator_options.dir = folder.path();
  replicator_options.reserve_bytes = 0;
  tracker_options.lease = std::chrono::seconds{1};
  tracker_options.stop_grace = std::chrono::seconds{1};
}

manager_fixture::~manager_fixture() {
  stop();
  for (auto& x : probes) {
    self->send_exit(x->handle, caf::exit_reason::kill);
    x->handle = nullptr;
  }
  consume_messages();
}

void manager_fixture::start_log() {
  store = unwrap(tables::open(folder.path() / "tables", quick_tables()));
  replicator = sys.spawn(state_replicator, replicator_options, disk, store);
  consume_messages();
}

void manager_fixture::start_cluster() {
  cluster_store
    = unwrap(tables::open(folder.path() / "cluster", quick_tables()));
  auto options = replicator_options;
  options.group = cluster_group;
  cluster = sys.spawn(state_replicator, options, cluster_disk, cluster_store);
  consume_messages();
  proto::Command first;
  first.mutable_shard()->add_founders(1);
  need(request<proto::Outcome>(cluster, first));
}

void manager_fixture::start() {
  start_log();
  start_cluster();
  tracker = sys.spawn(task_tracker, tracker_options, store, replicator);
  scheduler = sys.spawn(job_scheduler, scheduler_options, store, replicator,
                        local_task_tracker_actor{tracker});
  centre
    = sys.spawn(information_centre, centre_options, cluster_store, cluster);
  auto desk_options = client_desk_options{};
  desk_options.lease = tracker_options.lease;
  desk = sys.spawn(client_desk, desk_options, store,
                   local_task_tracker_actor{tracker},
                   local_job_scheduler_actor{scheduler});
  auto count = [this] { ++stops; };
  front = sys.spawn(directory,
                    directory_options{"m1", "m1:1", true, count, shards});
  self->send(front, lead_info{shard_group(0),
                              scheduler,
                              tracker,
                              {},
                              replicator,
                              nullptr,
                              1,
                              true,
                              caf::actor_cast<api_actor>(desk)});
  self->send(
    front,
    lead_info{cluster_group, {}, {}, centre, cluster, cluster_store, 1, true});
  consume_messages();
}

void manager_fixture::stop() {
  end(front);
  end(desk);
  end(scheduler);
  end(tracker);
  end(centre);
  end(replicator);
  end(cluster);
  consume_messages();
  store = nullptr;
  cluster_store = nullptr;
}

void manager_fixture::pass(std::chrono::milliseconds time) {
  while (time.count() > 0) {
    auto step = std::min(time, std::chrono::milliseconds{50});
    time -= step;
    sched.advance_time(step);
    consume_messages();
  }
}

proto::Reply manager_fixture::ask(const proto::Request& x) {
  return need(request<proto::Reply>(front, x));
}

proto::TaskSpec manager_fixture::noop(const std::string& product) {
  proto::TaskSpec x;
  x.set_product(product);
  x.set_kind("noop");
  x.mutable_retry()->set_attempts(5);
  *x.mutable_retry()->mutable_backoff()
    = to_proto(std::chrono::milliseconds{1});
  return x;
}

proto::Request manager_fixture::submission(const proto::TaskSpec& spec, int n) {
  proto::Request x;
  for (auto i = 0; i < n; ++i)
    x.mutable_submit()->add_specs(spec.SerializeAsString());
  return x;
}

std::string manager_fixture::submit(const proto::TaskSpec& spec) {
  return ask(submission(spec)).submit().items(0).id();
}

proto::Task manager_fixture::task(const std::string& id) {
  proto::Request x;
  x.mutable_get()->add_ids(id);
  x.mutable_get()->set_full(true);
  return ask(x).get().items(0).task();
}

proto::Reply manager_fixture::cancel(const std::string& id) {
  proto::Request x;
  x.mutable_cancel()->add_ids(id);
  return ask(x);
}

uint64_t manager_fixture::fenced(const std::string& node) {
  proto::Request x;
  x.mutable_nodes();
  auto reply = ask(x);
  for (auto& it : reply.nodes().nodes())
    if (it.name() == node)
      return it.fenced();
  return 0;
}

worker_ptr manager_fixture::make_worker(const std::string& node,
                                        uint64_t incarnation) {
  auto x = std::make_shared<worker_probe>();
  x->node = node;
  x->incarnation = incarnation;
  x->kinds = {"noop"};
  x->handle = sys.spawn(probe, x);
  probes.push_back(x);
  return x;
}

void manager_fixture::hello(const worker_ptr& x,
                            std::vector<proto::AttemptRef> holds,
                            std::vector<proto::FinishCommand::Item> finishes) {
  proto::Hello out;
  out.set_node(x->node);
  out.set_incarnation(x->incarnation);
  out.set_protocol(protocol_version);
  out.set_slots(4);
  out.set_connection(++x->connection);
  for (auto& kind : x->kinds) {
    auto& info = *out.add_kinds();
    info.set_name(kind);
    info.set_exclusive(kind == "exclusive");
  }
  for (auto& label : x->labels)
    out.add_labels(label);
  for (auto& ref : holds)
    *out.add_holds() = ref;
  for (auto& end : finishes)
    *out.add_finishes() = end;
  x->seen = 0;
  auto say_it = [=, to = front](caf::event_based_actor* client, int) {
    client->request(to, caf::infinite, out, x->handle)
      .then([x](proto::Welcome& welcome, job_scheduler_actor&,
                task_tracker_actor&) { x->welcome = welcome; });
  };
  sys.spawn(say_it, 0);
  consume_messages();
}

worker_ptr manager_fixture::connect(const std::string& node,
                                    uint64_t incarnation) {
  auto x = make_worker(node, incarnation);
  hello(x);
  return x;
}

void manager_fixture::pull(const worker_ptr& x, uint32_t free) {
  proto::Pull out;
  out.set_node(x->node);
  out.set_incarnation(x->incarnation);
  out.set_connection(x->connection);
  out.set_free(free);
  out.set_slots(4); // As `hello` says.
  out.set_seen(x->seen);
  for (auto& kind : x->kinds)
    out.add_kinds(kind);
  for (auto& label : x->labels)
    out.add_labels(label);
  caf::anon_send(scheduler, out, x->handle);
  consume_messages();
}

void manager_fixture::disconnect(const worker_ptr& x) {
  self->send_exit(x->handle, caf::exit_reason::kill);
  consume_messages();
}

proto::FinishCommand::Item manager_fixture::ending(const proto::Assignment& x,
                                                   proto::TaskState outcome) {
  proto::FinishCommand::Item out;
  *out.mutable_id() = x.ref().task();
  out.set_attempt(x.ref().attempt());
  out.set_outcome(outcome);
  out.set_started(true);
  return out;
}

proto::Report manager_fixture::news(const worker_ptr& x) {
  proto::Report out;
  out.set_node(x->node);
  out.set_incarnation(x->incarnation);
  out.set_number(++x->reports);
  return out;
}

answer_ptr<proto::ReportAck>
manager_fixture::report(const worker_ptr& x,
                        const proto::FinishCommand::Item& end) {
  auto out = news(x);
  *out.add_finishes() = end;
  return request<proto::ReportAck>(tracker, out);
}

answer_ptr<proto::ReportAck>
manager_fixture::alive(const worker_ptr& x,
                       const std::vector<proto::Assignment>& running) {
  auto out = news(x);
  for (auto& it : running) {
    auto& attempt = *out.add_attempts();
    *attempt.mutable_ref() = it.ref();
    attempt.set_started_ms(1);
  }
  return request<proto::ReportAck>(tracker, out);
}

void manager_fixture::pass_alive(const worker_ptr& x,
                                 const std::vector<proto::Assignment>& running,
                                 std::chrono::milliseconds time) {
  for (; time.count() > 0; time -= std::chrono::milliseconds{200}) {
    pass(std::chrono::milliseconds{200});
    alive(x, running);
  }
}

} // namespace coppice::test
