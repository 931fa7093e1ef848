// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Mistakes with backups: a clear error, and nothing changed.

#include "tests/process/support/backup_fixture.hpp"
#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <set>

using namespace coppice;
using namespace coppice::test;

namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The names of all that is in a folder, and below.
std::set<std::string> contents(const fs::path& dir) {
  std::set<std::string> result;
  std::error_code err;
  for (auto& x : fs::recursive_directory_iterator{dir, err})
    result.insert(x.path());
  return result;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(backup_mistakes_tests, backup_fixture)

CAF_TEST(mistakes are one line and change nothing) {
  real_node node{folder.path(), "n1"};
  auto refused = [&](const command_result& x, const std::string& part) {
    CAF_MESSAGE(x.err);
    CAF_CHECK_EQUAL(x.code, 2);
    CAF_CHECK(contains(x.err, part));
    CAF_CHECK_EQUAL(std::count(x.err.begin(), x.err.end(), '\n'), 1);
    CAF_CHECK_EQUAL(x.out, "");
  };
  node.start();
  auto address = node.address();
  auto c = connect(node);
  submit(*c, {noop()});
  CAF_CHECK_EQUAL(back_up(address).code, 0);
  auto good = read_file(file);
  // What cannot be written.
  refused(back_up(address), "exists already");
  CAF_CHECK(read_file(file) == good);
  refused(run_coppice({"backup", "-c", address, folder.path().string()}),
          "is a folder");
  refused(run_coppice({"backup", "-c", address, "/nowhere/at/all"}),
          "cannot be made");
  refused(run_coppice({"backup", "-c", address}), "file is missing");
  // A cluster that is not there.
  auto gone = run_coppice({"backup", "-c", "127.0.0.1:1", "--patience", "100ms",
                           (folder.path() / "other").string()});
  CAF_CHECK_EQUAL(gone.code, 3);
  CAF_CHECK(!fs::exists(folder.path() / "other"));
  CAF_CHECK(!fs::exists(folder.path() / "other.part"));
  // A node that runs, or has run.
  auto before = contents(node.data());
  refused(restore(config_of(node)), "move the folder away");
  CAF_CHECK_EQUAL(await_end(*c, submit(*c, {noop()}).at(0)).state(),
                  proto::SUCCEEDED);
  c.reset();
  CAF_CHECK_EQUAL(node.stop(), 0);
  refused(restore(config_of(node)), "move the folder away");
  CAF_CHECK(contents(node.data()) == before);
  // Folders that cannot be.
  auto data = folder.path() / "untouched";
  auto elsewhere = "--data.dir=" + data.string();
  std::ofstream{folder.path() / "plain"}.flush();
  refused(restore(config_of(node),
                  {"--data.dir=" + (folder.path() / "plain").string()}),
          "is not a folder");
  refused(restore(config_of(node), {"--data.dir=/proc/nowhere"}),
          "cannot be made");
  // Backups that cannot be read.
  refused(run_coppice({"restore"}), "backup is missing");
  refused(run_coppice({"restore", file.string()}), "--config CONF is missing");
  refused(restore("/nowhere.conf"), "/nowhere.conf");
  refused(restore(config_of(node), {"--node.roles=worker", elsewhere,
                                    "--worker.managers=127.0.0.1:1"}),
          "is no manager");
  auto bad = [&](const std::string& bytes, const std::string& part) {
    std::ofstream{file, std::ios::binary | std::ios::trunc} << bytes;
    refused(restore(config_of(node), {elsewhere}), part);
    CAF_CHECK(!fs::exists(data));
  };
  bad("", "is no backup of Coppice");
  bad(good.substr(0, good.size() / 2), "is not whole");
  auto flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  bad(flipped, "is damaged");
  auto newer = good;
  newer[19] = 99;
  bad(newer, "newer version of Coppice");
  fs::remove(file);
  refused(restore(config_of(node), {elsewhere}), "No such file");
  fs::create_directory(file);
  refused(restore(config_of(node), {elsewhere}), "is a folder");
  CAF_CHECK(!fs::exists(data));
}

CAF_TEST(a restore that did not finish is no data folder) {
  real_node node{folder.path(), "n1"};
  node.start();
  auto c = connect(node);
  auto id = submit(*c, {noop()}).at(0);
  CAF_CHECK_EQUAL(back_up(node.address()).code, 0);
  c.reset();
  node.kill_both();
  fs::remove_all(node.data());
  // As a crash in the midst of it leaves it.
  fs::create_directories(node.data() / "groups.restoring" / "shard-0");
  std::ofstream{node.data() / "VERSION"} << "1\n";
  node.start();
  CAF_CHECK_EQUAL(node.wait(), 2);
  CAF_CHECK(contains(node.log(), "restore in it that was not finished"));
  CAF_CHECK_EQUAL(restore(config_of(node)).code, 0);
  node.start();
  c = connect(node);
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
}

CAF_TEST_FIXTURE_SCOPE_END()
