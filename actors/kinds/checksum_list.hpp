// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "runtime/sha256.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// The parts of the kind "checksum".

namespace coppice {

/// The regular files that are to be summed up.
struct checksum_files {
  /// Ordered bytewise.
  std::vector<std::string> paths;
  uint64_t bytes = 0;
  /// Folders that could not be read.
  uint64_t skipped = 0;
};

/// Finds the regular files below *folder*; links are not followed.
/// @param flat Only those directly in it.
/// @param output Where the list goes: it is left out.
/// @param go_on Asked now and then; false ends the search early.
checksum_files find_files(const std::string& folder, bool flat,
                          const std::string& output,
                          const std::function<bool()>& go_on);

/// Returns the line of one file exactly as `sha256sum` writes it, line feed
/// included.
std::string checksum_line(std::string_view sum, std::string_view path);

/// Where an attempt stands: its checkpoint.
struct checksum_state {
  /// The attempt that wrote the list so far.
  uint32_t attempt = 0;
  /// How much of its list counts.
  uint64_t length = 0;
  uint64_t bytes = 0;
  uint64_t files = 0;
  uint64_t skipped = 0;
  /// The last file that is in the list, or was skipped.
  std::string last;

  bool operator==(const checksum_state&) const = default;
};

/// @relates checksum_state
std::string encode(const checksum_state& x);

/// @returns `ec::invalid_argument` if *text* is not what `encode` wrote.
/// @relates checksum_state
result<checksum_state> decode_checksum_state(std::string_view text);

/// The list while it is written: a file next to the output.
///
/// Each attempt has one of its own and takes over the beginning of the last
/// one. So an attempt that was given up, but whose process froze and wakes up,
/// writes where nobody reads.
class checksum_list {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// @param output Where the list is to be when it is complete.
  /// @returns `ec::system_failure` if there is no writing there.
  static result<checksum_list> create(std::filesystem::path output,
                                      uint32_t attempt);

  // -- modifiers --------------------------------------------------------------

  /// Begins with the first *length* bytes of the list of another attempt.
  /// @returns `ec::not_found` if they are not there; the list is empty then.
  result<> take_over(uint32_t attempt, uint64_t length);

  result<> append(std::string_view line);

  /// Returns when everything is on the disk.
  result<> sync();

  /// Puts the list where it is to be and removes those of earlier attempts.
  /// @returns SHA-256 of the list.
  result<std::string> complete();

  // -- properties -------------------------------------------------------------

  uint64_t length() const {
    return length_;
  }

private:
  checksum_list() = default;

  std::filesystem::path part(uint32_t attempt) const;

  result<> fail(const char* what) const;

  // -- member variables -------------------------------------------------------

  std::filesystem::path output_;

  uint32_t attempt_ = 0;

  unique_fd fd_;

  uint64_t length_ = 0;

  sha256 sum_;
};

} // namespace coppice
