// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/executor_fixture.hpp"

namespace coppice::test {

executor_fixture::executor_fixture()
  : script(std::make_shared<manager_script>()) {
  script->welcome.set_lease_ms(10'000);
  scheduler = sys.spawn(fake_scheduler, script);
  tracker = sys.spawn(fake_tracker, script);
  directory = sys.spawn(fake_directory, script, scheduler, tracker);
  options.node = "n1";
  options.incarnation = 7;
  options.slots = 4;
  options.data_dir = folder.path();
  options.seed = 1;
  options.threads = false;
  options.boot_time = [this] { return boot; };
  auto starter = [this](const run_observer& observer, run_start start) {
    auto run = std::make_shared<fake_run>();
    run->observer = observer;
    run->start = std::move(start);
    runs[run->start.key] = run;
    return run_control_ptr{std::make_unique<fake_control>(run)};
  };
  options.starters["fake"] = starter;
  options.starters["sole"] = starter;
  proto::KindInfo fake;
  fake.set_name("fake");
  options.kinds.push_back({fake, {}});
  fake.set_name("sole");
  fake.set_exclusive(true);
  options.kinds.push_back({fake, {}});
}

executor_fixture::~executor_fixture() {
  // Not by `run`, which the base class does: an actor that ticks runs on.
  self->send_exit(aut, caf::exit_reason::kill);
  consume_messages();
  script->worker = nullptr;
  runs.clear();
}

void executor_fixture::start() {
  *dead = false;
  aut = sys.spawn(executor, options, manager_contacts{directory, {}});
  caf::actor_cast<caf::actor>(aut)->attach_functor(
    [flag = dead] { *flag = true; });
  consume_messages();
}

void executor_fixture::pass(std::chrono::milliseconds time) {
  while (time.count() > 0) {
    auto step = std::min(time, std::chrono::milliseconds{50});
    boot += step;
    time -= step;
    sched.advance_time(step);
    consume_messages();
  }
}

attempt_key executor_fixture::key(uint64_t sequence, uint32_t attempt) {
  return {{1, 1, sequence}, attempt};
}

proto::Assignment executor_fixture::make(const attempt_key& k,
                                         const std::string& kind) {
  proto::TaskSpec spec;
  spec.set_kind(kind);
  return make(k, spec);
}

proto::Assignment executor_fixture::make(const attempt_key& k,
                                         const proto::TaskSpec& spec) {
  proto::Assignment x;
  assign_ref(*x.mutable_ref(), k);
  x.set_spec(spec.SerializeAsString());
  return x;
}

void executor_fixture::assign(std::vector<proto::Assignment> items) {
  proto::Assignments x;
  x.set_number(++script->assignments);
  for (auto& it : items)
    *x.add_items() = std::move(it);
  self->send(aut, std::move(x));
  consume_messages();
}

void executor_fixture::stop(const attempt_key& k, proto::Reason why) {
  proto::StopAttempts x;
  assign_ref(*x.add_refs(), k);
  x.set_reason(why);
  self->send(aut, std::move(x));
  consume_messages();
}

bool executor_fixture::is_alive() const {
  return !*dead;
}

} // namespace coppice::test
