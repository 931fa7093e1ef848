// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/backup/backup_file.hpp"

#include "runtime/files.hpp"
#include "runtime/key_codec.hpp"
#include "storage/tables.hpp"
#include "tests/storage/machine.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <fstream>
#include <string>
#include <vector>

using namespace coppice;
using test::demand;
using test::unwrap;

namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& file) {
  return unwrap(read_file(file));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct fixture {
  test::temp_folder folder;
  fs::path file = folder.path() / "backup";
  fs::path part = folder.path() / "backup.part";

  static proto::BackupHeader header(const std::vector<std::string>& groups) {
    proto::BackupHeader x;
    x.set_made_ms(4'711);
    x.set_node("n1");
    x.set_version("0");
    for (auto& name : groups)
      x.add_groups(name);
    return x;
  }

  static proto::BackupGroup group(const std::string& name, size_t size) {
    proto::BackupGroup x;
    x.set_name(name);
    x.set_size(size);
    x.set_tables_format(tables_format);
    x.set_tasks(3);
    return x;
  }

  static void add(backup_writer& to, const proto::BackupGroup& x,
                  const std::string& bytes) {
    unwrap(to.begin_group(x));
    unwrap(to.append(bytes));
    unwrap(to.end_group());
  }

  /// Writes a backup with two groups.
  void write_two(bool replace = false) {
    auto to = unwrap(backup_writer::create(file, replace));
    unwrap(to.begin(header({"cluster", "shard-0"})));
    add(to, group("cluster", 5), "first");
    add(to, group("shard-0", 6), "second");
    unwrap(to.finish());
  }

  void write(const std::string& bytes) const {
    std::ofstream{file, std::ios::binary | std::ios::trunc} << bytes;
  }

  /// Returns why the file is refused; empty if it is not.
  std::string refusal() const {
    auto x = backup_file::open(file);
    return x ? std::string{} : x.error().message;
  }

  std::string extracted(const backup_file& from, size_t i) const {
    auto to = folder.path() / "extracted";
    fs::remove(to);
    unwrap(from.extract(i, to));
    return slurp(to);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(backup_file_tests, fixture)

CAF_TEST(what was written is read) {
  write_two();
  CAF_CHECK(!fs::exists(part));
  auto x = unwrap(backup_file::open(file));
  CAF_CHECK_EQUAL(x.header().made_ms(), 4'711);
  CAF_REQUIRE_EQUAL(x.groups().size(), 2u);
  CAF_CHECK_EQUAL(x.groups()[1].name(), "shard-0");
  CAF_CHECK_EQUAL(x.groups()[1].tasks(), 3u);
  auto first = extracted(x, 0);
  auto second = extracted(x, 1);
  CAF_CHECK_EQUAL(first, "first");
  CAF_CHECK_EQUAL(second, "second");
}

CAF_TEST(a group that begins anew leaves nothing of its first try) {
  {
    auto to = unwrap(backup_writer::create(file, false));
    unwrap(to.begin(header({"cluster", "shard-0"})));
    add(to, group("cluster", 5), "first");
    unwrap(to.begin_group(group("shard-0", 9)));
    unwrap(to.append("lost"));
    add(to, group("shard-0", 6), "second");
    unwrap(to.finish());
  }
  auto bytes = slurp(file);
  auto x = unwrap(backup_file::open(file));
  auto second = extracted(x, 1);
  CAF_CHECK_EQUAL(second, "second");
  fs::remove(file);
  write_two();
  CAF_CHECK(slurp(file) == bytes);
}

CAF_TEST(a backup that is cut off anywhere is refused) {
  write_two();
  auto whole = slurp(file);
  for (size_t n = 0; n < whole.size(); ++n) {
    write(whole.substr(0, n));
    demand(!refusal().empty(), "cut off after " + std::to_string(n));
  }
  write(whole + "x");
  CAF_CHECK(contains(refusal(), "goes on behind its end"));
  write(whole);
  CAF_CHECK_EQUAL(refusal(), std::string{});
}

CAF_TEST(a backup with any flipped bit is refused) {
  write_two();
  auto whole = slurp(file);
  for (size_t i = 0; i < whole.size(); ++i)
    for (auto bit : {0, 3, 7}) {
      auto bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      write(bytes);
      demand(!refusal().empty(), "flipped at " + std::to_string(i));
    }
}

CAF_TEST(what is no backup is said to be none) {
  write("");
  CAF_CHECK(contains(refusal(), "is no backup of Coppice"));
  write(std::string(1'000, 'x'));
  CAF_CHECK(contains(refusal(), "is no backup of Coppice"));
  fs::remove(file);
  CAF_CHECK(contains(refusal(), "cannot be opened"));
  fs::create_directory(file);
  CAF_CHECK(contains(refusal(), "is a folder"));
}

CAF_TEST(a newer format is refused by its number) {
  write_two();
  auto bytes = slurp(file);
  std::string number;
  append_big_endian(number, backup_format + 1);
  write(bytes.replace(16, number.size(), number));
  CAF_CHECK(contains(refusal(), "newer version of Coppice: its format is 2"));
}

CAF_TEST(a newer format of tables is refused before they are looked at) {
  {
    auto to = unwrap(backup_writer::create(file, false));
    unwrap(to.begin(header({"shard-0"})));
    auto newer = group("shard-0", 1);
    newer.set_tables_format(tables_format + 1);
    add(to, newer, "x");
    unwrap(to.finish());
  }
  CAF_CHECK(contains(refusal(), "newer version of Coppice: the format of its "
                                "tables is 2"));
}

CAF_TEST(names of groups cannot leave their folder) {
  CAF_CHECK(is_group_name("shard-0"));
  for (auto* name : {"", "..", "a/b", "/", "A", "-a", "a b"})
    CAF_CHECK(!is_group_name(name));
  CAF_CHECK(!is_group_name(std::string(65, 'a')));
  {
    auto to = unwrap(backup_writer::create(file, false));
    unwrap(to.begin(header({"../x"})));
    add(to, group("../x", 1), "x");
    unwrap(to.finish());
  }
  CAF_CHECK(contains(refusal(), "a group that cannot be"));
}

CAF_TEST(groups are those that the header names) {
  {
    auto to = unwrap(backup_writer::create(file, false));
    unwrap(to.begin(header({"cluster", "shard-0"})));
    add(to, group("shard-0", 6), "second");
    unwrap(to.finish());
  }
  CAF_CHECK(!refusal().empty());
}

CAF_TEST(a backup that is not finished leaves no file) {
  {
    auto to = unwrap(backup_writer::create(file, false));
    unwrap(to.begin(header({"shard-0"})));
    CAF_CHECK(fs::exists(part));
    // Somebody else who writes there would spoil it.
    auto other = backup_writer::create(file, false);
    CAF_REQUIRE(!other);
    CAF_CHECK(contains(other.error().message, "another backup"));
    CAF_CHECK(fs::exists(part));
  }
  CAF_CHECK(!fs::exists(part));
  CAF_CHECK(!fs::exists(file));
}

CAF_TEST(a file that is there is replaced only if that is wanted) {
  write("precious");
  auto refused = backup_writer::create(file, false);
  CAF_REQUIRE(!refused);
  CAF_CHECK(contains(refused.error().message, "--force"));
  CAF_CHECK_EQUAL(slurp(file), "precious");
  write_two(true);
  CAF_CHECK_EQUAL(refusal(), std::string{});
}

CAF_TEST(a file that comes in between is not replaced) {
  {
    auto to = unwrap(backup_writer::create(file, false));
    unwrap(to.begin(header({"shard-0"})));
    add(to, group("shard-0", 1), "x");
    write("precious");
    CAF_CHECK(!to.finish());
  }
  CAF_CHECK_EQUAL(slurp(file), "precious");
  CAF_CHECK(!fs::exists(part));
}

CAF_TEST_FIXTURE_SCOPE_END()
