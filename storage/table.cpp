// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/table.hpp"

namespace coppice {

const char* to_string(table x) noexcept {
  switch (x) {
    case table::meta:
      return "meta";
    case table::product:
      return "product";
    case table::product_name:
      return "product_name";
    case table::sequence:
      return "sequence";
    case table::task_class:
      return "class";
    case table::class_key:
      return "class_key";
    case table::spec:
      return "spec";
    case table::task:
      return "task";
    case table::attempt:
      return "attempt";
    case table::queue:
      return "queue";
    case table::due:
      return "due";
    case table::live:
      return "live";
    case table::key:
      return "key";
    case table::node:
      return "node";
    case table::node_name:
      return "node_name";
    case table::kind:
      return "kind";
    case table::checkpoint:
      return "checkpoint";
    case table::checkpoint_chunk:
      return "checkpoint_chunk";
    case table::manager:
      return "manager";
    case table::shard:
      return "shard";
    case table::node_list:
      return "node_list";
    case table::event:
      return "event";
    case table::token:
      return "token";
    case table::service:
      return "service";
    case table::journal:
      return "journal";
    case table::journal_event:
      return "journal_event";
    case table::journal_reply:
      return "journal_reply";
    case table::journal_id:
      return "journal_id";
    case table::journal_chunk:
      return "journal_chunk";
    case table::regeneration:
      return "regeneration";
  }
  return "unknown";
}

} // namespace coppice
