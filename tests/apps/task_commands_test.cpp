// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands for scripts that run as a task.

#include "apps/commands/commands.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

using namespace coppice;

namespace fs = std::filesystem;

namespace {

std::string read_file(const fs::path& x) {
  std::ifstream in{x, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

long entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator{folder}, {});
}

/// What a node gives to a command that it runs.
class task_environment {
public:
  task_environment() {
    setenv("COPPICE_PROGRESS_FD", std::to_string(fileno(lines_)).c_str(), 1);
    setenv("COPPICE_ATTEMPT_FOLDER", attempt.path().c_str(), 1);
  }

  ~task_environment() {
    hang_up();
    for (auto* name : {"COPPICE_PROGRESS_FD", "COPPICE_ATTEMPT_FOLDER"})
      unsetenv(name);
  }

  task_environment(const task_environment&) = delete;

  task_environment& operator=(const task_environment&) = delete;

  /// Closes the descriptor.
  void hang_up() {
    if (lines_ != nullptr)
      fclose(lines_);
    lines_ = nullptr;
  }

  /// Returns all that was written to the descriptor.
  std::string written() const {
    return read_file("/proc/self/fd/" + std::to_string(fileno(lines_)));
  }

  test::temp_folder attempt;
  /// Files of the script.
  test::temp_folder files;

private:
  FILE* lines_ = std::tmpfile();
};

struct fixture {
  fixture() {
    unsetenv("COPPICE_PROGRESS_FD");
  }

  exit_code run(std::vector<std::string> args) {
    auto x = parse(args);
    CAF_REQUIRE(x);
    err.str("");
    context ctx{x.value().connection, out, err};
    return x.value().run(ctx);
  }

  bool complains(const std::string& part) const {
    return err.str().find(part) != std::string::npos;
  }

  std::ostringstream out;
  std::ostringstream err;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(task_commands_tests, fixture)

CAF_TEST(outside of a task there is nobody to speak to) {
  CAF_CHECK(run({"progress", "1"}) == exit_code::usage);
  CAF_CHECK(run({"checkpoint", "/etc/passwd"}) == exit_code::usage);
  CAF_CHECK(complains("COPPICE_PROGRESS_FD is not set"));
  setenv("COPPICE_PROGRESS_FD", "3x", 1);
  CAF_CHECK(run({"progress", "1"}) == exit_code::usage);
  CAF_CHECK(complains("COPPICE_PROGRESS_FD is '3x'"));
  unsetenv("COPPICE_PROGRESS_FD");
}

CAF_TEST(scripts speak to the descriptor that the node gave them) {
  task_environment task;
  CAF_CHECK(run({"progress", "40", "half", "way"}) == exit_code::success);
  CAF_CHECK(run({"stage", "--weight=2", "a/b", "5"}) == exit_code::success);
  CAF_CHECK(run({"result", "done"}) == exit_code::success);
  CAF_CHECK_EQUAL(task.written(), "progress 40 half way\n"
                                  "stage a/b weight=2 5\n"
                                  "result done\n");
  task.hang_up();
  CAF_CHECK(run({"progress", "40"}) == exit_code::usage);
  CAF_CHECK(complains("cannot write to descriptor"));
}

CAF_TEST(a checkpoint is copied into the folder of the attempt) {
  task_environment task;
  auto state = task.files.path() / "state";
  std::ofstream{state} << "page 7";
  CAF_CHECK(run({"checkpoint", state.string()}) == exit_code::success);
  fs::remove(state);
  auto copy = task.attempt.path() / ".coppice-checkpoint";
  CAF_CHECK_EQUAL(task.written(), "checkpoint " + copy.string() + "\n");
  CAF_CHECK_EQUAL(read_file(copy), "page 7");
  // The next one takes its place, and nothing else is left behind.
  std::ofstream{state} << "page 8";
  CAF_CHECK(run({"checkpoint", state.string()}) == exit_code::success);
  CAF_CHECK_EQUAL(read_file(copy), "page 8");
  CAF_CHECK_EQUAL(entries(task.attempt.path()), 1);
  CAF_CHECK_EQUAL(entries(task.files.path()), 1);
}

CAF_TEST(a checkpoint that cannot be saved says why and changes nothing) {
  task_environment task;
  auto file = task.files.path() / "state";
  auto says = [&](const std::string& why) {
    CAF_CHECK(run({"checkpoint", file.string()}) == exit_code::usage);
    CAF_MESSAGE(err.str());
    CAF_CHECK(complains("the checkpoint is not saved, the last one stays"));
    CAF_CHECK(complains(why));
    CAF_CHECK_EQUAL(task.written(), "");
    CAF_CHECK_EQUAL(entries(task.attempt.path()), 0);
  };
  says("No such file or directory");
  std::ofstream{file};
  says("is empty");
  fs::resize_file(file, (16 << 20) + 1);
  says("more than 16777216 bytes");
  fs::remove(file);
  fs::create_directory(file);
  says("is no regular file");
  fs::remove(file);
  CAF_CHECK_EQUAL(mkfifo(file.c_str(), 0600), 0);
  says("is no regular file");
  fs::remove(file);
  std::ofstream{file} << "page 7";
  unsetenv("COPPICE_ATTEMPT_FOLDER");
  says("COPPICE_ATTEMPT_FOLDER is not set");
  setenv("COPPICE_ATTEMPT_FOLDER", "/no/such/folder", 1);
  says("cannot write /no/such/folder/.coppice-checkpoint");
}

CAF_TEST_FIXTURE_SCOPE_END()
