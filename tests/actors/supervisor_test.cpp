// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/supervisor.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/test/dsl.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

using throw_atom = caf::atom_constant<caf::atom("throw")>;
using done_atom = caf::atom_constant<caf::atom("done")>;

using names = std::vector<std::string>;

/// What all children of a test have in common.
struct world {
  /// In the order in which they started and ended.
  names story;
  /// What is durable: it counts what each has been told.
  std::map<std::string, int> disk;
  /// These cannot be started.
  std::map<std::string, bool> broken;
  std::map<std::string, caf::actor> last;
};

using world_ptr = std::shared_ptr<world>;

/// A part that counts on its disk.
/// @param deaf It does not stop when it is told to.
caf::behavior part(caf::event_based_actor* self, world_ptr all,
                   std::string name, bool deaf) {
  all->story.push_back("+" + name);
  self->attach_functor([all, name] { all->story.push_back("-" + name); });
  if (deaf)
    self->set_exit_handler([](caf::exit_msg&) {});
  return {
    [=](int n) {
      all->disk[name] += n;
      return all->disk[name];
    },
    [](throw_atom) { throw std::runtime_error("a bug"); },
    [self](done_atom) { self->quit(); },
  };
}

struct fixture : test_coordinator_fixture<> {
  ~fixture() {
    if (supervised)
      self->send_exit(supervised, caf::exit_reason::kill);
    consume_messages();
    all->last.clear();
    consume_messages();
  }

  supervised_child child(std::string name,
                         restart_kind kind = restart_kind::permanent,
                         bool deaf = false) {
    auto start = [this, name, deaf]() -> result<caf::actor> {
      if (all->broken[name])
        return error{ec::storage_failure, "its disk is gone"};
      return all->last[name] = sys.spawn(part, all, name, deaf);
    };
    return {{name, kind, 100ms}, start};
  }

  void start(restart_strategy how, std::vector<supervised_child> xs,
             size_t intensity = 2) {
    supervisor_options options;
    options.name = "s";
    options.limits = {how, intensity, 10s};
    options.on_give_up
      = [this](const caf::error& why) { gave_up = sys.render(why); };
    supervised = sys.spawn(supervisor, options, std::move(xs));
    self->monitor(supervised);
    consume_messages();
  }

  void tell(const std::string& name, int n) {
    self->send(all->last.at(name), n);
    consume_messages();
    self->receive([](int) {});
  }

  void fail(const std::string& name) {
    self->send(all->last.at(name), throw_atom::value);
    consume_messages();
  }

  /// Returns what happened since it was asked last.
  names story() {
    return std::exchange(all->story, {});
  }

  bool ended() {
    auto result = false;
    self->receive([&](const caf::down_msg&) { result = true; },
                  caf::after(0s) >> [] {});
    return result;
  }

  proto::TreePart tree() {
    proto::Request x;
    x.mutable_tree();
    auto request
      = self->request(caf::actor_cast<api_actor>(supervised), caf::infinite, x);
    consume_messages();
    proto::TreePart result;
    request.receive([&](proto::Reply& y) { result = y.tree().root(); },
                    [&](const caf::error& why) { CAF_ERROR(why); });
    return result;
  }

  world_ptr all = std::make_shared<world>();
  supervisor_actor supervised;
  std::string gave_up;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(supervisor_tests, fixture)

CAF_TEST(children start in order and stop in reverse order) {
  start(restart_strategy::one_for_one, {child("a"), child("b"), child("c")});
  CAF_CHECK((story() == names{"+a", "+b", "+c"}));
  self->send_exit(supervised, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK((story() == names{"-c", "-b", "-a"}));
  CAF_CHECK(ended());
  CAF_CHECK(gave_up.empty());
}

CAF_TEST(a child whose handler throws is started again with what is durable) {
  start(restart_strategy::one_for_one, {child("a"), child("b")});
  tell("a", 41);
  story();
  fail("a");
  CAF_CHECK((story() == names{"-a", "+a"}));
  tell("a", 1);
  CAF_CHECK_EQUAL(all->disk["a"], 42);
}

CAF_TEST(one_for_all starts all again) {
  start(restart_strategy::one_for_all, {child("a"), child("b"), child("c")});
  story();
  fail("b");
  CAF_CHECK((story() == names{"-b", "-c", "-a", "+a", "+b", "+c"}));
}

CAF_TEST(rest_for_one starts those behind it again) {
  start(restart_strategy::rest_for_one, {child("a"), child("b"), child("c")});
  story();
  fail("b");
  CAF_CHECK((story() == names{"-b", "-c", "+b", "+c"}));
}

CAF_TEST(a transient child that was done is left alone) {
  start(restart_strategy::one_for_all,
        {child("a", restart_kind::transient), child("b")});
  story();
  self->send(all->last["a"], done_atom::value);
  consume_messages();
  CAF_CHECK((story() == names{"-a"}));
  CAF_CHECK_EQUAL(tree().parts(0).state(), proto::TreePart::ENDED);
}

CAF_TEST(a temporary child is forgotten when it ends) {
  start(restart_strategy::one_for_one,
        {child("a", restart_kind::temporary), child("b")});
  story();
  fail("a");
  CAF_CHECK((story() == names{"-a"}));
  CAF_CHECK_EQUAL(tree().parts_size(), 1);
}

CAF_TEST(who fails too often ends the supervisor and its siblings) {
  start(restart_strategy::one_for_one, {child("a"), child("b")});
  fail("b");
  fail("b");
  CAF_CHECK(!ended());
  story();
  fail("b");
  CAF_CHECK((story() == names{"-b", "-a"}));
  CAF_CHECK(ended());
  CAF_CHECK(gave_up.find("b ended") != std::string::npos);
  CAF_CHECK(gave_up.find("3 such ends in 10 s") != std::string::npos);
}

CAF_TEST(failures that are far apart are borne) {
  start(restart_strategy::one_for_one, {child("a")});
  for (auto i = 0; i < 10; ++i) {
    fail("a");
    sched.advance_time(11s);
    consume_messages();
  }
  CAF_CHECK(!ended());
  CAF_CHECK_EQUAL(tree().parts(0).restarts(), 10u);
}

CAF_TEST(a child that cannot be started again fails until that is too much) {
  start(restart_strategy::rest_for_one, {child("a"), child("b")});
  story();
  all->broken["a"] = true;
  fail("a");
  CAF_CHECK((story() == names{"-a", "-b"}));
  CAF_CHECK(ended());
  CAF_CHECK(gave_up.find("its disk is gone") != std::string::npos);
}

CAF_TEST(a child that does not stop is killed when its time is over) {
  start(restart_strategy::one_for_one,
        {child("a"), child("b", restart_kind::permanent, true)});
  story();
  self->send_exit(supervised, caf::exit_reason::user_shutdown);
  consume_messages();
  CAF_CHECK(story().empty());
  sched.advance_time(100ms);
  consume_messages();
  CAF_CHECK((story() == names{"-b", "-a"}));
  CAF_CHECK(ended());
}

CAF_TEST(a supervisor that gives up is a failure of its own supervisor) {
  caf::actor inner;
  auto nested = [&, this]() -> result<caf::actor> {
    supervisor_options options;
    options.name = "inner";
    options.limits = {restart_strategy::one_for_one, 0, 10s};
    inner = caf::actor_cast<caf::actor>(
      sys.spawn(supervisor, options, std::vector{child("x")}));
    return inner;
  };
  start(restart_strategy::one_for_one, {{{"inner"}, nested, true}, child("a")});
  story();
  fail("x");
  CAF_CHECK((story() == names{"-x", "+x"}));
  auto root = tree();
  CAF_CHECK_EQUAL(root.parts_size(), 2);
  CAF_CHECK_EQUAL(root.parts(0).name(), "inner");
  CAF_CHECK_EQUAL(root.parts(0).restarts(), 1u);
  CAF_CHECK(root.parts(0).last_end().find("inner gives up: x ended")
            != std::string::npos);
  CAF_CHECK_EQUAL(root.parts(0).parts(0).name(), "x");
  CAF_CHECK(root.parts(0).parts(0).has_answer_us());
  inner = nullptr;
}

CAF_TEST(children do not outlive a supervisor that is killed) {
  start(restart_strategy::one_for_one, {child("a"), child("b")});
  story();
  self->send_exit(supervised, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK_EQUAL(story().size(), 2u);
}

CAF_TEST(an orderly stop keeps its order and starts nothing again) {
  start(restart_strategy::one_for_all, {child("a"), child("b"), child("c")});
  story();
  auto stopped = self->request(supervised, caf::infinite, stop_order{{"b"}});
  consume_messages();
  stopped.receive([](bool) {}, [](const caf::error& why) { CAF_ERROR(why); });
  CAF_CHECK((story() == names{"-b"}));
  fail("a");
  CAF_CHECK((story() == names{"-a"}));
  CAF_CHECK(!ended());
}

CAF_TEST(a child may be added while the supervisor runs) {
  start(restart_strategy::one_for_one, {child("a")});
  auto added = self->request(supervised, caf::infinite, child("b"));
  auto twice = self->request(supervised, caf::infinite, child("a"));
  consume_messages();
  auto fail_test = [](const caf::error& why) { CAF_ERROR(why); };
  added.receive([](started_child& x) { CAF_CHECK(x.handle); }, fail_test);
  twice.receive([](started_child& x) { CAF_CHECK(x.why); }, fail_test);
  story();
  fail("b");
  CAF_CHECK((story() == names{"-b", "+b"}));
}

CAF_TEST_FIXTURE_SCOPE_END()
