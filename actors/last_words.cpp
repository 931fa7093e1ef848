// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/last_words.hpp"

#include "runtime/log.hpp"

#include <cstddef>
#include <fstream>
#include <system_error>

namespace fs = std::filesystem;

namespace coppice {

namespace {

constexpr const char* file_name = "last-words";

/// A hello has to list what the node holds as well.
constexpr size_t max_bytes = size_t{128} << 10;

} // namespace

void leave_last_words(const fs::path& data_dir, const last_words& xs) {
  proto::Hello words;
  size_t bytes = 0;
  for (auto& x : xs) {
    bytes += x.ByteSizeLong();
    if (bytes > max_bytes)
      break;
    *words.add_finishes() = x;
  }
  // Not synced: the node stops, not the machine, and a machine that stops in
  // order writes its files.
  auto file = data_dir / file_name;
  auto temporary = data_dir / (std::string{file_name} + ".tmp");
  std::ofstream out{temporary, std::ios::binary | std::ios::trunc};
  words.SerializeToOstream(&out);
  out.close();
  std::error_code err;
  if (out)
    fs::rename(temporary, file, err);
  if (!out || err)
    log::warn("executor cannot leave {} ends of attempts in {} for its next "
              "start",
              xs.size(), file.string());
}

last_words read_last_words(const fs::path& data_dir) {
  auto file = data_dir / file_name;
  proto::Hello words;
  std::ifstream in{file, std::ios::binary};
  if (in && !words.ParseFromIstream(&in)) {
    log::warn("executor cannot read {}", file.string());
    words.Clear();
  }
  return {words.finishes().begin(), words.finishes().end()};
}

void forget_last_words(const fs::path& data_dir) {
  std::error_code ignored;
  fs::remove(data_dir / file_name, ignored);
}

} // namespace coppice
