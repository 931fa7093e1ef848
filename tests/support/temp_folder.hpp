// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace coppice::test {

/// A new folder that is removed with everything in it.
class temp_folder {
public:
  temp_folder() {
    auto name = std::filesystem::temp_directory_path() / "coppice-XXXXXX";
    auto text = name.string();
    if (!mkdtemp(text.data()))
      throw std::runtime_error("cannot make a folder " + text);
    path_ = text;
  }

  ~temp_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  temp_folder(const temp_folder&) = delete;
  temp_folder& operator=(const temp_folder&) = delete;

  const std::filesystem::path& path() const noexcept {
    return path_;
  }

private:
  std::filesystem::path path_;
};

} // namespace coppice::test
