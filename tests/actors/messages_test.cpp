// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/messages.hpp"

#include <caf/all.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/test/dsl.hpp>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/stubs/logging.h>

#include <random>
#include <string>
#include <vector>

using namespace coppice;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

struct config : caf::actor_system_config {
  config() {
    add_message_types<caf::id_block::coppice>();
  }
};

void add_scalar(Message& x, const FieldDescriptor* field, uint32_t n);

/// Sets every field of *x*, lists to two elements, a few levels deep.
void fill(Message& x, int depth = 4) {
  auto* how = x.GetReflection();
  for (auto i = 0; i < x.GetDescriptor()->field_count(); ++i) {
    auto* field = x.GetDescriptor()->field(i);
    if (field->is_map())
      continue;
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      add_scalar(x, field, static_cast<uint32_t>(i) + 1);
    } else if (depth > 0) {
      if (field->is_repeated())
        for (auto n = 0; n < 2; ++n)
          fill(*how->AddMessage(&x, field), depth - 1);
      else
        fill(*how->MutableMessage(&x, field), depth - 1);
    }
  }
}

void add_scalar(Message& x, const FieldDescriptor* field, uint32_t n) {
  auto* how = x.GetReflection();
  auto put = [&](auto set, auto add, auto value) {
    if (field->is_repeated())
      (how->*add)(&x, field, value);
    else
      (how->*set)(&x, field, value);
  };
  using R = google::protobuf::Reflection;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return put(&R::SetInt32, &R::AddInt32, -static_cast<int32_t>(n));
    case FieldDescriptor::CPPTYPE_INT64:
      return put(&R::SetInt64, &R::AddInt64, -static_cast<int64_t>(n));
    case FieldDescriptor::CPPTYPE_UINT32:
      return put(&R::SetUInt32, &R::AddUInt32, n);
    case FieldDescriptor::CPPTYPE_UINT64:
      return put(&R::SetUInt64, &R::AddUInt64, uint64_t{n} << 40);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return put(&R::SetDouble, &R::AddDouble, n + 0.5);
    case FieldDescriptor::CPPTYPE_BOOL:
      return put(&R::SetBool, &R::AddBool, true);
    case FieldDescriptor::CPPTYPE_ENUM:
      return put(&R::SetEnumValue, &R::AddEnumValue, 3);
    default:
      return put(static_cast<void (R::*)(Message*, const FieldDescriptor*,
                                         std::string) const>(&R::SetString),
                 static_cast<void (R::*)(Message*, const FieldDescriptor*,
                                         std::string) const>(&R::AddString),
                 "text " + std::to_string(n));
  }
}

/// A worker to have a handle of.
worker_actor::behavior_type mute_worker(worker_actor::pointer, int) {
  return {
    [](const proto::Assignments&) {},
    [](const proto::StopAttempts&) {},
    [](const proto::LogRequest&) { return proto::Reply{}; },
  };
}

struct fixture : test_coordinator_fixture<config> {
  using bytes = std::vector<char>;

  bytes encode(const caf::message& x) {
    bytes out;
    caf::binary_serializer sink{sys, out};
    if (auto err = sink(x))
      CAF_FAIL("cannot write: " << sys.render(err));
    return out;
  }

  caf::error decode(const bytes& from, caf::message& x) {
    caf::binary_deserializer source{sys, from};
    return source(x);
  }

  template <class T>
  void check_round_trip(const T& x) {
    CAF_MESSAGE("type " << T::descriptor()->name());
    caf::message back;
    auto err = decode(encode(caf::make_message(x)), back);
    CAF_CHECK(!err);
    CAF_REQUIRE((back.match_elements<T>()));
    CAF_CHECK(back.get_as<T>(0).SerializeAsString() == x.SerializeAsString());
  }

  template <class... Ts>
  void check_all() {
    auto check = [&](auto x) {
      check_round_trip(x);
      fill(x);
      CAF_CHECK(x.ByteSizeLong() > 0 || x.GetDescriptor()->field_count() == 0);
      check_round_trip(x);
    };
    (check(Ts{}), ...);
  }

  template <class T>
  void check_damage(std::mt19937& rng) {
    T x;
    fill(x);
    auto good = encode(caf::make_message(x));
    for (auto i = 0; i < 200; ++i) {
      auto bad = good;
      if (i % 2 == 0)
        bad.resize(rng() % bad.size());
      else
        // Behind the length of the bytes: a damaged length may claim 4 GiB.
        for (size_t n = 0; n < 1 + rng() % 4; ++n)
          bad[bad.size() / 2 + rng() % (bad.size() - bad.size() / 2)]
            = static_cast<char>(rng());
      caf::message back;
      auto err = decode(bad, back);
      if (i % 2 == 0)
        CAF_CHECK(err || back.empty());
    }
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(messages_tests, fixture)

CAF_TEST(each message survives the way to another node) {
  check_all<proto::Request, proto::Reply, proto::Hello, proto::Welcome,
            proto::Pull, proto::Assignments, proto::Report, proto::ReportAck,
            proto::StopAttempts, proto::SaveCheckpoint,
            proto::CheckpointOutcome, proto::LoadCheckpoint,
            proto::CheckpointChunk, proto::LogRequest, proto::PeerMessage,
            proto::ManagerHello>();
}

CAF_TEST(each kind of request and reply survives) {
  // The ones of a oneof exclude each other, so each is filled alone.
  auto each = [&](auto x) {
    auto* kinds = x.GetDescriptor()->oneof_decl(0);
    for (auto i = 0; i < kinds->field_count(); ++i) {
      x.Clear();
      fill(*x.GetReflection()->MutableMessage(&x, kinds->field(i)));
      check_round_trip(x);
    }
  };
  each(proto::Request{});
  each(proto::Reply{});
}

CAF_TEST(a handle without an actor survives) {
  auto sent = caf::make_message(proto::Welcome{}, job_scheduler_actor{},
                                task_tracker_actor{});
  caf::message back;
  auto err = decode(encode(sent), back);
  CAF_CHECK(!err);
  CAF_REQUIRE((back.match_elements<proto::Welcome, job_scheduler_actor,
                                   task_tracker_actor>()));
  CAF_CHECK(!back.get_as<job_scheduler_actor>(1));
}

CAF_TEST(bytes that are no message are an error and no crash) {
  std::mt19937 rng{1};
  google::protobuf::LogSilencer quiet; // It reports each one.
  check_damage<proto::Report>(rng);
  check_damage<proto::Hello>(rng);
  check_damage<proto::Assignments>(rng);
}

CAF_TEST(bytes that no protobuf parser takes are an error) {
  // Same shape on the wire: a string in place of the encoded message.
  for (std::string wrong :
       {"\xff\xff\xff\xff", "\x0a\x7fshort", "\x0a\x02\xc3\x28"}) {
    bytes raw;
    caf::binary_serializer sink{sys, raw};
    CAF_REQUIRE(!sink(wrong));
    proto::Hello x;
    caf::binary_deserializer source{sys, raw};
    auto err = source(x);
    CAF_CHECK(err);
  }
}

CAF_TEST(a number of a newer peer survives) {
  proto::StopAttempts x;
  x.set_reason(static_cast<proto::Reason>(999));
  check_round_trip(x);
}

CAF_TEST(a worker in a local message stays the same) {
  auto worker = sys.spawn(mute_worker, 0);
  auto sent = caf::make_message(proto::Pull{}, worker);
  CAF_CHECK(sent.get_as<worker_actor>(1) == worker);
  self->send_exit(worker, caf::exit_reason::kill);
}

CAF_TEST_FIXTURE_SCOPE_END()
