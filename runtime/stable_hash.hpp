// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string_view>

namespace coppice {

/// Returns a hash of *name* that is the same on every node and in every
/// version, unlike std::hash: FNV-1a, then the finalizer of MurmurHash3, as
/// names often differ in the last byte.
constexpr uint64_t stable_hash(std::string_view name) {
  uint64_t x = 0xcbf29ce484222325;
  for (auto byte : name)
    x = (x ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

} // namespace coppice
