// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/load.hpp"

#include <chrono>
#include <utility>

namespace coppice::trial {

using namespace std::chrono_literals;

namespace {

/// Stands for an answer that did not come.
proto::RetryReply::Item lost() {
  proto::RetryReply::Item x;
  x.mutable_error()->set_code(static_cast<uint32_t>(ec::unreachable));
  return x;
}

} // namespace

load::load(world& where, const progress_of_faults& faults)
  : world_(where),
    faults_(faults),
    rng_(where.options.seed + 1),
    thread_([this] { run(); }) {}

load::~load() {
  finish();
}

const history& load::finish() {
  if (thread_.joinable())
    thread_.join();
  return history_;
}

void load::run() {
  try {
    submit_all(*world_.connect());
  } catch (const std::exception& x) {
    history_.faults.push_back(std::string{"the client gave up: "} + x.what());
  }
}

/// Submits throughout: never so much at once that the queue runs long, never so
/// little that it runs dry.
void load::submit_all(client& c) {
  auto& options = world_.options;
  auto share = [&] {
    return static_cast<double>(history_.tasks.size()) / options.tasks;
  };
  while (share() < 1 || !faults_.over) {
    std::vector<proto::TaskSpec> batch;
    for (auto n = 1 + rng_() % 20; n > 0; --n)
      batch.push_back(make_spec());
    auto ids = test::submit(c, batch);
    for (size_t i = 0; i < ids.size(); ++i)
      history_.on_submit(ids[i], std::move(batch[i]));
    for (auto& id : ids)
      if (rng_() % 20 == 0)
        cancel(c, id);
    retry_some(c);
    if (options.shards > 1 && rng_() % 8 == 0)
      bind(c, some_product(), rng_() % static_cast<uint32_t>(options.shards));
    // Paced by the faults, so that each of them meets live tasks.
    while (faults_.may_wait(share()))
      std::this_thread::sleep_for(5ms);
  }
}

proto::TaskSpec load::make_spec() {
  proto::TaskSpec x;
  x.set_kind("sleep");
  x.set_product(some_product());
  x.set_idempotency_key(make_idempotency_key());
  x.mutable_retry()->set_attempts(1'000);
  x.mutable_retry()->mutable_backoff()->set_nanos(10'000'000);
  x.mutable_retry()->mutable_max_backoff()->set_nanos(200'000'000);
  auto ms = 50 + static_cast<int>(rng_() % 751);
  x.mutable_sleep()->mutable_duration()->set_nanos(ms * 1'000'000);
  x.mutable_sleep()->set_journal(world_.journal_file().string());
  return x;
}

std::string load::some_product() {
  return "p" + std::to_string(rng_() % 4);
}

void load::cancel(client& c, const std::string& id) {
  proto::Request request;
  request.mutable_cancel()->add_ids(id);
  history_.on_cancel(id, test::ask(c, request).cancel().items(0));
  if (rng_() % 2 == 0)
    to_retry_.push_back(id);
}

/// Tries again what was cancelled a while ago, and most likely has ended.
void load::retry_some(client& c) {
  while (to_retry_.size() > 3) {
    auto id = to_retry_.front();
    to_retry_.pop_front();
    proto::Request request;
    request.mutable_retry()->add_ids(id);
    auto said = c.ask(std::move(request));
    auto known = said && !said.value().has_error();
    history_.on_retry(id, known ? said.value().retry().items(0) : lost());
  }
}

/// Has new tasks of a product go to another shard, while tasks of it come.
void load::bind(client& c, const std::string& product, uint32_t shard) {
  proto::Request request;
  request.mutable_bind()->set_product(product);
  request.mutable_bind()->set_shard(shard);
  test::ask(c, request);
  history_.on_bind(product, shard);
}

} // namespace coppice::trial
