// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/dispatcher.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace coppice {

namespace {

/// Returns the place right before *x*: nothing fits in between.
queue_position just_before(const queue_position& x) {
  constexpr auto last = std::numeric_limits<uint64_t>::max();
  if (x.sequence > 0)
    return {x.priority, x.epoch, x.sequence - 1};
  if (x.epoch > 0)
    return {x.priority, x.epoch - 1, last};
  return {x.priority + 1, std::numeric_limits<uint32_t>::max(), last};
}

void sort_unique(std::vector<std::string>& xs) {
  std::sort(xs.begin(), xs.end());
  xs.erase(std::unique(xs.begin(), xs.end()), xs.end());
}

bool has_kind(const std::vector<std::string>& kinds, const std::string& kind) {
  return std::binary_search(kinds.begin(), kinds.end(), kind);
}

} // namespace

size_t count_ahead(queue_reader& queue, uint32_t product, uint32_t task_class,
                   const queue_position& position, size_t limit) {
  size_t n = 0;
  std::optional<queue_position> at;
  while (n < limit) {
    at = queue.first_after(product, task_class, at);
    if (!at || !(*at < position))
      break;
    ++n;
  }
  return n;
}

bool dispatcher::class_state::matches(
  const std::vector<std::string>& kinds,
  const std::vector<std::string>& labels) const {
  return bad_rule.empty() && has_kind(kinds, kind)
         && labels_match(rules, labels);
}

bool dispatcher::most_free::operator()(const worker_state* x,
                                       const worker_state* y) const {
  auto rank = [](const worker_state& w) {
    return std::make_tuple(~w.left().idle, w.chosen, std::cref(w.key));
  };
  return rank(*x) < rank(*y);
}

// -- what waits ---------------------------------------------------------------

void dispatcher::define_class(uint32_t task_class, const std::string& kind,
                              const std::vector<std::string>& labels,
                              uint32_t weight) {
  auto [i, added] = classes_.try_emplace(task_class);
  if (!added)
    return;
  auto& x = i->second;
  x.kind = kind;
  x.weight = std::max(weight, 1u);
  for (auto& label : labels) {
    if (auto rule = parse_label_rule(label); rule)
      x.rules.push_back(std::move(rule.value()));
    else
      x.bad_rule = label.empty() ? "''" : label;
  }
  for (auto& [key, what] : profiles_)
    if (x.matches(what.kinds, what.labels))
      x.matching.insert(&what);
}

void dispatcher::mark_ready(uint32_t product, uint32_t task_class,
                            const std::optional<queue_position>& arrived) {
  auto i = classes_.find(task_class);
  if (i == classes_.end())
    return;
  auto& x = i->second;
  auto known = x.by_product.find(product);
  auto before = arrived ? std::optional{just_before(*arrived)} : std::nullopt;
  if (known == x.by_product.end()) {
    if (x.ready.empty())
      make_ready(task_class, x);
    x.ready.push_back({product, before});
    x.by_product.emplace(product, std::prev(x.ready.end()));
    return;
  }
  // Only ever back: what the cursor has not passed is looked at anyway.
  auto& after = known->second->after;
  if (!before || (after && *before < *after))
    after = before;
}

void dispatcher::make_ready(uint32_t task_class, class_state& x) {
  x.turn = turns_.insert(turns_.end(), task_class);
  for (auto* what : x.matching)
    ++what->ready_classes;
}

void dispatcher::make_idle(class_state& x) {
  turns_.erase(x.turn);
  for (auto* what : x.matching)
    --what->ready_classes;
}

void dispatcher::drop_product(class_state& x, ready_list::iterator product) {
  x.by_product.erase(product->product);
  x.ready.erase(product);
  if (x.ready.empty())
    make_idle(x);
}

// -- who works ----------------------------------------------------------------

template <class F>
void dispatcher::update(worker_state& x, F change) {
  if (x.what)
    x.what->free.erase(&x);
  change();
  if (x.what && x.left().free > 0)
    x.what->free.insert(&x);
}

dispatcher::profile* dispatcher::join_profile(std::vector<std::string> kinds,
                                              std::vector<std::string> labels) {
  auto [i, added] = profiles_.try_emplace({kinds, labels});
  auto& x = i->second;
  ++x.workers;
  if (!added)
    return &x;
  x.kinds = std::move(kinds);
  x.labels = std::move(labels);
  for (auto& [number, c] : classes_) {
    if (!c.matches(x.kinds, x.labels))
      continue;
    c.matching.insert(&x);
    if (!c.ready.empty())
      ++x.ready_classes;
  }
  return &x;
}

void dispatcher::leave_profile(worker_state& x) {
  auto* what = std::exchange(x.what, nullptr);
  if (!what)
    return;
  what->free.erase(&x);
  if (--what->workers > 0)
    return;
  for (auto& [number, c] : classes_)
    c.matching.erase(what);
  profiles_.erase(profile_key{what->kinds, what->labels});
}

void dispatcher::offer(const worker_key& worker,
                       const std::vector<std::string>& kinds,
                       const std::vector<std::string>& labels,
                       const slot_offer& slots) {
  auto [i, added] = workers_.try_emplace(worker);
  auto& x = i->second;
  if (added)
    x.key = worker;
  auto key = profile_key{kinds, labels};
  sort_unique(key.first);
  sort_unique(key.second);
  if (!x.what || x.what->kinds != key.first || x.what->labels != key.second) {
    leave_profile(x);
    x.what = join_profile(std::move(key.first), std::move(key.second));
  }
  update(x, [&] { x.offered = slots; });
}

void dispatcher::withdraw(const worker_key& worker) {
  auto i = workers_.find(worker);
  if (i == workers_.end())
    return;
  auto& x = i->second;
  leave_profile(x);
  x.offered = {};
  // Kept while something is in flight, should the worker come back before.
  if (x.reserved == 0)
    workers_.erase(i);
}

// -- who gets what ------------------------------------------------------------

dispatcher::worker_state* dispatcher::best_worker(const class_state& x,
                                                  bool only_unwanted) const {
  most_free better;
  worker_state* best = nullptr;
  for (auto* what : x.matching) {
    if (what->free.empty() || (only_unwanted && what->ready_classes > 0))
      continue;
    auto candidate = what->free.begin();
    if (*candidate == saved_ && ++candidate == what->free.end())
      continue;
    if (!(*candidate)->left().fits(x.weight))
      continue; // Nor do those with less.
    if (!best || better(*candidate, best))
      best = *candidate;
  }
  return best;
}

dispatcher::worker_state*
dispatcher::worker_to_save(const class_state& x) const {
  most_free better;
  worker_state* best = nullptr;
  for (auto* what : x.matching) {
    auto large
      = std::find_if(what->free.begin(), what->free.end(),
                     [&](auto* w) { return w->offered.total >= x.weight; });
    if (large != what->free.end() && (!best || better(*large, best)))
      best = *large;
  }
  return best;
}

void dispatcher::reserve(worker_state& x, uint32_t weight) {
  update(x, [&] {
    x.reserved += weight;
    x.chosen = ++choices_;
  });
}

void dispatcher::release(const worker_key& worker, uint32_t weight,
                         bool granted) {
  auto i = workers_.find(worker);
  if (i == workers_.end())
    return;
  auto& x = i->second;
  update(x, [&] {
    x.reserved -= std::min(x.reserved, weight);
    if (granted)
      x.offered = x.offered.less(weight);
  });
  if (!x.what && x.reserved == 0)
    workers_.erase(i);
}

std::optional<worker_key> dispatcher::claim(uint32_t task_class) {
  auto i = classes_.find(task_class);
  if (i == classes_.end())
    return std::nullopt;
  // Workers that a waiting task could run on are not for a newcomer.
  auto* worker = best_worker(i->second, true);
  if (!worker)
    return std::nullopt;
  reserve(*worker, i->second.weight);
  return worker->key;
}

void dispatcher::claim_settled(uint32_t task_class, const worker_key& worker,
                               bool granted) {
  if (auto i = classes_.find(task_class); i != classes_.end())
    release(worker, i->second.weight, granted);
}

std::optional<queue_position> dispatcher::next_waiting(queue_reader& queue,
                                                       uint32_t task_class,
                                                       ready_product& x) const {
  for (;;) {
    auto found = queue.first_after(x.product, task_class, x.after);
    if (!found)
      return std::nullopt;
    x.after = found;
    if (!in_flight({x.product, found->epoch, found->sequence}))
      return found;
  }
}

bool dispatcher::has_waiting(queue_reader& queue, uint32_t task_class,
                             class_state& x) {
  while (!x.ready.empty()) {
    auto product = x.ready.begin();
    auto before = product->after;
    if (next_waiting(queue, task_class, *product)) {
      product->after = before;
      return true;
    }
    drop_product(x, product);
  }
  return false;
}

std::optional<dispatcher::pick>
dispatcher::pick_one(queue_reader& queue, uint32_t task_class, class_state& x) {
  auto* worker = best_worker(x, false);
  if (!worker)
    return std::nullopt;
  while (!x.ready.empty()) {
    auto product = x.ready.begin();
    auto found = next_waiting(queue, task_class, *product);
    if (!found) {
      drop_product(x, product);
      continue;
    }
    x.ready.splice(x.ready.end(), x.ready, product);
    reserve(*worker, x.weight);
    task_id id{product->product, found->epoch, found->sequence};
    flights_.emplace(id, flight{task_class, *found, worker->key});
    return pick{id, task_class, worker->key};
  }
  return std::nullopt;
}

std::vector<dispatcher::pick> dispatcher::pick_all(queue_reader& queue,
                                                   size_t limit) {
  std::vector<pick> result;
  // Classes without a free worker wait aside, so that each is asked once.
  std::list<uint32_t> blocked;
  while (result.size() < limit && !turns_.empty()) {
    auto task_class = turns_.front();
    auto& x = classes_.at(task_class);
    if (auto picked = pick_one(queue, task_class, x)) {
      result.push_back(std::move(*picked));
      turns_.splice(turns_.end(), turns_, x.turn);
    } else if (!x.ready.empty()) {
      if (x.weight > 1 && !saved_ && has_waiting(queue, task_class, x))
        saved_ = worker_to_save(x);
      if (!x.ready.empty())
        blocked.splice(blocked.end(), turns_, x.turn);
    }
  }
  saved_ = nullptr;
  turns_.splice(turns_.begin(), blocked);
  return result;
}

void dispatcher::settled(const task_id& id, bool granted) {
  auto node = flights_.extract(id);
  if (node.empty())
    return;
  auto& x = node.mapped();
  release(x.worker, classes_.at(x.task_class).weight, granted);
  if (!granted)
    mark_ready(id.product, x.task_class, x.position);
}

// -- properties ---------------------------------------------------------------

bool dispatcher::known_class(uint32_t task_class) const {
  return classes_.count(task_class) > 0;
}

bool dispatcher::could_run(uint32_t task_class,
                           const std::vector<std::string>& kinds,
                           const std::vector<std::string>& labels,
                           const slot_offer& slots) const {
  auto i = classes_.find(task_class);
  if (i == classes_.end() || slots.total < i->second.weight)
    return false;
  auto sorted = kinds;
  sort_unique(sorted);
  return i->second.matches(sorted, labels);
}

bool dispatcher::in_flight(const task_id& id) const {
  return flights_.count(id) > 0;
}

size_t dispatcher::in_flight() const {
  return flights_.size();
}

uint64_t dispatcher::free_slots() const {
  uint64_t sum = 0;
  for (auto& [key, x] : workers_)
    if (x.what)
      sum += x.left().free;
  return sum;
}

size_t dispatcher::ready_pairs() const {
  size_t sum = 0;
  for (auto task_class : turns_)
    sum += classes_.at(task_class).ready.size();
  return sum;
}

} // namespace coppice
