// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/spec_check.hpp"

#include "runtime/duration.hpp"
#include "runtime/spelling.hpp"
#include "runtime/task/label_rules.hpp"
#include "runtime/task/payload_check.hpp"
#include "runtime/utf8.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <string>

namespace coppice {

namespace {

constexpr size_t max_product = 128;
constexpr size_t max_kind = 64;
constexpr int max_priority = 9;
constexpr int max_labels = 16;
constexpr uint32_t max_weight = 1'000;
constexpr size_t max_key = 256;
constexpr uint32_t max_attempts = 1'000;

bool is_name(std::string_view x, size_t max_size) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !x.empty() && x.size() <= max_size
         && std::all_of(x.begin(), x.end(), allowed);
}

result<> check_product_name(std::string_view product) {
  if (product.empty() || is_name(product, max_product))
    return ok();
  return bad_field("product", "is " + in_quotes(product)
                                + ", which is not a name; use 1 to 128 "
                                  "letters, digits and any of ._-, or leave it "
                                  "out for 'default'");
}

result<> check_product(const proto::TaskSpec& spec) {
  return check_product_name(spec.product());
}

result<> check_kind_name(std::string_view field, const std::string& name) {
  if (name.empty())
    return bad_field(field, "is missing; name what is to be run, e.g. 'exec'");
  if (!is_name(name, max_kind))
    return bad_field(field, "is " + in_quotes(name)
                              + ", which is not a name; use 1 to 64 letters, "
                                "digits and any of ._-");
  return ok();
}

result<> check_priority(const proto::TaskSpec& spec) {
  if (spec.priority() >= -max_priority && spec.priority() <= max_priority)
    return ok();
  return bad_field("priority", "is " + std::to_string(spec.priority())
                                 + "; it must be from -9 to 9");
}

result<> check_weight(const proto::TaskSpec& spec) {
  if (spec.weight() <= max_weight)
    return ok();
  return bad_field("weight", "is " + std::to_string(spec.weight())
                               + "; it must be from 1 to 1000, or 0 for 1");
}

result<> check_labels(const proto::TaskSpec& spec) {
  if (spec.labels_size() > max_labels)
    return bad_field("labels", "has " + std::to_string(spec.labels_size())
                                 + " rules; at most 16 are allowed");
  for (auto i = 0; i < spec.labels_size(); ++i)
    if (auto rule = parse_label_rule(spec.labels(i)); !rule)
      return bad_field("labels[" + std::to_string(i) + "]",
                       "is " + in_quotes(spec.labels(i))
                         + ", which is not a rule; " + rule.error().message);
  return ok();
}

result<> check_key(const proto::TaskSpec& spec) {
  auto& key = spec.idempotency_key();
  if (key.size() > max_key)
    return bad_field("idempotency_key",
                     "has " + std::to_string(key.size())
                       + " bytes; at most 256 are allowed, so hash what is "
                         "longer");
  return check_text("idempotency_key", key);
}

// -- parts that specs and kinds share -----------------------------------------

result<> check_timeouts(const std::string& field, const proto::Timeouts& x) {
  if (auto checked = check_duration(field + ".total", x.total()); !checked)
    return checked;
  if (auto checked = check_duration(field + ".no_answer", x.no_answer());
      !checked)
    return checked;
  return check_duration(field + ".stall", x.stall());
}

result<> check_retry(const std::string& field, const proto::RetryPolicy& x) {
  if (x.attempts() > max_attempts)
    return bad_field(field + ".attempts",
                     "is " + std::to_string(x.attempts())
                       + "; it must be from 1 to 1000, or 0 for the default "
                         "of the kind");
  if (auto checked = check_duration(field + ".backoff", x.backoff()); !checked)
    return checked;
  if (auto checked = check_duration(field + ".max_backoff", x.max_backoff());
      !checked)
    return checked;
  for (auto i = 0; i < x.final_errors_size(); ++i) {
    auto path = field + ".final_errors[" + std::to_string(i) + "]";
    if (x.final_errors(i).empty())
      return bad_field(path, "is empty; name an error code, e.g. 'exit_2'");
    if (auto checked = check_text(path, x.final_errors(i)); !checked)
      return checked;
  }
  return ok();
}

/// A pause that is cut at once is a mistake that nobody would notice.
result<> check_pauses(const std::string& field, const retry_rule& x) {
  if (x.backoff <= x.max_backoff)
    return ok();
  return bad_field(field + ".backoff",
                   "is " + format_duration(x.backoff) + ", longer than the "
                     + format_duration(x.max_backoff) + " of " + field
                     + ".max_backoff; raise that, or lower this");
}

error unknown_kind(const std::string& name, const kind_table& kinds) {
  std::string known;
  for (auto& x : kinds.names())
    known += (known.empty() ? "" : ", ") + x;
  return bad_field("kind", "is '" + name
                             + "', which no worker has registered; "
                               "known are: "
                             + known
                             + ". A kind becomes known when a worker that can "
                               "run it connects");
}

} // namespace

result<std::string> peek_product(std::string_view encoded) {
  using google::protobuf::internal::WireFormatLite;
  constexpr auto field = proto::TaskSpec::kProductFieldNumber;
  google::protobuf::io::CodedInputStream in{
    reinterpret_cast<const uint8_t*>(encoded.data()),
    static_cast<int>(encoded.size())};
  std::string product;
  // The last one counts, if there are several.
  while (auto tag = in.ReadTag()) {
    auto found = WireFormatLite::GetTagFieldNumber(tag) == field;
    if (found ? !WireFormatLite::ReadString(&in, &product)
              : !WireFormatLite::SkipField(&in, tag))
      break;
  }
  if (!in.ConsumedEntireMessage())
    return error{ec::invalid_argument,
                 "the spec is not a valid coppice.proto.TaskSpec (garbled "
                 "bytes)"};
  if (auto checked = check_product_name(product); !checked)
    return checked.error();
  if (product.empty())
    product = default_product;
  return product;
}

uint32_t weight_of(const proto::TaskSpec& spec) {
  return std::max(spec.weight(), 1u);
}

std::string_view effective_product(const proto::TaskSpec& spec) {
  return spec.product().empty() ? default_product
                                : std::string_view{spec.product()};
}

result<> check_kind(const proto::KindInfo& x) {
  if (auto checked = check_kind_name("name", x.name()); !checked)
    return checked;
  if (auto checked = check_timeouts("timeouts", x.timeouts()); !checked)
    return checked;
  if (auto checked = check_retry("retry", x.retry()); !checked)
    return checked;
  return check_pauses("retry", effective_retry({}, x));
}

result<> check_spec(const proto::TaskSpec& spec, size_t encoded_size,
                    size_t max_payload, const kind_table& kinds) {
  if (encoded_size > max_payload)
    return bad_field("spec",
                     "has " + std::to_string(encoded_size) + " bytes; at most "
                       + std::to_string(max_payload)
                       + " are allowed (task.max_payload in the config of the "
                         "managers); put large data into a file and name it");
  for (auto* check :
       {check_product, check_priority, check_weight, check_labels, check_key})
    if (auto checked = check(spec); !checked)
      return checked;
  if (auto checked = check_kind_name("kind", spec.kind()); !checked)
    return checked;
  auto* kind = kinds.find(spec.kind());
  if (!kind)
    return unknown_kind(spec.kind(), kinds);
  if (auto checked = check_timeouts("timeouts", spec.timeouts()); !checked)
    return checked;
  if (auto checked = check_retry("retry", spec.retry()); !checked)
    return checked;
  if (auto checked = check_pauses("retry", effective_retry(spec, *kind));
      !checked)
    return checked;
  return check_payload(spec);
}

} // namespace coppice
