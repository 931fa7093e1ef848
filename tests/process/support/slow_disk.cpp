// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/support/slow_disk.hpp"

#include <fstream>

namespace coppice::test {

slow_disk::slow_disk(const std::filesystem::path& folder,
                     const std::string& name)
  : file_(folder / ("slow-disk-" + name)) {
  slow_down(std::chrono::milliseconds{0});
}

void slow_disk::give_to(real_node& node) const {
  node.set_environment("LD_PRELOAD", SLOW_DISK_LIBRARY);
  node.set_environment("COPPICE_SLOW_DISK", file_.string());
}

void slow_disk::slow_down(std::chrono::milliseconds pause) {
  auto next = file_;
  next += ".next";
  std::ofstream{next} << pause.count();
  std::filesystem::rename(next, file_);
}

} // namespace coppice::test
