// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/judgement.hpp"

#include "tests/process/trials/world.hpp"

#include <algorithm>
#include <utility>

namespace coppice::trial {

namespace {

std::string fault_of_state(const proto::Task& x, fate expected) {
  auto cancelled = x.state() == proto::CANCELLED;
  auto what = x.id() + " is " + proto::TaskState_Name(x.state());
  if (!cancelled && x.state() != proto::SUCCEEDED)
    return what;
  if (expected == fate::succeeds && cancelled)
    return what + ", and nobody cancelled it";
  if (expected == fate::cancelled && !cancelled)
    return what + ", and was cancelled";
  if (expected == fate::asked_to_stop && !x.cancel_requested())
    return what + ", and does not know that it was to be cancelled";
  return {};
}

std::string fault_of_attempts(const proto::Task& x) {
  auto believed = 0;
  for (auto& attempt : x.attempts())
    if (attempt.outcome() == proto::SUCCEEDED) {
      ++believed;
      if (attempt.number() != x.attempt())
        return x.id() + ": an attempt that is not the last was believed";
    }
  if (believed != (x.state() == proto::SUCCEEDED ? 1 : 0))
    return x.id() + " ended " + std::to_string(believed)
           + " times in the table";
  return {};
}

} // namespace

std::string fault_of(const proto::Task& x, fate expected) {
  auto fault = fault_of_state(x, expected);
  return fault.empty() ? fault_of_attempts(x) : fault;
}

std::string fault_of(const proto::Task& x, const journal& seen) {
  auto ends = seen.ended.find(x.id());
  if (ends == seen.ended.end())
    return x.id() + " never ended in the world";
  if (ends->second.count(x.attempt()) == 0)
    return x.id() + ": the attempt that was believed did not end";
  return {};
}

namespace {

class judgement {
public:
  judgement(client& c, const history& said) : client_(c), history_(said) {}

  verdict pass(const std::filesystem::path& journal_file) {
    for (auto& [id, x] : history_.tasks)
      judge_task(id, x.expected);
    judge_world(read_journal(journal_file));
    judge_keys();
    judge_number_of_tasks();
    judge_bindings();
    for (auto& node : nodes_of(client_))
      verdict_.fenced += node.fenced();
    return std::move(verdict_);
  }

private:
  void judge_task(const std::string& id, fate expected);
  void judge_world(const journal& seen);
  void judge_keys();
  void judge_number_of_tasks();
  void judge_bindings();
  void expect(bool holds, const std::string& otherwise);
  void add(const std::string& fault);

  client& client_;
  const history& history_;
  std::vector<proto::Task> succeeded_;
  verdict verdict_;
};

void judgement::judge_task(const std::string& id, fate expected) {
  auto task = test::await_end(client_, id);
  add(fault_of(task, expected));
  if (task.state() == proto::SUCCEEDED)
    succeeded_.push_back(task);
  verdict_.cancelled += task.state() == proto::CANCELLED ? 1 : 0;
  verdict_.retried += task.attempt() > 1 ? 1 : 0;
}

void judgement::judge_world(const journal& seen) {
  for (auto& task : succeeded_)
    add(fault_of(task, seen));
  for (auto& [id, attempts] : seen.begun)
    expect(history_.tasks.count(id) != 0,
           id + " ran, and was never acknowledged");
}

/// Each key must still name the task that it was acknowledged with.
void judgement::judge_keys() {
  constexpr size_t batch = 500;
  std::vector<std::string> ids;
  proto::Request request;
  auto ask = [&] {
    auto reply = test::ask(client_, request);
    for (size_t i = 0; i < ids.size(); ++i) {
      auto& said = reply.submit().items(static_cast<int>(i));
      expect(said.duplicate() && said.id() == ids[i],
             "the key of " + ids[i]
               + " names another task: " + said.ShortDebugString());
    }
    ids.clear();
    request.Clear();
  };
  for (auto& [id, x] : history_.tasks) {
    ids.push_back(id);
    request.mutable_submit()->add_specs(x.spec.SerializeAsString());
    if (ids.size() == batch)
      ask();
  }
  if (!ids.empty())
    ask();
}

/// Each submit was repeated until it was acknowledged: nothing else is there.
void judgement::judge_number_of_tasks() {
  size_t n = 0;
  proto::Request request;
  auto& list = *request.mutable_list();
  list.set_limit(1'000);
  do {
    auto page = test::ask(client_, request);
    for (auto& task : page.list().tasks())
      expect(history_.tasks.count(task.id()) != 0,
             task.id() + " is there, and was never acknowledged");
    n += static_cast<size_t>(page.list().tasks_size());
    list.set_after(page.list().next());
  } while (!list.after().empty());
  expect(n == history_.tasks.size(), std::to_string(n) + " tasks are listed, "
                                       + std::to_string(history_.tasks.size())
                                       + " were acknowledged");
}

/// New tasks of a product go where it was bound to last.
void judgement::judge_bindings() {
  proto::Request request;
  request.mutable_products();
  auto reply = test::ask(client_, request);
  auto& xs = reply.products().products();
  for (auto& [name, shard] : history_.bound) {
    auto is_it = [&, name = name](auto& x) { return x.name() == name; };
    auto x = std::find_if(xs.begin(), xs.end(), is_it);
    expect(x != xs.end() && *x->shards().rbegin() == shard,
           name + " was bound to shard " + std::to_string(shard) + ", and is "
             + (x == xs.end() ? "not there" : x->ShortDebugString()));
  }
}

void judgement::expect(bool holds, const std::string& otherwise) {
  if (!holds)
    add(otherwise);
}

void judgement::add(const std::string& fault) {
  if (!fault.empty())
    verdict_.faults.push_back(fault);
}

} // namespace

verdict judge(client& c, const history& said,
              const std::filesystem::path& journal_file) {
  return judgement{c, said}.pass(journal_file);
}

} // namespace coppice::trial
