// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/progress_tree.hpp"

#include "runtime/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace coppice {

namespace {

double cut(double percent) {
  return std::clamp(percent, 0.0, 100.0);
}

bool is_weight(double x) {
  return x > 0 && x <= progress_tree::max_weight;
}

bool is_control(char c) {
  auto x = static_cast<unsigned char>(c);
  return x < 0x20 || x == 0x7F;
}

error bad(std::string_view what) {
  return {ec::invalid_argument, std::string{what}};
}

/// Splits *path* at each '/'.
result<std::vector<std::string_view>> split_path(std::string_view path) {
  std::vector<std::string_view> names;
  for (;;) {
    auto end = std::min(path.find('/'), path.size());
    auto name = path.substr(0, end);
    if (name.empty())
      return bad("a stage needs a name before and behind each '/'");
    if (name.size() > progress_tree::max_name)
      return bad("the name of a stage is longer than 128 bytes");
    if (!is_valid_utf8(name)
        || std::any_of(name.begin(), name.end(), is_control))
      return bad("the name of a stage is not valid UTF-8 without control "
                 "characters");
    if (names.size() == progress_tree::max_depth)
      return bad("a stage lies more than 8 levels deep");
    names.push_back(name);
    if (end == path.size())
      return names;
    path.remove_prefix(end + 1);
  }
}

template <class Stages>
auto find_stage(Stages& xs, std::string_view name) {
  return std::find_if(xs.begin(), xs.end(),
                      [=](auto& x) { return x.name == name; });
}

} // namespace

progress_tree::progress_tree(const proto::Progress& x) {
  set_percent(x.percent());
  set_message(x.message());
  for (auto& part : x.stages())
    load(part, root_, 1);
}

// -- modifiers ----------------------------------------------------------------

bool progress_tree::set_percent(double percent) {
  if (std::isnan(percent))
    return false;
  return std::exchange(root_.percent, cut(percent)) != cut(percent);
}

result<bool> progress_tree::set_stage(std::string_view path,
                                      std::optional<double> weight,
                                      double percent) {
  if (weight && !is_weight(*weight))
    return bad("a weight must be a number above 0 and at most 1e9");
  auto names = split_path(path);
  if (!names)
    return names.error();
  // What exists is walked first: a path that does not fit changes nothing.
  auto* at = &root_;
  auto next = names.value().begin();
  for (; next != names.value().end(); ++next) {
    auto i = find_stage(at->stages, *next);
    if (i == at->stages.end())
      break;
    at = &*i;
  }
  auto missing = static_cast<size_t>(names.value().end() - next);
  if (size_ + missing > max_stages)
    return bad("there are more than 1000 stages");
  size_ += missing;
  for (; next != names.value().end(); ++next)
    at = &at->stages.emplace_back(stage{std::string{*next}, 1, 0, {}});
  auto changed = missing > 0;
  if (weight)
    changed |= std::exchange(at->weight, *weight) != *weight;
  if (!std::isnan(percent))
    changed |= std::exchange(at->percent, cut(percent)) != cut(percent);
  return changed;
}

bool progress_tree::set_message(std::string_view text) {
  auto message = clean_utf8(text, max_message);
  // It ends up on terminals.
  std::replace_if(message.begin(), message.end(), is_control, ' ');
  if (message == message_)
    return false;
  message_ = std::move(message);
  return true;
}

// -- properties ---------------------------------------------------------------

double progress_tree::percent() const {
  return rolled_up(root_);
}

const std::string& progress_tree::message() const {
  return message_;
}

double progress_tree::rolled_up(const stage& x) {
  if (x.stages.empty())
    return x.percent;
  double sum = 0;
  double weights = 0;
  for (auto& part : x.stages) {
    sum += part.weight * rolled_up(part);
    weights += part.weight;
  }
  return cut(sum / weights);
}

proto::Progress progress_tree::to_proto(int64_t changed_ms) const {
  proto::Progress result;
  result.set_percent(percent());
  result.set_message(message_);
  result.set_changed_ms(changed_ms);
  for (auto& part : root_.stages)
    save(part, *result.add_stages());
  return result;
}

void progress_tree::save(const stage& x, proto::Stage& out) {
  out.set_name(x.name);
  out.set_weight(x.weight);
  out.set_percent(rolled_up(x));
  for (auto& part : x.stages)
    save(part, *out.add_stages());
}

void progress_tree::load(const proto::Stage& x, stage& parent, size_t depth) {
  if (size_ == max_stages || depth > max_depth)
    return;
  auto parts = split_path(x.name());
  auto fits = parts && parts.value().size() == 1
              && find_stage(parent.stages, x.name()) == parent.stages.end();
  if (!fits)
    return;
  ++size_;
  auto& at = parent.stages.emplace_back(stage{x.name(), 1, 0, {}});
  if (is_weight(x.weight()))
    at.weight = x.weight();
  if (!std::isnan(x.percent()))
    at.percent = cut(x.percent());
  for (auto& part : x.stages())
    load(part, at, depth + 1);
}

} // namespace coppice
