// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/files.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

using namespace coppice;

CAF_TEST(a file is read whole) {
  test::temp_folder folder;
  auto file = folder.path() / "file";
  auto text = std::string(10'000, 'x') + '\0' + "end";
  std::ofstream{file, std::ios::binary} << text;
  auto contents = read_file(file);
  CAF_REQUIRE(contents);
  CAF_CHECK_EQUAL(contents.value(), text);
  std::ofstream{file, std::ios::trunc};
  contents = read_file(file);
  CAF_REQUIRE(contents);
  CAF_CHECK_EQUAL(contents.value(), "");
}

CAF_TEST(a file without a size is read whole) {
  auto text = read_file("/proc/self/stat").value();
  CAF_CHECK(text.starts_with(std::to_string(getpid()) + " ("));
  CAF_CHECK(text.ends_with("\n"));
}

CAF_TEST(what cannot be read is an error and nothing is thrown) {
  test::temp_folder folder;
  auto nothing = read_file(folder.path() / "nothing");
  CAF_REQUIRE(!nothing);
  CAF_CHECK(nothing.error().message.find("cannot be opened: No such file")
            != std::string::npos);
  auto dir = read_file(folder.path());
  CAF_REQUIRE(!dir);
  CAF_CHECK(dir.error().message.find("cannot be read: Is a directory")
            != std::string::npos);
  // Opens, but its first bytes belong to nobody.
  CAF_CHECK(!read_file("/proc/self/mem"));
}

CAF_TEST(folders are made while others remove empty ones) {
  test::temp_folder folder;
  auto outer = folder.path() / "tasks" / "1.1.1";
  std::atomic<bool> done = false;
  std::thread remover{[&] {
    while (!done)
      for (auto& dir : {outer / "1", outer, outer.parent_path()})
        ::rmdir(dir.c_str());
  }};
  auto failures = 0;
  for (auto i = 0; i < 2'000; ++i)
    failures += make_folders(outer / "1") ? 0 : 1;
  done = true;
  remover.join();
  CAF_CHECK_EQUAL(failures, 0);
}

CAF_TEST(a folder in the place of a file is refused) {
  test::temp_folder folder;
  std::ofstream{folder.path() / "file"} << "x";
  auto made = make_folders(folder.path() / "file" / "inner");
  CAF_REQUIRE(!made);
  CAF_CHECK_EQUAL(made.error().code, ec::system_failure);
  CAF_CHECK(made.error().message.find("file/inner") != std::string::npos);
}
