// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the shards that are about journals of services.

#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

void apply_journal(context, const proto::JournalCommand&,
                   proto::JournalOutcome& x) {
  set_error(*x.mutable_error(), ec::protocol_violation, "not written yet");
}

} // namespace coppice::state_machine
