// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/cluster_link.hpp"
#include "proto/service.pb.h"
#include "runtime/service/local_services.hpp"
#include "runtime/service/native_service.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace coppice {

/// An instance of a service that this node is to run.
struct instance_start {
  service_instance who;
  uint64_t epoch = 0;
  /// Number and shard of the service.
  uint32_t number = 0;
  uint32_t shard = 0;
  proto::ServiceSpec spec;
  /// Set if it is exclusive: nothing of it may run when that is over.
  lease_end_ptr lease{};
};

/// To SERVICE_HOST: how an instance stands.
struct instance_news {
  service_instance who;
  uint64_t epoch = 0;
  proto::ServiceStatus status = proto::SERVICE_STARTING;
  /// For people.
  std::string why;
};

/// Who is told of an instance.
using instance_observer = caf::typed_actor<caf::reacts_to<instance_news>>;

/// To an instance: take nothing more, finish, and say SERVICE_STOPPED.
struct leave_service {};

/// To an instance: end at once, and say SERVICE_STOPPED with that reason when
/// nothing of it runs any more.
struct end_service {
  std::string why;
};

/// To an instance: at that time it was still the owner, as the cluster said.
struct still_owner {
  std::chrono::steady_clock::time_point since{};
};

/// What runs an instance of a service; ends after it said SERVICE_STOPPED or
/// SERVICE_FAILED. Killed, it leaves nothing behind.
using instance_actor
  = caf::typed_actor<caf::reacts_to<leave_service>, caf::reacts_to<end_service>,
                     caf::reacts_to<still_owner>>;

/// What instances on a node share.
struct instance_surroundings {
  cluster_link_actor cluster;
  std::shared_ptr<local_services> services;
  instance_observer observer;
};

} // namespace coppice

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::end_service)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::instance_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::leave_service)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(coppice::still_owner)
