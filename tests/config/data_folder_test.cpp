// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/data_folder.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <fstream>
#include <set>

using namespace coppice;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

struct fixture {
  void write(const std::string& name, const std::string& text) {
    std::ofstream{dir / name} << text;
  }

  std::set<std::string> names() const {
    std::set<std::string> result;
    for (auto& x : fs::directory_iterator{dir})
      result.insert(x.path().filename().string());
    return result;
  }

  /// Returns the error of *x* without the folder's name.
  template <class T>
  std::string error_of(const result<T>& x) const {
    if (x)
      return "none";
    auto text = x.error().message;
    auto at = text.find(dir.string());
    return at == std::string::npos ? text
                                   : text.replace(at, dir.string().size(), "D");
  }

  std::chrono::system_clock::time_point at(std::chrono::milliseconds x) {
    return std::chrono::system_clock::time_point{x};
  }

  test::temp_folder folder;
  fs::path dir = folder.path() / "a" / "b";
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(data_folder_tests, fixture)

CAF_TEST(a data folder is made with its parents and recognised) {
  CAF_CHECK_EQUAL(error_of(check_data_folder(dir)), "none");
  CAF_CHECK(!fs::exists(dir));
  CAF_REQUIRE_EQUAL(error_of(create_data_folder(dir)), "none");
  CAF_CHECK_EQUAL(names(), (std::set<std::string>{"VERSION"}));
  write("tasks", "x");
  CAF_CHECK_EQUAL(error_of(create_data_folder(dir)), "none");
}

CAF_TEST(a data folder that was half made is completed) {
  fs::create_directories(dir);
  write("keeper.lock", "");
  write("VERSION.tmp", "");
  CAF_CHECK_EQUAL(error_of(create_data_folder(dir)), "none");
  CAF_CHECK(fs::exists(dir / "VERSION"));
}

CAF_TEST(a folder of somebody else is refused and not touched) {
  fs::create_directories(dir);
  write("letter.txt", "Dear");
  CAF_CHECK_EQUAL(error_of(create_data_folder(dir)),
                  "'D' has files in it and is no data folder of Coppice: it"
                  " has no file VERSION");
  CAF_CHECK_EQUAL(names(), (std::set<std::string>{"letter.txt"}));
}

CAF_TEST(a newer format is refused and not touched) {
  fs::create_directories(dir);
  write("VERSION", "3\n");
  CAF_CHECK_EQUAL(error_of(create_data_folder(dir)),
                  "'D' was written by a newer version of Coppice: its format is"
                  " 3, this version knows 2");
  write("VERSION", "1\n");
  CAF_CHECK_EQUAL(error_of(create_data_folder(dir)),
                  "'D' was written by a trial version of Coppice, format 1,"
                  " which no later one reads: choose another folder");
  CAF_CHECK_EQUAL(names(), (std::set<std::string>{"VERSION"}));
  for (auto text : {"", "2", "two\n", "-2\n", "2\n\n", "0\n"}) {
    write("VERSION", text);
    CAF_CHECK_EQUAL(error_of(check_data_folder(dir)),
                    "'D/VERSION' is not the number of a format");
  }
}

CAF_TEST(a file is no data folder) {
  fs::create_directories(dir.parent_path());
  std::ofstream{dir} << "x";
  CAF_CHECK_EQUAL(error_of(create_data_folder(dir)), "'D' is not a folder");
}

CAF_TEST(incarnations follow the wall clock and never go back) {
  CAF_REQUIRE(create_data_folder(dir));
  auto next = [&](std::chrono::milliseconds x) {
    auto result = next_incarnation(dir, at(x));
    return result ? result.value() : 0;
  };
  CAF_CHECK_EQUAL(next(1000ms), 1000u);
  CAF_CHECK_EQUAL(next(1000ms), 1001u);
  CAF_CHECK_EQUAL(next(500ms), 1002u);
  CAF_CHECK_EQUAL(next(-500ms), 1003u);
  CAF_CHECK_EQUAL(next(2000ms), 2000u);
  CAF_CHECK_EQUAL(names(), (std::set<std::string>{"VERSION", "incarnation"}));
}

CAF_TEST(an incarnation that cannot be read is refused) {
  CAF_REQUIRE(create_data_folder(dir));
  for (auto text : {"", "12", "x\n", "18446744073709551615\n"}) {
    write("incarnation", text);
    CAF_CHECK_EQUAL(error_of(next_incarnation(dir, at(5ms))),
                    "'D/incarnation' is not the number of a start");
  }
}

CAF_TEST(a restore makes a data folder when it is finished and not before) {
  CAF_CHECK_EQUAL(error_of(check_restorable(dir)), "none");
  fs::create_directories(dir);
  write("keeper.lock", "1 2\n");
  CAF_CHECK_EQUAL(error_of(check_restorable(dir)), "none");
  auto groups = begin_restore(dir);
  CAF_REQUIRE(groups);
  fs::create_directory(groups.value() / "shard-0");
  CAF_CHECK(member_number(dir, 7));
  auto unfinished = error_of(create_data_folder(dir));
  CAF_CHECK(unfinished.find("not finished") != std::string::npos);
  // After a crash it can be tried again, and then as another manager.
  CAF_CHECK_EQUAL(error_of(check_restorable(dir)), "none");
  groups = begin_restore(dir);
  CAF_REQUIRE(groups);
  CAF_CHECK(fs::is_empty(groups.value()));
  CAF_CHECK(member_number(dir, 8));
  fs::create_directory(groups.value() / "shard-0");
  CAF_CHECK_EQUAL(error_of(finish_restore(dir)), "none");
  CAF_CHECK_EQUAL(error_of(check_data_folder(dir)), "none");
  CAF_CHECK(fs::exists(dir / "groups" / "shard-0"));
  auto again = error_of(check_restorable(dir));
  CAF_CHECK(again.find("D' has 'groups' in it") != std::string::npos);
}

CAF_TEST(a restore that is abandoned leaves a folder that can be used) {
  fs::create_directories(dir);
  CAF_REQUIRE(begin_restore(dir));
  abandon_restore(dir);
  CAF_CHECK(names().empty());
  CAF_CHECK_EQUAL(error_of(create_data_folder(dir)), "none");
}

CAF_TEST(a backup is not restored over what is there) {
  fs::create_directories(dir);
  write("incarnation", "1\n");
  auto refused = error_of(check_restorable(dir));
  CAF_CHECK(refused.find("has 'incarnation' in it") != std::string::npos);
  auto file = dir / "incarnation";
  refused = error_of(check_restorable(file));
  CAF_CHECK(refused.find("is not a folder") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
