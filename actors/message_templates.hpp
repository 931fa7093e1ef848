// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"

#include <caf/detail/tuple_vals.hpp>
#include <caf/type_erased_tuple.hpp>

// What CAF makes of each message that crosses nodes: about ten functions each,
// which every file that sends or handles one would compile again. They are in
// message_templates.cpp.

#define COPPICE_FOR_EACH_MESSAGE(f, keyword)                                   \
  f(keyword, coppice::proto::Request);                                         \
  f(keyword, coppice::proto::Reply);                                           \
  f(keyword, coppice::proto::Hello, coppice::worker_actor);                    \
  f(keyword, coppice::proto::Welcome, coppice::job_scheduler_actor,            \
    coppice::task_tracker_actor);                                              \
  f(keyword, coppice::proto::Pull, coppice::worker_actor);                     \
  f(keyword, coppice::proto::Assignments);                                     \
  f(keyword, coppice::proto::Report);                                          \
  f(keyword, coppice::proto::ReportAck);                                       \
  f(keyword, coppice::proto::StopAttempts);                                    \
  f(keyword, coppice::proto::SaveCheckpoint);                                  \
  f(keyword, coppice::proto::CheckpointOutcome);                               \
  f(keyword, coppice::proto::LoadCheckpoint);                                  \
  f(keyword, coppice::proto::CheckpointChunk);                                 \
  f(keyword, coppice::proto::LogRequest);                                      \
  f(keyword, coppice::proto::PeerMessage);                                     \
  f(keyword, coppice::proto::ManagerHello, caf::strong_actor_ptr,              \
    coppice::peer_actors);                                                     \
  f(keyword, coppice::proto::ManagerHello, coppice::peer_actors);              \
  f(keyword, coppice::proto::Registration, coppice::state_monitor_actor);      \
  f(keyword, coppice::proto::RegistrationReply,                                \
    coppice::information_centre_actor);                                        \
  f(keyword, coppice::proto::KeepAlive);                                       \
  f(keyword, coppice::proto::KeepAliveAck);                                    \
  f(keyword, coppice::proto::NodeQuery);                                       \
  f(keyword, coppice::proto::NodeChangesPart);                                 \
  f(keyword, coppice::proto::Leave);                                           \
  f(keyword, coppice::proto::LeaveAck)

#define COPPICE_INSTANTIATE_MESSAGE(keyword, ...)                              \
  keyword template class caf::detail::tuple_vals<__VA_ARGS__>;                 \
  keyword template class caf::detail::tuple_vals_impl<                         \
    caf::detail::message_data, __VA_ARGS__>;                                   \
  keyword template class caf::detail::tuple_vals_impl<caf::type_erased_tuple,  \
                                                      __VA_ARGS__>

COPPICE_FOR_EACH_MESSAGE(COPPICE_INSTANTIATE_MESSAGE, extern);
