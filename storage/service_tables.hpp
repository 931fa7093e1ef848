// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/service.pb.h"
#include "storage/table_view.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

// Services in the tables of the cluster group, and their journals in those of a
// shard. Readers take a const view; only the state machine changes rows. A row
// that does not decode looks absent and becomes the failure of the view.

namespace coppice {

// -- services -----------------------------------------------------------------

/// Returns zeros where there never was a service.
proto::ServicesHead get_services_head(const table_view& view);

void put_services_head(table_view& view, const proto::ServicesHead& x);

std::optional<proto::ServiceRow> get_service(const table_view& view,
                                             std::string_view name);

/// Returns all services, ordered by name.
std::vector<proto::ServiceRow> get_services(const table_view& view);

/// Writes a row by its name. Equal rows are equal bytes.
void put_service(table_view& view, const proto::ServiceRow& x);

void erase_service(table_view& view, std::string_view name);

// -- journals -----------------------------------------------------------------

/// An item of a journal without its reply, as its row has it.
struct journal_event {
  /// Bytes of the events of this item and of all before it, counted from some
  /// item on: the difference between two is what lies between.
  uint64_t running_bytes = 0;
  proto::JournalItem item;
};

/// What an item of a journal has in the table "journal_reply", without events.
using journal_reply = proto::JournalItem;

std::optional<proto::JournalHead> get_journal(const table_view& view,
                                              uint32_t service);

/// Returns all journals by the numbers of their services.
std::vector<std::pair<uint32_t, proto::JournalHead>>
get_journals(const table_view& view);

void put_journal(table_view& view, uint32_t service,
                 const proto::JournalHead& x);

void erase_journal(table_view& view, uint32_t service);

std::optional<journal_event>
get_journal_event(const table_view& view, uint32_t service, uint64_t sequence);

void put_journal_event(table_view& view, uint32_t service,
                       const journal_event& x);

void erase_journal_event(table_view& view, uint32_t service, uint64_t sequence);

/// Calls *fun* for the items behind *after*, in order, until it returns false.
void for_each_journal_event(
  const table_view& view, uint32_t service, uint64_t after,
  const std::function<bool(proto::JournalItem&)>& fun);

std::optional<journal_reply>
get_journal_reply(const table_view& view, uint32_t service, uint64_t sequence);

void put_journal_reply(table_view& view, uint32_t service,
                       const journal_reply& x);

void erase_journal_reply(table_view& view, uint32_t service, uint64_t sequence);

/// @copydoc for_each_journal_event
void for_each_journal_reply(const table_view& view, uint32_t service,
                            uint64_t after,
                            const std::function<bool(journal_reply&)>& fun);

/// Returns the sequence of the item with that id.
std::optional<uint64_t> find_journal_id(const table_view& view,
                                        uint32_t service, std::string_view id);

void put_journal_id(table_view& view, uint32_t service, std::string_view id,
                    uint64_t sequence);

void erase_journal_id(table_view& view, uint32_t service, std::string_view id);

/// Names a chunk of a snapshot.
struct journal_chunk {
  uint32_t service = 0;
  /// The item that the snapshot is after.
  uint64_t through = 0;
  uint32_t chunk = 0;
};

std::optional<std::string_view> get_journal_chunk(const table_view& view,
                                                  const journal_chunk& x);

void put_journal_chunk(table_view& view, const journal_chunk& x,
                       std::string_view data);

/// Returns the item that the first snapshot is after that has a chunk from
/// *from* on.
std::optional<uint64_t> first_journal_snapshot(const table_view& view,
                                               uint32_t service, uint64_t from);

/// Erases the chunks of the snapshot after *through*, from *chunk* on.
void erase_journal_chunks(table_view& view, const journal_chunk& from);

/// Returns from where on the events up to the snapshot are still to be erased,
/// or nothing if all are.
std::optional<uint64_t> get_journal_sweep(const table_view& view,
                                          uint32_t service);

void put_journal_sweep(table_view& view, uint32_t service, uint64_t from);

void erase_journal_sweep(table_view& view, uint32_t service);

/// Erases at most *limit* rows of a journal, whichever there are but its head.
/// @returns how many.
size_t erase_journal_rows(table_view& view, uint32_t service, size_t limit);

} // namespace coppice
