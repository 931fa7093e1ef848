// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/files.hpp"

#include "tests/support/temp_folder.hpp"

#include <caf/test/unit_test.hpp>

#include <unistd.h>

#include <fstream>
#include <string>

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
