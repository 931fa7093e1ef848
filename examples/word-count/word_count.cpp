// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "word_count.hpp"

#include <cctype>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace example {

namespace {

constexpr size_t piece_bytes = 1 << 20;

constexpr auto checkpoint_interval = std::chrono::seconds{1};

/// What is known of the file so far; also what a checkpoint says.
struct counts {
  uint64_t lines = 0;
  uint64_t words = 0;
  uint64_t bytes = 0;
  bool in_word = false;

  void add(const char* data, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      auto space = std::isspace(static_cast<unsigned char>(data[i])) != 0;
      lines += data[i] == '\n' ? 1 : 0;
      words += !space && !in_word ? 1 : 0;
      in_word = !space;
    }
    bytes += size;
  }

  std::string save() const {
    std::ostringstream out;
    out << lines << ' ' << words << ' ' << bytes << ' ' << in_word;
    return out.str();
  }

  static counts load(const std::string& text) {
    counts x;
    std::istringstream in{text};
    in >> x.lines >> x.words >> x.bytes >> x.in_word;
    return in ? x : counts{};
  }
};

} // namespace

coppice::task_result word_count(coppice::task_context& context) {
  auto& path = context.spec().text();
  std::error_code err;
  auto size = std::filesystem::file_size(path, err);
  std::ifstream in{path, std::ios::binary};
  if (err || !in)
    throw coppice::task_failure("no_such_file", "cannot read " + path);

  counts x;
  if (auto& saved = context.last_checkpoint()) {
    x = counts::load(*saved);
    context.log("goes on at byte " + std::to_string(x.bytes));
    in.seekg(static_cast<std::streamoff>(x.bytes));
  }

  // Two stages; the second one is here to show them.
  context.add_stage("count", 9);
  context.add_stage("report", 1);
  std::vector<char> piece(piece_bytes);
  auto saved_at = std::chrono::steady_clock::now();
  while (in) {
    if (context.cancelled())
      throw coppice::task_stopped();
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    x.add(piece.data(), static_cast<size_t>(in.gcount()));
    auto done = size == 0 ? 100.0
                          : 100.0 * static_cast<double>(x.bytes)
                              / static_cast<double>(size);
    context.stage("count", done, std::to_string(x.words) + " words");
    auto now = std::chrono::steady_clock::now();
    if (now - saved_at >= checkpoint_interval) {
      context.checkpoint(x.save());
      saved_at = now;
    }
  }
  auto text = std::to_string(x.lines) + ' ' + std::to_string(x.words) + ' '
              + std::to_string(x.bytes);
  context.log(text + ' ' + path);
  context.stage("report", 100);
  return text;
}

} // namespace example
