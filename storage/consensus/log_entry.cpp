// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/log_entry.hpp"

#include "runtime/key_codec.hpp"

namespace coppice {

std::string encode(const log_base& x) {
  std::string out;
  append_big_endian(out, x.position.index);
  append_big_endian(out, x.position.term);
  append_big_endian(out, x.configuration.index);
  out += x.configuration.data;
  return out;
}

std::optional<log_base> decode_log_base(std::string_view in) {
  if (in.size() < 3 * sizeof(uint64_t))
    return std::nullopt;
  return log_base{
    {read_big_endian<uint64_t>(in, 0), read_big_endian<uint64_t>(in, 8)},
    {read_big_endian<uint64_t>(in, 16), std::string{in.substr(24)}}};
}

} // namespace coppice
