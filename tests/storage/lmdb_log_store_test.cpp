// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/lmdb_log_store.hpp"

#include "runtime/key_codec.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

constexpr size_t many_bytes = size_t{1} << 30;

struct fixture {
  fixture() {
    reopen();
  }

  void reopen() {
    aut.reset(); // A process may open a folder once.
    auto x = lmdb_log_store::open(dir.path());
    CAF_REQUIRE(x);
    aut = std::move(x.value());
  }

  /// Appends entries of *term*, with a configuration at index 1.
  void append(uint64_t term, std::initializer_list<std::string> texts) {
    std::vector<log_entry> xs;
    auto first = aut->last_index() + 1;
    for (auto& text : texts) {
      auto type = first == 1 && xs.empty() ? entry_type::configuration
                                           : entry_type::command;
      xs.push_back(make_log_entry(term, type, text));
    }
    log_write x;
    x.first = first;
    x.entries = xs;
    CAF_REQUIRE(aut->write(x));
  }

  /// Renders the entries from *from* on as "term:data ".
  std::string show(uint64_t from) {
    auto xs = aut->read(from, aut->last_index() + 1, many_bytes);
    if (!xs)
      return to_string(xs.error());
    std::string result;
    for (auto& x : xs.value())
      result += std::to_string(x.term) + ":" + std::string{x.bytes()} + " ";
    return result;
  }

  test::temp_folder dir;
  std::unique_ptr<lmdb_log_store> aut;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(lmdb_log_store_tests, fixture)

CAF_TEST(a new store is empty) {
  auto x = aut->load().value();
  CAF_CHECK(x.state == hard_state{});
  CAF_CHECK(x.base == log_base{});
  CAF_CHECK(x.heads.empty());
  CAF_CHECK_EQUAL(aut->first_index(), 1u);
  CAF_CHECK_EQUAL(aut->last_index(), 0u);
}

CAF_TEST(what was written is there after reopening) {
  log_write x;
  x.state = hard_state{3, 2};
  CAF_REQUIRE(aut->write(x));
  append(1, {"conf", "a"});
  append(3, {"b", ""});
  reopen();
  auto image = aut->load().value();
  CAF_CHECK(image.state == (hard_state{3, 2}));
  CAF_REQUIRE_EQUAL(image.heads.size(), 4u);
  CAF_CHECK_EQUAL(image.heads[1].term, 1u);
  CAF_CHECK_EQUAL(image.heads[2].size, 1u);
  CAF_REQUIRE_EQUAL(image.configurations.size(), 1u);
  CAF_CHECK_EQUAL(image.configurations[0].data, "conf");
  CAF_CHECK_EQUAL(aut->last_index(), 4u);
  CAF_CHECK_EQUAL(show(1), "1:conf 1:a 3:b 3: ");
}

CAF_TEST(truncating and appending in one write replaces the end) {
  append(1, {"conf", "a", "b", "c"});
  auto entry = make_log_entry(2, entry_type::command, "B");
  log_write x;
  x.state = hard_state{2, 0};
  x.truncate_from = 3;
  x.first = 3;
  x.entries = {&entry, 1};
  CAF_REQUIRE(aut->write(x));
  CAF_CHECK_EQUAL(show(2), "1:a 2:B ");
  reopen();
  CAF_CHECK_EQUAL(show(2), "1:a 2:B ");
}

CAF_TEST(trimming moves the base and nothing else) {
  append(1, {"conf", "a", "b", "c"});
  log_write x;
  x.trim = log_base{{3, 1}, {1, "conf"}};
  CAF_REQUIRE(aut->write(x));
  CAF_CHECK_EQUAL(aut->first_index(), 4u);
  CAF_CHECK_EQUAL(show(4), "1:c ");
  CAF_CHECK(aut->read(3, 5, many_bytes).error().code == ec::corrupt_store);
  reopen();
  auto image = aut->load().value();
  CAF_CHECK(image.base == *x.trim);
  CAF_CHECK_EQUAL(image.heads.size(), 1u);
  append(1, {"d"});
  CAF_CHECK_EQUAL(show(4), "1:c 1:d ");
}

CAF_TEST(a reset log goes on after its base) {
  append(1, {"conf", "a"});
  log_write x;
  x.reset = log_base{{100, 7}, {90, "conf2"}};
  CAF_REQUIRE(aut->write(x));
  CAF_CHECK_EQUAL(aut->first_index(), 101u);
  CAF_CHECK_EQUAL(aut->last_index(), 100u);
  append(8, {"b"});
  reopen();
  CAF_CHECK(aut->load().value().base == *x.reset);
  CAF_CHECK_EQUAL(show(101), "8:b ");
}

CAF_TEST(reading stops at the wanted size but returns something) {
  append(1, {"conf", "aaaa", "bbbb", "cccc"});
  CAF_CHECK_EQUAL(aut->read(2, 5, 8).value().size(), 2u);
  CAF_CHECK_EQUAL(aut->read(2, 5, 1).value().size(), 1u);
  CAF_CHECK_EQUAL(aut->read(2, 4, many_bytes).value().size(), 2u);
}

CAF_TEST(a gap is refused and nothing of the write is kept) {
  append(1, {"conf"});
  auto entry = make_log_entry(1, entry_type::command, "x");
  log_write x;
  x.state = hard_state{9, 9};
  x.first = 3;
  x.entries = {&entry, 1};
  CAF_CHECK(!aut->write(x));
  CAF_CHECK_EQUAL(aut->last_index(), 1u);
  CAF_CHECK(aut->load().value().state == hard_state{});
}

CAF_TEST(a tiny map grows while the log is written) {
  aut.reset();
  test::temp_folder other;
  auto x = lmdb_log_store::open(other.path(), size_t{1} << 20);
  CAF_REQUIRE(x);
  aut = std::move(x.value());
  append(1, {"conf"});
  for (auto i = 0; i < 32; ++i)
    append(1, {std::string(200'000, 'x'), std::string(100, 'y')});
  CAF_CHECK_EQUAL(aut->last_index(), 65u);
  auto image = aut->load().value();
  CAF_CHECK_EQUAL(image.heads.size(), 65u);
  CAF_CHECK_EQUAL(image.heads[63].size, 200'000u);
  aut.reset();
}

CAF_TEST(a newer format does not open) {
  append(1, {"conf"});
  aut.reset();
  {
    lmdb_options options;
    options.format = 2;
    auto env = lmdb_env::open(dir.path(), options);
    CAF_REQUIRE(env);
    std::string two;
    append_big_endian(two, uint32_t{2});
    CAF_REQUIRE(env.value().write([&](lmdb_txn& txn) {
      return txn.put(env.value().meta(), "format", two);
    }));
  }
  auto x = lmdb_log_store::open(dir.path());
  CAF_REQUIRE(!x);
  CAF_CHECK(x.error().code == ec::corrupt_store);
  CAF_MESSAGE(to_string(x.error()));
}

CAF_TEST_FIXTURE_SCOPE_END()
