// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/checksum.hpp"

#include "actors/kinds/checksum_list.hpp"
#include "tests/actors/fake_context.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace fs = std::filesystem;

using namespace coppice;
using namespace std::chrono_literals;

namespace {

std::string read_file(const fs::path& x) {
  std::ifstream in{x, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const fs::path& x, const std::string& text) {
  fs::create_directories(x.parent_path());
  std::ofstream{x, std::ios::binary} << text;
}

struct fixture {
  fixture() : data(folder.path() / "data"), output(folder.path() / "o/list") {
    write_file(data / "b/one", "1");
    write_file(data / "b.txt", "sorts before b/one");
    write_file(data / "b/two", std::string(700'000, 'x'));
    write_file(data / "empty", "");
    write_file(data / "name with  spaces", "s");
    write_file(data / "back\\slash", "b");
    write_file(data / "line\nfeed", "n");
    write_file(data / "carriage\rreturn", "r");
    write_file(data / "\xC3\xA4\xFF", "not UTF-8");
    write_file(data / "-x", "an option?");
    write_file(data / "deep/er/and/deeper", "d");
    fs::create_symlink("b/one", data / "link");
    fs::create_directory_symlink("b", data / "folder-link");
    ::mkfifo((data / "pipe").c_str(), 0600);
  }

  /// What the tool of the system says.
  std::string expected(bool flat = false) {
    auto command = "cd / && LC_ALL=C find '" + data.string() + "' "
                   + (flat ? "-maxdepth 1 " : "")
                   + "-type f -print0 | LC_ALL=C sort -z | "
                     "xargs -0 sha256sum > '"
                   + (folder.path() / "expected").string() + "'";
    CAF_REQUIRE_EQUAL(std::system(command.c_str()), 0);
    return read_file(folder.path() / "expected");
  }

  test::fake_context make(uint32_t attempt = 1) {
    test::fake_context x;
    x.number = attempt;
    x.spec_.mutable_checksum()->set_folder(data.string());
    x.spec_.mutable_checksum()->set_output(output.string());
    return x;
  }

  /// Runs an attempt that saves a checkpoint behind each file.
  static bool is_stopped(test::fake_context& context) {
    try {
      checksum(context, each_file);
      return false;
    } catch (const task_stopped&) {
      return true;
    }
  }

  size_t leftovers() {
    size_t n = 0;
    for (auto& unused : fs::directory_iterator{output.parent_path()}) {
      static_cast<void>(unused);
      ++n;
    }
    return n - (fs::exists(output) ? 1 : 0);
  }

  static constexpr checksum_limits each_file{0ms, 0};

  test::temp_folder folder;
  fs::path data;
  fs::path output;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(checksum_tests, fixture)

CAF_TEST(the list is that of sha256sum) {
  auto context = make();
  auto said = checksum(context);
  CAF_CHECK_EQUAL(read_file(output), expected());
  CAF_CHECK_EQUAL(said.text.substr(0, 34),
                  "files=11 bytes=700043 skipped=0 sh");
  CAF_CHECK_EQUAL(context.percents.back(), 100);
  CAF_CHECK_EQUAL(leftovers(), 0u);
}

CAF_TEST(a flat list has only the files of the folder itself) {
  auto context = make();
  context.spec_.mutable_checksum()->set_flat(true);
  checksum(context);
  CAF_CHECK_EQUAL(read_file(output), expected(true));
}

CAF_TEST(an output within the folder is not part of the list) {
  auto before = expected();
  output = data / "list";
  auto context = make();
  checksum(context);
  CAF_CHECK_EQUAL(read_file(output), before);
}

CAF_TEST(an attempt goes on from each checkpoint of the one before) {
  for (auto stop = 1; stop <= 9; ++stop) {
    auto first = make(1);
    first.checkpoints_left = stop;
    CAF_CHECK(is_stopped(first));
    CAF_REQUIRE_EQUAL(first.checkpoints.size(), static_cast<size_t>(stop));
    auto second = make(2);
    second.resumed = first.checkpoints.back();
    second.checkpoints_left = 1;
    CAF_CHECK(is_stopped(second));
    auto third = make(3);
    third.resumed = second.checkpoints.back();
    auto said = checksum(third, each_file);
    CAF_CHECK_EQUAL(read_file(output), expected());
    CAF_CHECK_EQUAL(said.text.substr(0, 31), "files=11 bytes=700043 skipped=0");
    CAF_CHECK_EQUAL(leftovers(), 0u);
    CAF_CHECK(third.checkpoints.size() + static_cast<size_t>(stop) <= 10);
  }
}

CAF_TEST(what was written behind the checkpoint does not count) {
  auto first = make(1);
  first.checkpoints_left = 3;
  CAF_CHECK(is_stopped(first));
  std::ofstream{output.string() + ".part-1", std::ios::app} << "torn li";
  auto second = make(2);
  second.resumed = first.checkpoints.back();
  checksum(second);
  CAF_CHECK_EQUAL(read_file(output), expected());
}

CAF_TEST(an attempt whose predecessor left nothing begins afresh) {
  auto first = make(1);
  first.checkpoints_left = 3;
  CAF_CHECK(is_stopped(first));
  fs::remove(output.string() + ".part-1");
  for (auto& checkpoint : {first.checkpoints.back(), std::string{"garbage"}}) {
    auto second = make(2);
    second.resumed = checkpoint;
    checksum(second);
    CAF_CHECK_EQUAL(second.lines.size(), 1u);
    CAF_CHECK_EQUAL(read_file(output), expected());
  }
}

CAF_TEST(a list of a frozen predecessor spoils nothing) {
  auto first = make(1);
  first.checkpoints_left = 2;
  CAF_CHECK(is_stopped(first));
  std::fstream frozen{output.string() + ".part-1",
                      std::ios::out | std::ios::in};
  auto second = make(2);
  second.resumed = first.checkpoints.back();
  checksum(second);
  frozen << "it wakes up" << std::flush;
  CAF_CHECK_EQUAL(read_file(output), expected());
}

CAF_TEST(the speed limit is kept) {
  auto context = make();
  context.spec_.mutable_checksum()->set_max_bytes_per_second(70'000);
  checksum(context);
  CAF_CHECK(context.slept >= 9s);
}

CAF_TEST(a wrong folder or output fails with its own code) {
  struct wrong {
    std::string folder;
    std::string output;
    std::string code;
  };
  for (auto& x : {wrong{"relative", output.string(), "bad_folder"},
                  wrong{"/does/not/exist", output.string(), "bad_folder"},
                  wrong{data.string(), "relative", "bad_output"},
                  wrong{data.string(), "/proc/no/list", "bad_output"}}) {
    auto context = make();
    context.spec_.mutable_checksum()->set_folder(x.folder);
    context.spec_.mutable_checksum()->set_output(x.output);
    std::string code;
    try {
      checksum(context);
    } catch (const task_failure& failure) {
      code = failure.code();
    }
    CAF_CHECK_EQUAL(code, x.code);
  }
}

CAF_TEST(a checkpoint survives its text form) {
  checksum_state x{3, 1'234, 5'678, 9, 1, "/a b/\nc \\d"};
  auto y = decode_checksum_state(encode(x));
  CAF_REQUIRE(y);
  CAF_CHECK(y.value() == x);
  CAF_CHECK(!decode_checksum_state(""));
  CAF_CHECK(!decode_checksum_state("coppice checksum 1\n1 2 x"));
}

CAF_TEST_FIXTURE_SCOPE_END()
