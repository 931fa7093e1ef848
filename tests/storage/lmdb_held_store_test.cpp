// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/lmdb_held_store.hpp"

#include "runtime/key_codec.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <string>
#include <utility>

using namespace coppice;

namespace {

held_change saved(uint64_t number, const std::string& body) {
  held_change x;
  x.number = number;
  x.save.emplace();
  x.save->set_service("svc");
  x.save->set_method("POST");
  x.save->set_body(body);
  return x;
}

held_change erased(uint64_t number) {
  held_change x;
  x.number = number;
  x.erase = true;
  return x;
}

held_change marked(uint64_t number, bool delivered) {
  held_change x;
  x.number = number;
  x.delivered = delivered;
  return x;
}

std::string key_of(uint64_t number) {
  std::string key;
  append_big_endian(key, number);
  return key;
}

struct fixture {
  lmdb_held_store::opened_store open() {
    auto x = lmdb_held_store::open(dir);
    CAF_REQUIRE(x);
    return std::move(x.value());
  }

  /// Writes what the store itself does not write.
  void tamper(const std::string& table, const std::string& key,
              const std::string& value, uint32_t format = 1) {
    lmdb_options options;
    options.format = format;
    auto env = lmdb_env::open(dir, options);
    CAF_REQUIRE(env);
    auto dbi = env.value().open_table(table);
    CAF_REQUIRE(dbi);
    CAF_REQUIRE(env.value().write(
      [&](lmdb_txn& txn) { return txn.put(dbi.value(), key, value); }));
  }

  test::temp_folder folder;
  std::filesystem::path dir = folder.path() / "held";
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(lmdb_held_store_tests, fixture)

CAF_TEST(requests are there at the next start in their order) {
  std::string bytes{"\xff\0\xfe", 3};
  {
    auto x = open();
    CAF_CHECK(x.found.requests.empty());
    CAF_CHECK(x.store->write({saved(256, "c"), saved(2, "b"), saved(1, "a")}));
    CAF_CHECK(x.store->write({erased(2), saved(300, bytes)}));
  }
  auto found = open().found;
  CAF_REQUIRE_EQUAL(found.requests.size(), 3u);
  CAF_CHECK_EQUAL(found.requests[0].number, 1u);
  CAF_CHECK_EQUAL(found.requests[1].number, 256u);
  CAF_CHECK_EQUAL(found.requests[2].number, 300u);
  CAF_CHECK(found.requests[2].request.body() == bytes);
  CAF_CHECK_EQUAL(found.last_number, 300u);
  CAF_CHECK_EQUAL(found.damaged, 0u);
}

CAF_TEST(notes of deliveries stay with their requests) {
  {
    auto x = open();
    CAF_CHECK(x.store->write({saved(1, "a"), saved(2, "b"), saved(3, "c")}));
    CAF_CHECK(
      x.store->write({marked(1, true), marked(2, true), marked(3, true)}));
    CAF_CHECK(x.store->write({marked(2, false), erased(3)}));
  }
  {
    auto x = open();
    CAF_REQUIRE_EQUAL(x.found.requests.size(), 2u);
    CAF_CHECK(x.found.requests[0].delivered);
    CAF_CHECK(!x.found.requests[1].delivered);
    // A new one with the number of one that is gone has no note.
    CAF_CHECK(x.store->write({saved(3, "d")}));
  }
  CAF_CHECK(!open().found.requests[2].delivered);
}

CAF_TEST(a note without its request says nothing) {
  {
    auto x = open();
    CAF_CHECK(x.store->write({saved(1, "a"), marked(7, true)}));
  }
  {
    auto x = open();
    CAF_CHECK_EQUAL(x.found.requests.size(), 1u);
    CAF_CHECK(x.store->write({saved(7, "b")}));
  }
  CAF_CHECK(!open().found.requests[1].delivered);
}

CAF_TEST(what is damaged is set aside) {
  CAF_CHECK(open().store->write({saved(1, "a"), saved(3, "c")}));
  tamper("request", key_of(2), "\xff\xff\xff");
  tamper("request", "odd key", "\x0a\x01x");
  tamper("request", key_of(9), "");
  for (auto i = 0; i < 2; ++i) {
    auto found = open().found;
    CAF_CHECK_EQUAL(found.damaged, 3u);
    CAF_REQUIRE_EQUAL(found.requests.size(), 2u);
    CAF_CHECK_EQUAL(found.requests[1].number, 3u);
    // The number of a damaged one is not given again.
    CAF_CHECK_EQUAL(found.last_number, 9u);
  }
}

CAF_TEST(what a newer program wrote is left as it is) {
  tamper("request", key_of(1), "?", 7);
  auto x = lmdb_held_store::open(dir);
  CAF_REQUIRE(!x);
  CAF_CHECK(x.error().code == ec::corrupt_store);
  CAF_CHECK(x.error().message.find("newer Coppice") != std::string::npos);
}

CAF_TEST(a batch larger than the map is written as a whole) {
  std::string big(40'000'000, 'b');
  {
    auto x = open();
    CAF_CHECK(x.store->write({saved(1, big), saved(2, big), marked(2, true)}));
  }
  auto found = open().found;
  CAF_REQUIRE_EQUAL(found.requests.size(), 2u);
  CAF_CHECK(found.requests[0].request.body() == big);
  CAF_CHECK(found.requests[1].delivered);
}

CAF_TEST_FIXTURE_SCOPE_END()
