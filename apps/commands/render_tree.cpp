// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace coppice {

namespace {

/// No node is as deep; a peer may say anything.
constexpr int max_depth = 16;

const char* state_name(proto::TreePart::State x) {
  switch (x) {
    case proto::TreePart::RUNNING:
      return "running";
    case proto::TreePart::STOPPING:
      return "stopping";
    case proto::TreePart::ENDED:
      return "ended";
    case proto::TreePart::SILENT:
      return "silent";
    default:
      return "unknown";
  }
}

std::string render_wait(const proto::TreePart& x) {
  if (!x.has_answer_us())
    return "-";
  return fmt::format("{:.1f}ms", static_cast<double>(x.answer_us()) / 1'000);
}

struct tree_renderer {
  unix_ms now;
  std::vector<std::vector<std::string>> rows{};
  std::string notes{};

  void add(const proto::TreePart& x, const std::string& name) {
    rows.push_back({name, state_name(x.state()), std::to_string(x.restarts()),
                    render_wait(x),
                    x.since_ms() > 0 ? render_age(x.since_ms(), now) : "-"});
    if (!x.last_end().empty())
      notes += printable(x.name()) + " ended last: " + printable(x.last_end())
               + "\n";
  }

  /// @param indent What stands before the names of the parts.
  void add_parts(const proto::TreePart& x, const std::string& indent,
                 int depth) {
    if (depth == max_depth)
      return;
    for (auto i = 0; i < x.parts_size(); ++i) {
      auto& part = x.parts(i);
      auto is_last = i + 1 == x.parts_size();
      add(part, indent + (is_last ? "`- " : "|- ") + printable(part.name()));
      add_parts(part, indent + (is_last ? "   " : "|  "), depth + 1);
    }
  }
};

} // namespace

std::string render_tree(const proto::TreeReply& x, unix_ms now) {
  tree_renderer out{now};
  out.rows.push_back({printable(x.node()), "", "", "", ""});
  out.add_parts(x.root(), "", 0);
  return render_table({"PART", "STATE", "RESTARTS", "ANSWERS IN", "SINCE"},
                      out.rows)
         + out.notes;
}

} // namespace coppice
