// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the cluster group that are about services.

#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

void apply_service(context, const proto::ServiceCommand&,
                   proto::ServiceOutcome& x) {
  set_error(*x.mutable_error(), ec::protocol_violation, "not written yet");
}

} // namespace coppice::state_machine
