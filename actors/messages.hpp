// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "proto/cluster.pb.h"
#include "proto/command.pb.h"
#include "proto/health.pb.h"
#include "proto/peer.pb.h"

#include <caf/error.hpp>
#include <caf/meta/load_callback.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/replies_to.hpp>
#include <caf/sec.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>

#include <string>
#include <type_traits>
#include <vector>

// Everything that actors say to each other across nodes is a protobuf message;
// this header makes CAF carry them.

namespace coppice::proto {

/// Carries any protobuf message in a CAF message: its encoded bytes. What does
/// not parse is an error of the deserializer, and the message is dropped.
template <class Inspector, class T>
std::enable_if_t<std::is_base_of_v<google::protobuf::Message, T>,
                 typename Inspector::result_type>
inspect(Inspector& f, T& x) {
  std::string bytes;
  if constexpr (Inspector::reads_state) {
    x.SerializeToString(&bytes);
    return f(caf::meta::type_name(T::descriptor()->name().c_str()), bytes);
  } else {
    auto parse = [&]() -> caf::error {
      if (!x.ParseFromString(bytes))
        return caf::make_error(caf::sec::invalid_argument);
      return caf::none;
    };
    return f(caf::meta::type_name(T::descriptor()->name().c_str()), bytes,
             caf::meta::load_callback(parse));
  }
}

template <class T>
std::enable_if_t<std::is_base_of_v<google::protobuf::Message, T>, bool>
operator==(const T& x, const T& y) {
  return google::protobuf::util::MessageDifferencer::Equals(x, y);
}

} // namespace coppice::proto

namespace coppice {

/// The EXECUTOR of a worker node, as managers see it.
using worker_actor = caf::typed_actor<
  // Tasks to run. Never more than the worker pulled for.
  caf::reacts_to<proto::Assignments>,
  // Attempts to stop; what they come to is reported as any end of an attempt.
  caf::reacts_to<proto::StopAttempts>,
  // A part of the output of an attempt that ran on this node.
  caf::replies_to<proto::LogRequest>::with<proto::Reply>>;

/// The JOB_SCHEDULER: accepts tasks and gives them to workers.
using job_scheduler_actor = caf::typed_actor<
  // Submit, explain, nodes and release. A submit is durable once answered. What
  // it cannot explain, because it is not in the queue, it passes on. Whether a
  // node is quarantined is its memory, never durable.
  caf::replies_to<proto::Request>::with<proto::Reply>,
  // A worker's standing offer; replaces the one before it. Answered by
  // Assignments, as tasks become ready.
  caf::reacts_to<proto::Pull, worker_actor>>;

/// The TASK_TRACKER: follows what was leased, and knows every task.
using task_tracker_actor = caf::typed_actor<
  // All requests of clients but submit.
  caf::replies_to<proto::Request>::with<proto::Reply>,
  // A worker's news. Everything in it is durable once answered.
  caf::replies_to<proto::Report>::with<proto::ReportAck>,
  // A chunk of a checkpoint. Durable once answered.
  caf::replies_to<proto::SaveCheckpoint>::with<proto::CheckpointOutcome>,
  caf::replies_to<proto::LoadCheckpoint>::with<proto::CheckpointChunk>>;

/// The STATE_MONITOR of a node, as the INFORMATION_CENTRE sees it.
using state_monitor_actor = caf::typed_actor<
  // A part of an event, or of the answer to a query.
  caf::reacts_to<proto::NodeChangesPart>>;

/// The INFORMATION_CENTRE: knows which nodes are healthy, and tells those that
/// have registered with it.
using information_centre_actor = caf::typed_actor<
  // A sign of life of a node.
  caf::replies_to<proto::KeepAlive>::with<proto::KeepAliveAck>,
  // Answered to the subscriber.
  caf::reacts_to<proto::NodeQuery>,
  // A node stops in good order. Durable once answered.
  caf::replies_to<proto::Leave>::with<proto::LeaveAck>>;

/// The STATE_REPLICATOR of a group, as those of the other managers see it.
using peer_actor = caf::typed_actor<caf::reacts_to<proto::PeerMessage>>;

using peer_actors = std::vector<peer_actor>;

/// The DIRECTORY of a manager node: the one actor that is published at the node
/// port; it knows who answers what, and asks other managers where these lead.
using directory_actor = caf::typed_actor<
  // Whatever a client asks.
  caf::replies_to<proto::Request>::with<proto::Reply>,
  // A worker connects. With an error in the Welcome both handles are invalid.
  caf::replies_to<proto::Hello, worker_actor>::with<
    proto::Welcome, job_scheduler_actor, task_tracker_actor>,
  // Another manager introduces itself, its DIRECTORY and its replicas, in the
  // order of the groups in the hello; the answer does the same.
  caf::replies_to<proto::ManagerHello, caf::strong_actor_ptr,
                  peer_actors>::with<proto::ManagerHello, peer_actors>,
  // A node registers. Durable once answered; with an error in the reply the
  // handle is invalid.
  caf::replies_to<proto::Registration, state_monitor_actor>::with<
    proto::RegistrationReply, information_centre_actor>>;

/// What clients need of a DIRECTORY.
using api_actor
  = caf::typed_actor<caf::replies_to<proto::Request>::with<proto::Reply>>;

/// Version of the protocol between nodes, and between clients and nodes.
inline constexpr uint32_t protocol_version = 4;

/// What peers must have in common to connect at all (CAF's
/// `middleman.app-identifiers`).
inline constexpr const char* app_identifier = "coppice-4";

} // namespace coppice

// Everything that may cross a node boundary. CAF 0.17 puts the *name* of a type
// on the wire: renaming one breaks the protocol, reordering does not.
CAF_BEGIN_TYPE_ID_BLOCK(coppice, caf::first_custom_type_id)

  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Request))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Reply))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Hello))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Welcome))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Pull))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Assignments))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Report))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::ReportAck))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::StopAttempts))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::SaveCheckpoint))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::CheckpointOutcome))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::LoadCheckpoint))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::CheckpointChunk))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::LogRequest))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::PeerMessage))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::ManagerHello))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Registration))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::RegistrationReply))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::KeepAlive))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::KeepAliveAck))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::NodeQuery))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::NodeChangesPart))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::Leave))
  CAF_ADD_TYPE_ID(coppice, (coppice::proto::LeaveAck))
  CAF_ADD_TYPE_ID(coppice, (coppice::state_monitor_actor))
  CAF_ADD_TYPE_ID(coppice, (coppice::information_centre_actor))
  CAF_ADD_TYPE_ID(coppice, (coppice::peer_actor))
  CAF_ADD_TYPE_ID(coppice, (coppice::peer_actors))
  CAF_ADD_TYPE_ID(coppice, (coppice::worker_actor))
  CAF_ADD_TYPE_ID(coppice, (coppice::job_scheduler_actor))
  CAF_ADD_TYPE_ID(coppice, (coppice::task_tracker_actor))
  CAF_ADD_TYPE_ID(coppice, (coppice::directory_actor))

CAF_END_TYPE_ID_BLOCK(coppice)
