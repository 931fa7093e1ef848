// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/spec_check.hpp"
#include "storage/state_machine/commands.hpp"

#include <algorithm>
#include <cstdlib>

namespace coppice::state_machine {

namespace {

using item_type = proto::SubmitCommand::Item;

std::string_view product_of(const item_type& x) {
  return x.product().empty() ? default_product : std::string_view{x.product()};
}

/// The leader has checked all this, with better texts. It is checked again
/// because a row that cannot be stored would stop every replica.
bool is_sane(const item_type& x) {
  return x.product().size() <= max_product_bytes && !x.kind().empty()
         && x.kind().size() <= max_kind_bytes
         && x.labels_size() <= static_cast<int>(max_labels)
         && std::all_of(
           x.labels().begin(), x.labels().end(),
           [](auto& label) { return label.size() <= max_label_bytes; })
         && x.idempotency_key().size() <= max_key_bytes
         && x.spec().size() <= max_spec_bytes && x.priority() <= max_priority
         && x.priority() >= -max_priority && x.product_number() != 0
         && x.epoch() != 0 && x.epoch() <= x.newest_epoch();
}

/// Applies the items of one command.
class submitter {
public:
  explicit submitter(context ctx) : ctx_(ctx), nodes_(ctx.view) {
    // nop
  }

  void operator()(const item_type& item, proto::SubmitOutcome::Item& out) {
    if (!is_sane(item))
      return set_error(*out.mutable_error(), ec::invalid_argument,
                       "the task breaks a limit of product, kind, labels, "
                       "priority, idempotency key or size");
    look_up_product(item);
    if (!item.idempotency_key().empty()) {
      auto known
        = find_key(ctx_.view, item.product_number(), item.idempotency_key());
      if (known)
        return repeat(item, *known, out);
    }
    if (item.epoch() <= product_.sealed())
      return out.set_moved(true);
    accept(item, out);
  }

private:
  /// Most commands are of one product.
  void look_up_product(const item_type& item) {
    if (product_.number() != item.product_number()) {
      auto known = get_product(ctx_.view, item.product_number());
      product_ = known ? std::move(*known) : proto::ProductRow{};
      if (!known) {
        product_.set_number(item.product_number());
        product_.set_name(std::string{product_of(item)});
        put_product(ctx_.view, product_);
      }
    }
    // Who knows of a newer binding may have accepted work there already, or is
    // about to: from now on nothing can be accepted here that is there as well.
    auto seals = item.epoch() < item.newest_epoch() ? item.epoch() : 0;
    if (seals > product_.sealed()) {
      product_.set_sealed(seals);
      put_product(ctx_.view, product_);
    }
  }

  uint32_t class_number(const item_type& item) {
    auto& labels = item.labels();
    if (class_ == 0 || class_row_.kind() != item.kind()
        || !std::equal(labels.begin(), labels.end(),
                       class_row_.labels().begin(), class_row_.labels().end())
        || class_row_.weight() != item.weight()) {
      class_row_.set_kind(item.kind());
      class_row_.set_weight(item.weight());
      *class_row_.mutable_labels() = labels;
      class_ = intern_class(ctx_.view, class_row_);
    }
    return class_;
  }

  void repeat(const item_type& item, const task_id& id,
              proto::SubmitOutcome::Item& out) {
    if (get_spec(ctx_.view, id) != std::string_view{item.spec()})
      return set_error(*out.mutable_error(), ec::conflict,
                       "idempotency key '" + item.idempotency_key()
                         + "' of product '" + std::string{product_of(item)}
                         + "' was used for task " + to_string(id)
                         + " with another spec");
    set_id(*out.mutable_id(), id);
    out.set_duplicate(true);
  }

  void accept(const item_type& item, proto::SubmitOutcome::Item& out) {
    auto& view = ctx_.view;
    auto product = item.product_number();
    task_id id{product, item.epoch(),
               next_sequence(view, product, item.epoch())};
    proto::TaskRow row;
    row.set_state(proto::WAITING);
    row.set_reason(proto::NEW);
    row.set_priority(item.priority());
    row.set_task_class(class_number(item));
    row.set_submitted_ms(ctx_.now_ms);
    row.set_changed_ms(ctx_.now_ms);
    put_spec(view, id, item.spec());
    if (!item.idempotency_key().empty())
      put_key(view, product, item.idempotency_key(), id);
    set_id(*out.mutable_id(), id);
    auto incarnation = item.lease_to_incarnation();
    if (auto node = nodes_.find(item.lease_to_node(), incarnation)) {
      start_attempt(ctx_, id, row, node, incarnation);
      out.set_leased(true);
      return;
    }
    put_task(view, id, row);
    put_queued(view, to_queued(id, row));
    out.set_task_class(row.task_class());
  }

  context ctx_;

  node_memo nodes_;

  proto::ProductRow product_;

  proto::ClassRow class_row_;

  uint32_t class_ = 0;
};

} // namespace

void apply_submit(context ctx, const proto::SubmitCommand& command,
                  proto::SubmitOutcome& outcome) {
  submitter submit{ctx};
  outcome.mutable_items()->Reserve(command.items_size());
  for (auto& item : command.items())
    submit(item, *outcome.add_items());
}

} // namespace coppice::state_machine
