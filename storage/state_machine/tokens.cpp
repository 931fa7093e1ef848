// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the cluster group that are about tokens.

#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

void apply_token(context, const proto::TokenCommand&, proto::TokenOutcome& x) {
  set_error(*x.mutable_error(), ec::protocol_violation, "not written yet");
}

} // namespace coppice::state_machine
