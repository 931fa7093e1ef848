// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/backup/restore_group.hpp"
#include "storage/consensus/membership.hpp"
#include "storage/consensus/replica.hpp"
#include "storage/lmdb_log_store.hpp"
#include "storage/service_tables.hpp"
#include "storage/tables_transfer.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <memory>
#include <string>

using namespace coppice;
using state_machine::restore_counts;
using test::demand;
using test::machine;
using test::unwrap;

namespace {

namespace fs = std::filesystem;

/// Seconds.
constexpr int64_t backup_time = 1'700'000'000;

constexpr uint64_t own_member = 77;

struct fixture {
  test::temp_folder folder;
  machine before;
  fs::path file = folder.path() / "backup";

  fixture() {
    before.now_ms = backup_time * 1'000;
    before.enrol("n1", 1);
  }

  /// Writes the tables of *before* to the backup.
  void back_up() {
    unwrap(before.store().flush_now());
    auto copy = unwrap(tables_copy::make(before.store(), folder.path()));
    auto to = unwrap(backup_writer::create(file, true));
    proto::BackupHeader header;
    header.add_groups("shard-0");
    unwrap(to.begin(header));
    auto whole = unwrap(copy.read(0, SIZE_MAX));
    proto::BackupGroup group;
    group.set_name("shard-0");
    group.set_size(whole.total());
    group.set_tables_format(tables_format);
    unwrap(to.begin_group(group));
    unwrap(to.append(whole.data()));
    unwrap(to.end_group());
    unwrap(to.finish());
  }

  /// Restores the backup *seconds* after it was made, to tables of its own.
  std::unique_ptr<machine> restored(int64_t seconds,
                                    std::chrono::seconds lease = {}) {
    auto group = folder.path() / ("group" + std::to_string(++restores));
    restore_options options;
    options.member = own_member;
    options.terms.now_ms = (backup_time + seconds) * 1'000;
    options.terms.lineage = 1'000 + static_cast<uint64_t>(restores);
    options.terms.lease = lease;
    options.tables = test::quick_tables();
    auto from = unwrap(backup_file::open(file));
    counts = unwrap(restore_group(from, 0, group, options));
    auto after
      = std::make_unique<machine>(test::quick_tables(), group / "tables");
    after->now_ms = options.terms.now_ms;
    return after;
  }

  static uint32_t next_number(const machine& x, const proto::TaskRef& id) {
    return last_number(x.row(id)) + 1;
  }

  /// A task that has failed for good.
  proto::TaskRef failed_task() {
    auto id = before.submit().id();
    auto item = machine::ending(id, 1, proto::FAILED);
    for (auto attempt = 1u; attempt <= 2; ++attempt) {
      demand(before.lease(id, attempt).granted(), "leased");
      before.finish(id, attempt, proto::FAILED);
      before.now_ms += 60'000;
      before.wake(id);
    }
    demand(before.row(id).state() == proto::FAILED, "failed");
    return id;
  }

  int restores = 0;
  restore_counts counts;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(restore_tests, fixture)

CAF_TEST(what waits goes on to wait and what succeeded stays) {
  auto done = before.leased_task();
  before.finish(done, 1, proto::SUCCEEDED);
  auto waits = before.submit(machine::item("k")).id();
  back_up();
  auto after = restored(10);
  CAF_CHECK_EQUAL(counts.tasks, 2u);
  CAF_CHECK_EQUAL(counts.unfinished, 1u);
  CAF_CHECK_EQUAL(counts.interrupted, 0u);
  CAF_CHECK(after->row(done).SerializeAsString()
            == before.row(done).SerializeAsString());
  CAF_CHECK(after->queued(waits));
  auto again = after->submit(machine::item("k"));
  CAF_CHECK(again.duplicate());
  CAF_CHECK_EQUAL(again.id().sequence(), waits.sequence());
}

CAF_TEST(what was leased is tried anew and its old attempt is not believed) {
  auto id = before.leased_task();
  back_up();
  auto after = restored(10);
  CAF_CHECK_EQUAL(counts.interrupted, 1u);
  auto ended = after->attempts(id);
  CAF_REQUIRE_EQUAL(ended.size(), 1u);
  CAF_CHECK_EQUAL(ended[0].reason(), proto::RESTORED);
  CAF_CHECK_EQUAL(after->row(id).tries(), 0u);
  CAF_CHECK(after->finish(id, 1, proto::SUCCEEDED).fenced());
  after->now_ms += 1'000;
  CAF_CHECK(after->wake(id).queued());
  // Not the number that may have been given after the backup.
  CAF_CHECK(!after->lease(id, 2).granted());
  auto number = next_number(*after, id);
  CAF_CHECK(number > 1'000'000);
  CAF_CHECK(after->lease(id, number).granted());
  CAF_CHECK(after->finish(id, 2, proto::SUCCEEDED).fenced());
  CAF_CHECK_EQUAL(after->row(id).state(), proto::LEASED);
  after->finish(id, number, proto::SUCCEEDED);
  CAF_CHECK_EQUAL(after->row(id).state(), proto::SUCCEEDED);
}

CAF_TEST(attempts of what waited or had failed get new numbers as well) {
  auto failed = failed_task();
  auto waits = before.submit().id();
  back_up();
  // What happens after the backup.
  demand(before.lease(waits, 1).granted(), "leased");
  before.retry(failed);
  demand(before.lease(failed, 3).granted(), "leased");
  auto after = restored(10);
  auto kept = after->attempts(failed);
  CAF_CHECK_EQUAL(kept.size(), 2u);
  CAF_CHECK_EQUAL(after->row(failed).attempt(), 2u);
  after->retry(failed);
  CAF_CHECK(!after->lease(waits, 1).granted());
  CAF_CHECK(!after->lease(failed, 3).granted());
  CAF_CHECK(after->lease(waits, next_number(*after, waits)).granted());
  CAF_CHECK(after->lease(failed, next_number(*after, failed)).granted());
  CAF_CHECK(after->finish(waits, 1, proto::SUCCEEDED).fenced());
  CAF_CHECK(after->finish(failed, 3, proto::SUCCEEDED).fenced());
}

CAF_TEST(no id and no number is given twice after any restore) {
  auto waits = before.submit().id();
  back_up();
  auto given = before.submit().id();
  auto first = restored(10);
  auto second = restored(11); // Of the same backup.
  auto a = first->submit().id().sequence();
  auto b = second->submit().id().sequence();
  CAF_CHECK(a > given.sequence());
  CAF_CHECK(b > a + 100'000);
  CAF_CHECK(next_number(*second, waits) > next_number(*first, waits));
  // A product that is new to the restored cluster may not be new.
  auto item = machine::item();
  item.set_product("other");
  auto other = before.submit(item).id();
  auto same = first->submit(item).id();
  CAF_CHECK_EQUAL(same.product(), other.product());
  CAF_CHECK(same.sequence() > other.sequence() + 1'000'000);
}

CAF_TEST(a clock that has gone back gives no number twice) {
  auto waits = before.submit().id();
  back_up();
  auto first = restored(10);
  auto given = first->submit().id().sequence();
  unwrap(first->store().flush_now());
  auto attempt = next_number(*first, waits);
  auto copy = unwrap(tables_copy::make(first->store(), folder.path()));
  before.reopen();
  // The state of the first restore, an hour before it was made.
  auto whole = unwrap(copy.read(0, SIZE_MAX));
  auto to = unwrap(backup_writer::create(file, true));
  proto::BackupHeader header;
  header.add_groups("shard-0");
  unwrap(to.begin(header));
  proto::BackupGroup group;
  group.set_name("shard-0");
  group.set_size(whole.total());
  unwrap(to.begin_group(group));
  unwrap(to.append(whole.data()));
  unwrap(to.end_group());
  unwrap(to.finish());
  auto second = restored(-3'600);
  CAF_CHECK(second->submit().id().sequence() > given + 1'000'000);
  CAF_CHECK(next_number(*second, waits) > attempt + 1'000);
}

CAF_TEST(pauses do not grow because numbers were raised) {
  auto id = before.leased_task();
  back_up();
  auto after = restored(10);
  auto pause = after->row(id).due_ms() - after->now_ms;
  CAF_CHECK_EQUAL(pause, 250);
  after->now_ms += pause;
  after->wake(id);
  auto number = next_number(*after, id);
  demand(after->lease(id, number).granted(), "leased");
  auto item = machine::ending(id, number, proto::FAILED);
  item.set_started(false);
  after->finish(item);
  CAF_CHECK_EQUAL(after->row(id).due_ms() - after->now_ms, 500);
}

CAF_TEST(the total clock stands still between backup and restore) {
  auto id = before.leased_task();
  back_up();
  auto began = before.row(id).first_leased_ms();
  auto after = restored(10'000);
  CAF_CHECK_EQUAL(after->row(id).first_leased_ms(), began + 10'000'000);
}

CAF_TEST(an exclusive task waits until no worker can go on with it) {
  proto::Command x;
  x.mutable_register_()->set_node("n1");
  x.mutable_register_()->set_incarnation(1);
  auto& kind = *x.mutable_register_()->add_kinds();
  kind.set_name("noop");
  kind.set_exclusive(true);
  before.run(x);
  auto waits = before.submit().id();
  back_up();
  auto after = restored(10, std::chrono::seconds{20});
  CAF_CHECK(!after->queued(waits));
  CAF_CHECK_EQUAL(after->row(waits).due_ms(), after->now_ms + 20'000);
  after->now_ms += 20'000;
  CAF_CHECK(after->wake(waits).queued());
}

CAF_TEST(former managers are forgotten and the restore has its own mark) {
  proto::Command x;
  x.mutable_manager()->set_name("b");
  x.mutable_manager()->set_address("127.0.0.1:1");
  before.run(x);
  back_up();
  auto after = restored(10);
  auto managers
    = after->read([](const table_view& view) { return get_managers(view); });
  CAF_CHECK(managers.empty());
  auto lineage
    = after->read([](const table_view& view) { return lineage_of(view); });
  CAF_CHECK_EQUAL(lineage, 1'001u);
}

CAF_TEST(a replica starts on restored tables as the only voter) {
  auto id = before.submit().id();
  back_up();
  auto after = restored(10);
  auto& store = after->store();
  auto log
    = unwrap(lmdb_log_store::open(folder.path() / "log", size_t{16} << 20));
  replica_options options;
  options.id = own_member;
  options.voters = {own_member};
  auto now = replica::time_point{};
  auto member = unwrap(replica::start(options, *log, store.position(), now));
  auto send = [](peer_message&&) {};
  for (auto i = 0; i < 100 && !member.ready_to_lead(); ++i) {
    now += std::chrono::milliseconds{100};
    unwrap(member.tick(now));
    unwrap(member.finish_turn(now, send));
    auto next = unwrap(member.next_committed(SIZE_MAX));
    if (!next.empty())
      member.applied(next.back().index);
  }
  CAF_CHECK(member.ready_to_lead());
  auto members = unwrap(member.members());
  CAF_REQUIRE_EQUAL(members.size(), 1u);
  CAF_CHECK_EQUAL(members[0].id, own_member);
  CAF_CHECK(after->queued(id));
}

CAF_TEST(many tasks are restored in several steps) {
  proto::Command command;
  for (auto i = 0; i < 10'000; ++i)
    *command.mutable_submit()->add_items() = machine::item();
  for (auto i = 0; i < 5; ++i)
    before.run(command);
  back_up();
  auto after = restored(10);
  CAF_CHECK_EQUAL(counts.tasks, 50'000u);
  CAF_CHECK_EQUAL(counts.unfinished, 50'000u);
  for (uint64_t i : {1, 20'000, 20'001, 40'000, 40'001, 50'000}) {
    proto::TaskRef id;
    id.set_product(1);
    id.set_epoch(1);
    id.set_sequence(i);
    auto number = next_number(*after, id);
    CAF_CHECK(number > 1'000'000);
    CAF_CHECK(after->queued(id));
  }
}

CAF_TEST(owners of before a restore are refused and those after it are not ) {
  auto run = [](machine& x, proto::ServiceCommand what) {
    what.set_name("a");
    proto::Command command;
    *command.mutable_service() = std::move(what);
    return x.run(command).service();
  };
  auto journal = [](machine& x, uint64_t epoch) {
    proto::Command command;
    command.mutable_journal()->set_service(1);
    command.mutable_journal()->set_epoch(epoch);
    command.mutable_journal()->set_take(true);
    return x.run(command).journal();
  };
  proto::Command shard;
  shard.mutable_shard()->add_founders(1);
  before.run(shard);
  proto::ServiceCommand apply;
  apply.mutable_applied()->set_name("a");
  apply.mutable_applied()->set_form(proto::NATIVE_SERVICE);
  auto row = run(before, apply).row();
  proto::ServiceCommand place;
  place.set_based_on(row.changed());
  place.mutable_placed()->add_places()->set_node("n1");
  row = run(before, place).row();
  auto epoch = row.places(0).epoch();
  CAF_CHECK(!journal(before, epoch).has_error());
  back_up();
  // Also where the clock has gone back.
  for (auto seconds : {60, -600'000}) {
    auto after = restored(seconds);
    auto now = after->read(
      [](const table_view& view) { return *get_service(view, "a"); });
    CAF_CHECK_EQUAL(now.places(0).node(), "n1");
    CAF_CHECK_EQUAL(now.places(0).status(), proto::SERVICE_PLACED);
    // Whatever was given after the backup.
    CAF_CHECK(journal(*after, epoch).has_error());
    CAF_CHECK(journal(*after, epoch + 1'000).has_error());
    CAF_CHECK(!journal(*after, now.places(0).epoch()).has_error());
  }
}

CAF_TEST(tokens are still valid) {
  proto::Command command;
  auto& row = *command.mutable_token()->mutable_created();
  row.set_name("ci");
  row.set_role(proto::VIEWER);
  row.set_hash(std::string(32, 'h'));
  demand(!before.run(command).token().has_error(), "created");
  back_up();
  auto after = restored(10);
  auto xs
    = after->read([](const table_view& view) { return get_tokens(view); });
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK(xs[0].name() == "ci" && xs[0].hash() == row.hash());
}

CAF_TEST_FIXTURE_SCOPE_END()
