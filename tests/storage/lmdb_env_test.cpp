// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/lmdb_env.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

using namespace coppice;

namespace {

struct fixture {
  lmdb_env open(uint32_t format = 1) {
    lmdb_options options;
    options.map_size_bytes = size_t{1} << 20;
    options.flags = MDB_NOSYNC;
    options.format = format;
    auto env = lmdb_env::open(dir, options);
    CAF_REQUIRE(env);
    return std::move(env).value();
  }

  result<> put(lmdb_env& env, const std::string& key,
               const std::string& value) {
    return env.write(
      [&](lmdb_txn& txn) { return txn.put(env.meta(), key, value); });
  }

  std::string get(const lmdb_env& env, const std::string& key) {
    std::string out;
    auto done = env.read([&](const lmdb_txn& txn) -> result<> {
      auto x = txn.get(env.meta(), key);
      out = x && x.value() ? std::string{*x.value()} : "nothing";
      return ok();
    });
    return done ? out : to_string(done.error());
  }

  static std::string bytes(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  test::temp_folder folder;
  std::filesystem::path dir = folder.path() / "a" / "b";
};

/// Lets files grow up to *bytes* and no further, until it dies.
class file_size_limit {
public:
  explicit file_size_limit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }

  ~file_size_limit() {
    setrlimit(RLIMIT_FSIZE, &before_);
  }

private:
  rlimit before_{};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(lmdb_env_tests, fixture)

CAF_TEST(what was written is there after a new start) {
  {
    auto env = open();
    CAF_REQUIRE(put(env, "k", "v"));
  }
  auto env = open();
  CAF_CHECK_EQUAL(get(env, "k"), "v");
  CAF_CHECK_EQUAL(get(env, "other"), "nothing");
}

CAF_TEST(a write whose function fails changes nothing) {
  auto env = open();
  auto done = env.write([&](lmdb_txn& txn) -> result<> {
    CAF_CHECK(txn.put(env.meta(), "k", "v"));
    return error{ec::conflict, "no"};
  });
  CAF_REQUIRE(!done);
  CAF_CHECK_EQUAL(done.error().message, "no");
  CAF_CHECK_EQUAL(get(env, "k"), "nothing");
}

CAF_TEST(a full map grows and the write is repeated) {
  auto env = open();
  auto before = env.map_size_bytes();
  auto calls = 0;
  auto done = env.write([&](lmdb_txn& txn) -> result<> {
    ++calls;
    for (auto i = 0; i < 100; ++i) {
      auto put
        = txn.put(env.meta(), std::to_string(i), std::string(50'000, 'x'));
      if (!put)
        return put;
    }
    return ok();
  });
  CAF_CHECK(done);
  CAF_CHECK(calls > 1);
  CAF_CHECK(env.map_size_bytes() > before);
  CAF_CHECK_EQUAL(get(env, "99").size(), 50'000u);
  CAF_CHECK_EQUAL(env.last_write_code(), 0);
}

CAF_TEST(a function that makes light of a full map is repeated as well) {
  auto env = open();
  auto done = env.write([&](lmdb_txn& txn) -> result<> {
    for (auto i = 0; i < 100; ++i)
      (void)txn.put(env.meta(), std::to_string(i), std::string(50'000, 'x'));
    return ok();
  });
  CAF_CHECK(done);
  CAF_CHECK_EQUAL(get(env, "99").size(), 50'000u);
}

CAF_TEST(readers go on while the map grows) {
  auto env = open();
  CAF_REQUIRE(put(env, "k", "v"));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (auto i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop)
        wrong += get(env, "k") != "v";
    });
  for (auto i = 0; i < 200; ++i)
    CAF_CHECK(put(env, "big" + std::to_string(i), std::string(50'000, 'x')));
  stop = true;
  for (auto& x : readers)
    x.join();
  CAF_CHECK_EQUAL(wrong, 0);
  CAF_CHECK(env.map_size_bytes() > 10'000'000);
}

CAF_TEST(a newer format is refused and left as it is) {
  { open(7); }
  auto before = bytes(dir / "data.mdb");
  lmdb_options options;
  auto env = lmdb_env::open(dir, options);
  CAF_REQUIRE(!env);
  CAF_CHECK(env.error().code == ec::corrupt_store);
  CAF_CHECK_EQUAL(env.error().message,
                  "'" + dir.string()
                    + "' was written by a newer Coppice: format 7, this one "
                      "knows up to 1");
  CAF_CHECK(bytes(dir / "data.mdb") == before);
}

CAF_TEST(an older format is opened and keeps its number) {
  { open(1); }
  { open(2); }
  lmdb_options options;
  CAF_CHECK(lmdb_env::open(dir, options));
}

CAF_TEST(a file that is no database is an error that names it) {
  std::filesystem::create_directories(dir);
  std::ofstream{dir / "data.mdb"} << std::string(100'000, 'x');
  auto env = lmdb_env::open(dir, lmdb_options{});
  CAF_REQUIRE(!env);
  CAF_CHECK(env.error().code == ec::corrupt_store);
  CAF_CHECK(env.error().message.find("open the database in '" + dir.string())
            != std::string::npos);
}

CAF_TEST(a folder that cannot be made is an error that names it) {
  std::ofstream{folder.path() / "a"} << "a file";
  auto env = lmdb_env::open(dir, lmdb_options{});
  CAF_REQUIRE(!env);
  CAF_CHECK(env.error().code == ec::storage_failure);
  CAF_CHECK(env.error().message.find(dir.string()) != std::string::npos);
}

CAF_TEST(a disk that refuses fails the write and works again later) {
  auto env = open();
  CAF_REQUIRE(put(env, "k", "v"));
  {
    file_size_limit limit{64 << 10};
    auto done = put(env, "big", std::string(500'000, 'x'));
    CAF_REQUIRE(!done);
    CAF_CHECK(done.error().code == ec::storage_failure);
    // EIO is what LMDB makes of a write that was cut short.
    auto code = env.last_write_code();
    CAF_CHECK(code == EFBIG || code == EIO);
    CAF_CHECK_EQUAL(get(env, "k"), "v");
  }
  CAF_CHECK(put(env, "big", std::string(500'000, 'x')));
  CAF_CHECK_EQUAL(env.last_write_code(), 0);
  CAF_CHECK_EQUAL(get(env, "big").size(), 500'000u);
}

CAF_TEST(no space and a broken disk have texts of their own) {
  auto full = lmdb_error(ENOSPC, "commit", "/data");
  CAF_CHECK(full.code == ec::storage_failure);
  CAF_CHECK(full.message.find("commit in '/data': no space left") == 7);
  auto broken = lmdb_error(EIO, "commit", "/data");
  CAF_CHECK(broken.code == ec::storage_failure);
  CAF_CHECK(broken.message.find("does not work") != std::string::npos);
}

CAF_TEST(what no later write can mend is not taken for a full disk) {
  auto why = lmdb_error(MDB_PANIC, "commit", "/data");
  CAF_CHECK(why.code == ec::system_failure);
}

CAF_TEST(an impossible key is the fault of the caller) {
  auto env = open();
  auto done = put(env, std::string(600, 'k'), "v");
  CAF_REQUIRE(!done);
  CAF_CHECK(done.error().code == ec::invalid_argument);
}

CAF_TEST(a cursor walks in order and erases) {
  auto env = open();
  auto table = env.open_table("t");
  CAF_REQUIRE(table);
  auto done = env.write([&](lmdb_txn& txn) -> result<> {
    auto rows = txn.cursor(table.value());
    CAF_REQUIRE(rows);
    for (auto key : {"b", "a", "d"})
      CAF_CHECK(rows.value().put(key, "v"));
    CAF_CHECK(rows.value().erase("b").value());
    CAF_CHECK(!rows.value().erase("c").value());
    CAF_CHECK(rows.value().seek("b").value()->first == "d");
    CAF_CHECK(rows.value().first().value()->first == "a");
    CAF_CHECK(rows.value().next().value()->first == "d");
    CAF_CHECK(!rows.value().next().value());
    CAF_CHECK(rows.value().last().value()->first == "d");
    CAF_CHECK(rows.value().previous().value()->first == "a");
    CAF_CHECK(txn.size(table.value()).value() == 2u);
    CAF_CHECK(txn.clear(table.value()));
    CAF_CHECK(!rows.value().first().value());
    return ok();
  });
  CAF_CHECK(done);
}

CAF_TEST_FIXTURE_SCOPE_END()
