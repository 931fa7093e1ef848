// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/task/label_rules.hpp"
#include "runtime/task/slot_offer.hpp"
#include "runtime/task/task_id.hpp"
#include "runtime/task/worker_key.hpp"

#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace coppice {

/// Place of a waiting task in the queue of its product and class. Less means
/// that it comes first: the higher priority, then the older task.
struct queue_position {
  int priority = 0;
  uint32_t epoch = 0;
  uint64_t sequence = 0;

  bool operator==(const queue_position&) const = default;

  std::strong_ordering operator<=>(const queue_position& x) const {
    if (auto c = x.priority <=> priority; c != 0)
      return c;
    if (auto c = epoch <=> x.epoch; c != 0)
      return c;
    return sequence <=> x.sequence;
  }
};

/// Reads the durable queue. Implemented over the tables of a shard.
class queue_reader {
public:
  virtual ~queue_reader() = default;

  /// Returns the first waiting task of *product* in *task_class* that comes
  /// behind *after* (at all, if that is empty), or nothing if there is none.
  /// One seek: the cost must not depend on how many wait.
  virtual std::optional<queue_position>
  first_after(uint32_t product, uint32_t task_class,
              const std::optional<queue_position>& after)
    = 0;
};

/// Counts the tasks of *product* in *task_class* that come before *position*,
/// at most *limit* of them: one read for each.
/// @relates dispatcher
size_t count_ahead(queue_reader& queue, uint32_t product, uint32_t task_class,
                   const queue_position& position, size_t limit);

/// Why tasks of a class do not run at this moment.
struct why_waiting {
  enum class cause {
    /// The class was never defined here.
    unknown_class,
    /// Nobody offers to run anything.
    no_worker,
    /// There are workers, but none runs this kind.
    no_such_kind,
    /// Workers run the kind, but none has the labels.
    no_such_labels,
    /// Workers match, but none has as many slots as it takes.
    too_heavy,
    /// Workers match, but none has a free slot.
    all_busy,
    /// There are free slots, but nowhere as many as it takes.
    not_together,
    /// A slot is free: it is about to run, or others are before it.
    free_slots,
  };

  cause why = cause::unknown_class;
  std::string kind;
  /// Workers that offer anything.
  size_t workers = 0;
  /// Workers that could run the class.
  size_t matching_workers = 0;
  /// Free slots of those.
  uint64_t free_slots = 0;
  /// Slots that a task of the class takes.
  uint32_t weight = 1;
  /// The most slots that one of them has.
  uint32_t most_slots = 0;
  /// With `no_such_labels`: the first rule that no worker meets, or, if each
  /// is met by some worker, all of them together.
  std::string rule;
};

/// Renders *x* as a sentence for people, without a full stop.
/// @relates why_waiting
std::string to_string(const why_waiting& x);

/// Decides which waiting task goes to which worker.
///
/// Pure, and owned by the leader of a shard (JOB SCHEDULER). It holds no object
/// per waiting task, only the pairs of product and class that may have some, a
/// cursor into the queue for each, and what is picked but not yet committed.
/// Classes take turns; in each class the products take turns, one task each;
/// in each product the queue's order decides.
///
/// A class whose tasks take several slots each cannot be passed by for ever:
/// the first one in turn that finds no worker with so many free slots has one
/// saved, which gets nothing else until it has. Only one, as the one
/// reservation of EASY backfilling (D. Lifka, The ANL/IBM SP Scheduling System,
/// 1995).
class dispatcher {
public:
  // -- member types -----------------------------------------------------------

  /// A task that is to be leased to a worker.
  struct pick {
    task_id id;
    uint32_t task_class = 0;
    worker_key worker;

    bool operator==(const pick&) const = default;
  };

  // -- constructors, destructors, and assignment operators --------------------

  dispatcher() = default;

  // Iterators point into the containers.
  dispatcher(const dispatcher&) = delete;
  dispatcher& operator=(const dispatcher&) = delete;

  // -- modifiers: what waits --------------------------------------------------

  /// Says what *task_class* needs: a kind, and rules such as "gpu=yes" for the
  /// labels of nodes. Does nothing if the class is known: classes never change.
  /// A rule that cannot be parsed is met by no node.
  /// @param weight Slots that a task takes; 0 is 1.
  void define_class(uint32_t task_class, const std::string& kind,
                    const std::vector<std::string>& labels,
                    uint32_t weight = 1);

  /// Takes note that tasks of *product* may wait in *task_class*.
  ///
  /// Each arrival in the queue must be told, with its place; without a place
  /// the whole queue of the pair is looked at again, as a new leader wants it.
  /// @pre The class is defined, otherwise nothing happens.
  void mark_ready(uint32_t product, uint32_t task_class,
                  const std::optional<queue_position>& arrived = {});

  // -- modifiers: who works ---------------------------------------------------

  /// Replaces what *worker* offers.
  /// @param labels Labels of the node, such as "gpu=yes".
  /// @param slots Those that are free as far as the assignments that were sent
  ///              go. What is picked for the worker but not settled is
  ///              subtracted here, what was assigned by the caller is not.
  void offer(const worker_key& worker, const std::vector<std::string>& kinds,
             const std::vector<std::string>& labels, const slot_offer& slots);

  /// Forgets what *worker* offers. What is picked for it stays in flight until
  /// it is settled.
  void withdraw(const worker_key& worker);

  // -- modifiers: who gets what -----------------------------------------------

  /// Reserves the slots of a task of *task_class* that is being submitted, so
  /// that submit and lease can be one command. To be followed by one call of
  /// `claim_settled`.
  /// @returns A worker, or nothing if none with free slots matches, or if
  ///          tasks may wait already that it could run.
  std::optional<worker_key> claim(uint32_t task_class);

  /// Says how a `claim` ended: the task was leased to *worker*, or was not and
  /// the slots are free again.
  void claim_settled(uint32_t task_class, const worker_key& worker,
                     bool granted);

  /// Picks waiting tasks for free slots, at most *limit*, and keeps both
  /// reserved until `settled`.
  std::vector<pick> pick_all(queue_reader& queue, size_t limit);

  /// Says how a pick ended: the lease was committed and applied to what the
  /// queue reader reads, or it was refused. Then its slots are free again, and
  /// the task is looked at again if it still waits. Unknown ids are ignored.
  void settled(const task_id& id, bool granted);

  // -- properties -------------------------------------------------------------

  bool known_class(uint32_t task_class) const;

  /// Returns whether a worker like this could run tasks of *task_class*, if all
  /// its slots were free.
  bool could_run(uint32_t task_class, const std::vector<std::string>& kinds,
                 const std::vector<std::string>& labels,
                 const slot_offer& slots) const;

  /// Returns whether *id* is picked and not settled.
  bool in_flight(const task_id& id) const;

  /// Returns how many picks are not settled.
  size_t in_flight() const;

  /// Returns how many slots `pick_all` could fill, over all workers.
  uint64_t free_slots() const;

  /// Returns how many pairs of product and class may have waiting tasks.
  size_t ready_pairs() const;

  /// Says why tasks of *task_class* do not run now.
  why_waiting explain(uint32_t task_class) const;

private:
  // -- member types -----------------------------------------------------------

  /// A product that may have waiting tasks in a class.
  struct ready_product {
    uint32_t product;
    /// Look behind this: all up to here is in flight or gone.
    std::optional<queue_position> after;
  };

  using ready_list = std::list<ready_product>;

  struct profile;

  struct class_state {
    bool matches(const std::vector<std::string>& kinds,
                 const std::vector<std::string>& labels) const;

    std::string kind;
    uint32_t weight = 1;
    std::vector<label_rule> rules;
    /// A rule that could not be parsed: no node meets it.
    std::string bad_rule;
    /// Products that may have waiting tasks; the front is next.
    ready_list ready;
    std::unordered_map<uint32_t, ready_list::iterator> by_product;
    /// Workers that can run it, by what they offer.
    std::set<profile*> matching;
    /// Place in the ring of ready classes, if it is there.
    std::list<uint32_t>::iterator turn;
  };

  struct worker_state;

  /// Order in which workers are chosen: most free slots, longest not chosen.
  struct most_free {
    bool operator()(const worker_state* x, const worker_state* y) const;
  };

  /// What workers with the same kinds and labels have in common.
  struct profile {
    /// Both sorted.
    std::vector<std::string> kinds;
    std::vector<std::string> labels;
    size_t workers = 0;
    /// Those with a free slot.
    std::set<worker_state*, most_free> free;
    /// Ready classes that match.
    size_t ready_classes = 0;
  };

  using profile_key
    = std::pair<std::vector<std::string>, std::vector<std::string>>;

  struct worker_state {
    worker_key key;
    /// Entry of `profiles_`; null after it withdrew.
    profile* what = nullptr;
    slot_offer offered;
    /// Slots that are reserved for picks and claims.
    uint32_t reserved = 0;
    /// When it was chosen last, counted in choices.
    uint64_t chosen = 0;

    slot_offer left() const {
      return offered.less(reserved);
    }
  };

  struct flight {
    uint32_t task_class;
    queue_position position;
    worker_key worker;
  };

  // -- member functions -------------------------------------------------------

  profile* join_profile(std::vector<std::string> kinds,
                        std::vector<std::string> labels);

  void leave_profile(worker_state& x);

  /// Changes the numbers of *x* by *change* and puts it where it belongs.
  template <class F>
  void update(worker_state& x, F change);

  /// Returns the worker for the next task of *x*, or null if none is free.
  /// @param only_unwanted Leave out those that ready classes could use.
  worker_state* best_worker(const class_state& x, bool only_unwanted) const;

  /// Returns the worker that has to be saved for the next task of *x*, or null:
  /// the one with the most free slots, of those that have as many as it takes.
  worker_state* worker_to_save(const class_state& x) const;

  void reserve(worker_state& x, uint32_t weight);

  void release(const worker_key& worker, uint32_t weight, bool granted);

  void make_ready(uint32_t task_class, class_state& x);

  void make_idle(class_state& x);

  void drop_product(class_state& x, ready_list::iterator product);

  std::optional<queue_position> next_waiting(queue_reader& queue,
                                             uint32_t task_class,
                                             ready_product& x) const;

  /// Returns whether a task of the class waits that is not in flight.
  bool has_waiting(queue_reader& queue, uint32_t task_class, class_state& x);

  std::optional<pick> pick_one(queue_reader& queue, uint32_t task_class,
                               class_state& x);

  // -- member variables -------------------------------------------------------

  std::unordered_map<uint32_t, class_state> classes_;

  /// Classes with ready products; the front is next.
  std::list<uint32_t> turns_;

  std::map<profile_key, profile> profiles_;

  std::map<worker_key, worker_state> workers_;

  std::unordered_map<task_id, flight> flights_;

  uint64_t choices_ = 0;

  /// Only for the class it is saved for; for the time of a `pick_all`.
  worker_state* saved_ = nullptr;
};

} // namespace coppice
