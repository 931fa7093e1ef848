// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// What writing and reading a backup share. For them only; docs/disk-format.md
// describes it.

namespace coppice::backup_layout {

/// The first bytes of a backup; the format, 4 bytes, follows.
inline constexpr std::string_view magic{"COPPICE-BACKUP\r\n"};

/// Before the head of each section stands its size, 4 bytes.
inline constexpr size_t number_size = 4;

/// No head is larger.
inline constexpr uint32_t max_head_bytes = uint32_t{1} << 20;

/// Each section ends with the hexadecimal SHA-256 of all of it.
inline constexpr size_t sum_size = 64;

/// Read and written in one go.
inline constexpr size_t block_bytes = size_t{256} << 10;

} // namespace coppice::backup_layout
