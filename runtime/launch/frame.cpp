// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/launch/frame.hpp"

#include <cstdint>

namespace coppice {

namespace {

constexpr size_t length_bytes = 4;

uint32_t read_length(std::string_view bytes) {
  uint32_t x = 0;
  for (size_t i = 0; i < length_bytes; ++i)
    x |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return x;
}

} // namespace

result<> append_frame(std::string& out,
                      const google::protobuf::MessageLite& x) {
  auto size = x.ByteSizeLong();
  if (size > max_frame_bytes)
    return error{ec::invalid_argument, "a message of " + std::to_string(size)
                                         + " bytes does not fit into a frame"};
  for (size_t i = 0; i < length_bytes; ++i)
    out.push_back(static_cast<char>((size >> (8 * i)) & 0xFF));
  x.AppendToString(&out);
  return ok();
}

// -- frame_reader -------------------------------------------------------------

void frame_reader::append(std::string_view bytes) {
  buffer_.erase(0, taken_);
  taken_ = 0;
  buffer_.append(bytes);
}

result<std::optional<std::string_view>> frame_reader::next() {
  auto rest = std::string_view{buffer_}.substr(taken_);
  if (rest.size() < length_bytes)
    return std::optional<std::string_view>{};
  size_t length = read_length(rest);
  if (length > max_frame_bytes)
    return error{ec::protocol_violation, "a frame of " + std::to_string(length)
                                           + " bytes is above the limit"};
  if (rest.size() < length_bytes + length)
    return std::optional<std::string_view>{};
  taken_ += length_bytes + length;
  return std::optional{rest.substr(length_bytes, length)};
}

} // namespace coppice
