// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/actors/manager_fixture.hpp"

#include <fstream>

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

struct fixture : manager_fixture {
  fixture() {
    replicator_options.threads = false;
  }

  proto::Reply ask_for(uint64_t copy, uint64_t offset = 0) {
    proto::Request x;
    x.mutable_backup()->set_group("shard-0");
    x.mutable_backup()->set_copy(copy);
    x.mutable_backup()->set_offset(offset);
    return ask(x);
  }

  /// Returns the number of a new copy.
  uint64_t begin() {
    auto reply = ask_for(0);
    demand(!reply.has_error(), reply.error().message());
    demand(reply.backup().part().data().empty(), "no data yet");
    return reply.backup().part().copy();
  }

  proto::BackupReply part(uint64_t copy, uint64_t offset = 0) {
    auto reply = ask_for(copy, offset);
    demand(!reply.has_error(), reply.error().message());
    demand(reply.backup().part().total() != 0, "the copy is made");
    return reply.backup();
  }

  /// Fetches a copy, and opens it.
  std::unique_ptr<tables> fetch(uint64_t copy) {
    auto dir = folder.path() / ("copy" + std::to_string(copy));
    std::filesystem::create_directory(dir);
    std::ofstream out{dir / tables_file_name, std::ios::binary};
    uint64_t have = 0;
    uint64_t total = 1;
    while (have < total) {
      auto x = part(copy, have);
      total = x.part().total();
      demand(x.part().offset() == have && !x.part().data().empty(), "a part");
      have += x.part().data().size();
      out << x.part().data();
    }
    out.close();
    return unwrap(tables::open(dir, quick_tables()));
  }

  uint32_t code(uint64_t copy) {
    return ask_for(copy).error().code();
  }
};

constexpr auto gone = static_cast<uint32_t>(ec::not_found);

} // namespace

CAF_TEST_FIXTURE_SCOPE(backup_copies_tests, fixture)

CAF_TEST(without a group the groups are told) {
  start();
  proto::Request x;
  x.mutable_backup();
  auto reply = ask(x);
  CAF_REQUIRE_EQUAL(reply.backup().groups_size(), 2);
  CAF_CHECK_EQUAL(reply.backup().groups(0), "shard-0");
  CAF_CHECK_EQUAL(reply.backup().groups(1), "cluster");
  CAF_CHECK_EQUAL(reply.backup().node(), "m1");
  x.mutable_backup()->set_group("nonesuch");
  reply = ask(x);
  CAF_CHECK_EQUAL(reply.error().code(), gone);
}

CAF_TEST(a copy has what was acknowledged before and not what came after) {
  start();
  submit();
  CAF_REQUIRE(store->durable_index() < store->applied());
  auto copy = begin();
  part(copy);
  submit();
  auto tasks = part(copy).tasks();
  CAF_CHECK_EQUAL(tasks, 1u);
  auto copied = fetch(copy);
  auto has = [&](uint64_t sequence) {
    return unwrap(copied->read([&](const table_view& view, uint64_t) {
      return get_task(view, {1, 1, sequence}).has_value();
    }));
  };
  CAF_CHECK(has(1));
  CAF_CHECK(!has(2));
}

CAF_TEST(parts are read again and none is behind the end) {
  replicator_options.max_part_bytes = 1'000;
  start();
  auto copy = begin();
  auto first = part(copy).SerializeAsString();
  auto again = part(copy);
  CAF_CHECK(again.SerializeAsString() == first);
  CAF_CHECK_EQUAL(again.part().data().size(), 1'000u);
  auto behind = part(copy, again.part().total());
  CAF_CHECK(behind.part().data().empty());
}

CAF_TEST(a copy that nobody asks for is dropped) {
  start();
  auto copy = begin();
  part(copy);
  for (auto i = 0; i < 4; ++i) {
    pass(20s);
    CAF_CHECK_EQUAL(code(copy), 0u);
  }
  pass(31s);
  CAF_CHECK_EQUAL(code(copy), gone);
  CAF_CHECK_EQUAL(code(4'711), gone);
}

CAF_TEST(there are so many copies and no more) {
  start();
  for (auto i = 0; i < 4; ++i)
    part(begin());
  CAF_CHECK_EQUAL(code(0), static_cast<uint32_t>(ec::overloaded));
  pass(31s);
  CAF_CHECK_EQUAL(code(0), 0u);
}

CAF_TEST(a copy that could fill the disk is refused) {
  start();
  submit();
  replicator_options.reserve_bytes = uint64_t{1} << 62;
  stop();
  start();
  auto copy = begin();
  auto reply = ask_for(copy);
  CAF_CHECK_EQUAL(reply.error().code(),
                  static_cast<uint32_t>(ec::storage_failure));
  CAF_CHECK(reply.error().message().find("storage.reserve")
            != std::string::npos);
  CAF_CHECK_EQUAL(code(copy), gone);
}

CAF_TEST_FIXTURE_SCOPE_END()
