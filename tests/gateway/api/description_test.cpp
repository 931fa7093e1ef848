// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Holds openapi.json against the routes and the schema.

#include "gateway/api/description.hpp"

#include "gateway/api/routes.hpp"
#include "proto/http.pb.h"
#include "runtime/access/token_rules.hpp"
#include "runtime/proto_json.hpp"

#include <caf/test/unit_test.hpp>

#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <map>
#include <set>

using namespace coppice;

namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

using strings = std::set<std::string>;

const Struct& description() {
  static const auto parsed = [] {
    Struct x;
    if (!from_json(api::description(), x))
      CAF_FAIL("openapi.json is no JSON");
    return x;
  }();
  return parsed;
}

const Value& member(const Struct& x, const std::string& name) {
  static const Value nothing;
  auto i = x.fields().find(name);
  return i == x.fields().end() ? nothing : i->second;
}

const Struct& object(const Struct& x, const std::string& name) {
  return member(x, name).struct_value();
}

const std::string& text(const Struct& x, const std::string& name) {
  return member(x, name).string_value();
}

/// Returns the names of the parameters of *operation* that are in *place*.
strings parameters(const Struct& operation, const std::string& place) {
  strings result;
  for (auto& x : member(operation, "parameters").list_value().values())
    if (text(x.struct_value(), "in") == place)
      result.insert(text(x.struct_value(), "name"));
  return result;
}

std::string lowered(std::string_view x) {
  std::string result{x};
  std::transform(result.begin(), result.end(), result.begin(), ::tolower);
  return result;
}

/// Returns the message that a schema is named after: `SubmitReplyItem` is the
/// Item of SubmitReply.
const google::protobuf::Descriptor* find_message(const std::string& name) {
  auto* pool = google::protobuf::DescriptorPool::generated_pool();
  if (auto* x = pool->FindMessageTypeByName("coppice.proto." + name))
    return x;
  for (size_t i = 1; i < name.size(); ++i)
    if (auto* x = pool->FindMessageTypeByName(
          "coppice.proto." + name.substr(0, i) + "." + name.substr(i)))
      return x;
  return nullptr;
}

const google::protobuf::EnumDescriptor* find_enum(const std::string& name) {
  auto* pool = google::protobuf::DescriptorPool::generated_pool();
  if (auto* x = pool->FindEnumTypeByName("coppice.proto." + name))
    return x;
  for (size_t i = 1; i < name.size(); ++i)
    if (auto* x = pool->FindEnumTypeByName("coppice.proto." + name.substr(0, i)
                                           + "." + name.substr(i)))
      return x;
  return nullptr;
}

/// Collects what is referred to, and calls *f* with each name.
template <class F>
void for_each_reference(const Value& x, F f) {
  for (auto& item : x.list_value().values())
    for_each_reference(item, f);
  for (auto& [name, value] : x.struct_value().fields()) {
    if (name == "$ref")
      f(value.string_value());
    for_each_reference(value, f);
  }
}

} // namespace

CAF_TEST(every route is described and nothing else) {
  std::map<std::string, std::string> served;
  for (auto& x : api::routes())
    served[lowered(x.method) + ' ' + std::string{x.path}] = x.operation;
  std::map<std::string, std::string> described;
  for (auto& [path, methods] : object(description(), "paths").fields())
    for (auto& [method, operation] : methods.struct_value().fields())
      described[method + ' ' + path]
        = text(operation.struct_value(), "operationId");
  CAF_CHECK_EQUAL(described, served);
}

CAF_TEST(parameters and bodies are those of the routes) {
  for (auto& x : api::routes()) {
    CAF_MESSAGE(std::string{x.operation});
    auto& path = object(object(description(), "paths"), std::string{x.path});
    auto& operation = object(path, lowered(x.method));
    strings query;
    for (auto& y : x.parameters) {
      query.insert(std::string{y.name});
      for (auto& z : member(operation, "parameters").list_value().values())
        if (text(z.struct_value(), "name") == y.name) {
          auto is_list
            = text(object(z.struct_value(), "schema"), "type") == "array";
          CAF_CHECK_EQUAL(is_list, y.repeats);
        }
    }
    auto in_query = parameters(operation, "query");
    CAF_CHECK_EQUAL(in_query, query);
    strings braces;
    for (auto open = x.path.find('{'); open != x.path.npos;
         open = x.path.find('{', open + 1))
      braces.insert(std::string{
        x.path.substr(open + 1, x.path.find('}', open) - open - 1)});
    auto in_path = parameters(operation, "path");
    CAF_CHECK_EQUAL(in_path, braces);
    auto has_body = operation.fields().contains("requestBody");
    CAF_CHECK_EQUAL(has_body, x.body != api::body_use::none);
    auto needs_body
      = member(object(operation, "requestBody"), "required").bool_value();
    CAF_CHECK_EQUAL(needs_body, x.body == api::body_use::required);
  }
}

CAF_TEST(the roles are those of the routes) {
  for (auto& x : api::routes()) {
    CAF_MESSAGE(std::string{x.operation});
    auto& path = object(object(description(), "paths"), std::string{x.path});
    auto& operation = object(path, lowered(x.method));
    auto is_open = x.least == proto::TOKEN_ROLE_UNKNOWN;
    auto role = text(operation, "x-role");
    auto expected = is_open ? std::string{} : std::string{role_name(x.least)};
    CAF_CHECK_EQUAL(role, expected);
    // Nothing there overrides what goes for all.
    auto overrides = operation.fields().contains("security");
    CAF_CHECK_EQUAL(overrides, is_open);
    CAF_CHECK(member(operation, "security").list_value().values().empty());
  }
  auto& all = member(description(), "security").list_value();
  CAF_REQUIRE_EQUAL(all.values_size(), 1);
  CAF_CHECK(all.values(0).struct_value().fields().contains("bearer"));
  auto& scheme = object(
    object(object(description(), "components"), "securitySchemes"), "bearer");
  CAF_CHECK_EQUAL(text(scheme, "scheme"), "bearer");
}

CAF_TEST(schemas have the fields of the messages) {
  // Linked in, also where nothing else names it.
  proto::SubmitTasks::descriptor();
  auto& schemas = object(object(description(), "components"), "schemas");
  for (auto& [name, value] : schemas.fields()) {
    CAF_MESSAGE(name);
    strings described;
    strings declared;
    auto& schema = value.struct_value();
    if (auto* x = find_enum(name)) {
      for (auto i = 0; i < x->value_count(); ++i)
        declared.insert(x->value(i)->name());
      for (auto& y : member(schema, "enum").list_value().values())
        described.insert(y.string_value());
    } else if (auto* message = find_message(name)) {
      for (auto i = 0; i < message->field_count(); ++i)
        declared.insert(message->field(i)->json_name());
      for (auto& [field, y] : object(schema, "properties").fields())
        described.insert(field);
    } else {
      CAF_ERROR("it is named after no message");
    }
    CAF_CHECK_EQUAL(described, declared);
  }
}

CAF_TEST(what is referred to is there) {
  Value all;
  *all.mutable_struct_value() = description();
  for_each_reference(all, [](const std::string& path) {
    const std::string start = "#/components/";
    CAF_REQUIRE(path.starts_with(start));
    auto slash = path.find('/', start.size());
    auto& kind = object(object(description(), "components"),
                        path.substr(start.size(), slash - start.size()));
    CAF_CHECK(kind.fields().contains(path.substr(slash + 1)));
  });
}
