// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/task_run_log.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

using namespace coppice;
using namespace std::literals;

namespace {

std::string read_file(const std::filesystem::path& x) {
  std::ifstream in{x, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

CAF_TEST(lines are appended and the folder is made with the first) {
  test::temp_folder folder;
  auto file = folder.path() / "logs/1.1.1/1.log";
  task_log aut{file};
  CAF_CHECK(!std::filesystem::exists(file.parent_path()));
  aut.write("one");
  aut.write("two");
  task_log{file}.write("three");
  CAF_CHECK_EQUAL(read_file(file), "one\ntwo\nthree\n");
}

CAF_TEST(a log is opened while somebody removes its empty folder) {
  test::temp_folder folder;
  auto file = folder.path() / "logs/1.1.1/1.log";
  std::atomic<bool> done = false;
  std::thread remover{[&] {
    // Without a pause it could win a hundred times in a row.
    for (; !done; std::this_thread::sleep_for(10us))
      ::rmdir(file.parent_path().c_str());
  }};
  auto failures = 0;
  for (auto i = 0; i < 2'000; ++i) {
    failures += open_log_file(file) ? 0 : 1;
    ::unlink(file.c_str());
  }
  done = true;
  remover.join();
  CAF_CHECK_EQUAL(failures, 0);
}

CAF_TEST(a log that cannot be opened says which and why) {
  auto x = open_log_file("/dev/null/1.log");
  CAF_REQUIRE(!x);
  CAF_CHECK_EQUAL(x.error().message,
                  "cannot open the log file '/dev/null/1.log': Not a "
                  "directory");
  task_log{"/dev/null/1.log"}.write("harms nobody");
}
