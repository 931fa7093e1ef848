// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/bulk_submit.hpp"

#include "apps/commands/json.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// Says which lines a complaint is about.
std::string line_range(size_t first, size_t last) {
  if (first == last)
    return "line " + std::to_string(first) + ": ";
  return "lines " + std::to_string(first) + " to " + std::to_string(last)
         + ": ";
}

} // namespace

exit_code bulk_submit::run(std::istream& input) {
  if (auto up = ctx_.cluster().connect(); !up)
    return ctx_.complain_of_silence(up.error());
  std::string text;
  for (size_t line = 1; std::getline(input, text); ++line) {
    if (text.find_first_not_of(" \t\r") != std::string::npos)
      add(line, text);
    // The node is gone for good: what is left would not fare better.
    if (unanswered_ > 0)
      break;
  }
  send();
  while (!sent_.empty())
    receive();
  print_summary();
  if (unanswered_ > 0)
    return exit_code::no_cluster;
  return refused_ > 0 ? exit_code::refused : exit_code::success;
}

void bulk_submit::add(size_t line, const std::string& text) {
  auto spec = parse_spec(text);
  if (!spec) {
    ++refused_;
    ctx_.complain(line_range(line, line) + spec.error().message);
    return;
  }
  if (spec.value().idempotency_key().empty())
    spec.value().set_idempotency_key(make_idempotency_key());
  auto bytes = spec.value().SerializeAsString();
  if (next_.bytes + bytes.size() > batch_bytes)
    send();
  next_.bytes += bytes.size();
  next_.lines.push_back(line);
  next_.request.mutable_submit()->add_specs(std::move(bytes));
  if (next_.lines.size() >= batch_size)
    send();
}

void bulk_submit::send() {
  if (next_.lines.empty())
    return;
  while (sent_.size() >= window)
    receive();
  next_.call = ctx_.cluster().begin(std::move(next_.request));
  sent_.push_back(std::move(next_));
  next_ = batch{};
}

void bulk_submit::receive() {
  auto x = std::move(sent_.front());
  sent_.pop_front();
  auto lines = line_range(x.lines.front(), x.lines.back());
  // One wait is enough to know that nobody is there.
  if (unanswered_ > 0) {
    unanswered_ += x.lines.size();
    ctx_.complain(lines + "no answer either");
    return;
  }
  auto reply = ctx_.cluster().finish(x.call);
  if (!reply) {
    unanswered_ += x.lines.size();
    ctx_.complain(lines + reply.error().message);
  } else if (reply.value().has_error()) {
    refused_ += x.lines.size();
    ctx_.complain(lines + reply.value().error().message());
  } else {
    accept(x, reply.value().submit());
  }
}

void bulk_submit::accept(const batch& x, const proto::SubmitReply& reply) {
  auto answered
    = std::min(x.lines.size(), static_cast<size_t>(reply.items_size()));
  unanswered_ += x.lines.size() - answered;
  for (size_t i = 0; i < answered; ++i) {
    auto& item = reply.items(static_cast<int>(i));
    if (item.has_error()) {
      i = refuse(x, i, reply) - 1;
      continue;
    }
    duplicates_ += item.duplicate() ? 1 : 0;
    ids_.push_back(item.id());
    ctx_.out << (json_ ? to_json(item) : item.id()) << "\n";
  }
  ctx_.out.flush();
}

size_t bulk_submit::refuse(const batch& x, size_t begin,
                           const proto::SubmitReply& reply) {
  auto& why = reply.items(static_cast<int>(begin)).error();
  auto end = begin + 1;
  auto goes_on = [&] {
    return end < static_cast<size_t>(reply.items_size()) && end < x.lines.size()
           && x.lines[end] == x.lines[end - 1] + 1
           && reply.items(static_cast<int>(end)).error().message()
                == why.message();
  };
  while (goes_on())
    ++end;
  auto is_known = static_cast<ec>(why.code()) != ec::deadline_exceeded;
  (is_known ? refused_ : unanswered_) += end - begin;
  ctx_.complain(line_range(x.lines[begin], x.lines[end - 1]) + why.message());
  return end;
}

void bulk_submit::print_summary() {
  ctx_.err << ids_.size() << (ids_.size() == 1 ? " task" : " tasks")
           << " accepted";
  if (duplicates_ > 0)
    ctx_.err << " (" << duplicates_ << " known already)";
  ctx_.err << ", " << refused_ << " refused";
  if (unanswered_ > 0)
    ctx_.err
      << ", " << unanswered_
      << " without an answer: submit the same lines again, those with an "
         "idempotencyKey are not run twice";
  ctx_.err << std::endl;
}

} // namespace coppice
