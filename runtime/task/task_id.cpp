// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/task_id.hpp"

#include "runtime/key_codec.hpp"

#include <charconv>

namespace coppice {

namespace {

/// Reads one number, up to *stop* or the end, and moves *text* behind it.
template <class T>
bool read_number(std::string_view& text, char stop, T& out) {
  auto end = stop == '\0' ? text.size() : text.find(stop);
  if (end == std::string_view::npos || end == 0 || text[0] == '0')
    return false;
  auto last = text.data() + end;
  auto [rest, code] = std::from_chars(text.data(), last, out);
  if (code != std::errc{} || rest != last)
    return false;
  text.remove_prefix(stop == '\0' ? end : end + 1);
  return true;
}

} // namespace

std::string to_string(const task_id& x) {
  return std::to_string(x.product) + '.' + std::to_string(x.epoch) + '.'
         + std::to_string(x.sequence);
}

result<task_id> parse_task_id(std::string_view text) {
  task_id x;
  auto rest = text;
  if (read_number(rest, '.', x.product) && read_number(rest, '.', x.epoch)
      && read_number(rest, '\0', x.sequence))
    return x;
  return error{ec::invalid_argument,
               "'" + std::string{text}
                 + "' is not a task id; one looks like 1.1.42, as 'coppice "
                   "tasks' prints it"};
}

void append_key(std::string& key, const task_id& x) {
  append_big_endian(key, x.product);
  append_big_endian(key, x.epoch);
  append_big_endian(key, x.sequence);
}

task_id task_id_from_key(std::string_view bytes) {
  return {read_big_endian<uint32_t>(bytes, 0),
          read_big_endian<uint32_t>(bytes, 4),
          read_big_endian<uint64_t>(bytes, 8)};
}

} // namespace coppice
