// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/payload_check.hpp"

#include "runtime/duration.hpp"
#include "runtime/utf8.hpp"

#include <initializer_list>

namespace coppice {

namespace {

using spec_t = proto::TaskSpec;

const char* payload_name(spec_t::PayloadCase x) {
  switch (x) {
    case spec_t::kExec:
      return "exec";
    case spec_t::kChecksum:
      return "checksum";
    case spec_t::kSleep:
      return "sleep";
    case spec_t::kText:
      return "text";
    case spec_t::kData:
      return "data";
    case spec_t::PAYLOAD_NOT_SET:
      return "none";
  }
  return "unknown";
}

/// Checks text that is passed to the operating system, where a NUL ends it.
result<> check_system_text(const std::string& field, const std::string& x) {
  if (auto at = x.find('\0'); at != std::string::npos)
    return bad_field(field, "has a NUL byte at offset " + std::to_string(at)
                              + "; the operating system cannot take it");
  return check_text(field, x);
}

result<> check_absolute(const std::string& field, const std::string& x) {
  if (x.empty())
    return bad_field(field, "is missing; give an absolute path");
  if (x.front() != '/')
    return bad_field(field, "is not an absolute path; start it with '/', since "
                            "each node has its own current folder");
  return check_system_text(field, x);
}

result<> check_environment(const proto::ExecPayload& x) {
  for (auto& [name, value] : x.env()) {
    if (name.empty() || name.find('=') != std::string::npos)
      return bad_field("exec.env", "has a name that is empty or contains '='; "
                                   "give NAME and value apart");
    if (auto checked = check_system_text("exec.env name", name); !checked)
      return checked;
    if (auto checked = check_system_text("exec.env['" + name + "']", value);
        !checked)
      return checked;
  }
  return ok();
}

result<> check_exec(const proto::ExecPayload& x) {
  if (x.argv_size() == 0)
    return bad_field("exec.argv", "is empty; name the program to run and its "
                                  "arguments");
  if (x.argv(0).empty())
    return bad_field("exec.argv[0]", "is empty; name the program to run");
  for (auto i = 0; i < x.argv_size(); ++i) {
    auto field = "exec.argv[" + std::to_string(i) + "]";
    if (auto checked = check_system_text(field, x.argv(i)); !checked)
      return checked;
  }
  if (auto checked = check_system_text("exec.folder", x.folder()); !checked)
    return checked;
  return check_environment(x);
}

result<> check_checksum(const proto::ChecksumPayload& x) {
  if (auto checked = check_absolute("checksum.folder", x.folder()); !checked)
    return checked;
  if (auto checked = check_absolute("checksum.output", x.output()); !checked)
    return checked;
  if (x.output().back() == '/')
    return bad_field("checksum.output", "is a folder; name the file that the "
                                        "list is written to");
  return ok();
}

result<> check_sleep(const proto::SleepPayload& x) {
  if (auto checked = check_duration("sleep.duration", x.duration()); !checked)
    return checked;
  return check_system_text("sleep.journal", x.journal());
}

/// Checks that the payload is one of *allowed*.
result<> check_case(const spec_t& spec,
                    std::initializer_list<spec_t::PayloadCase> allowed) {
  std::string names;
  for (auto x : allowed) {
    if (x == spec.payload_case())
      return ok();
    names
      += (names.empty() ? "'" : " or '") + std::string{payload_name(x)} + "'";
  }
  auto field = spec.payload_case() == spec_t::PAYLOAD_NOT_SET
                 ? payload_name(*allowed.begin())
                 : payload_name(spec.payload_case());
  return bad_field(field,
                   spec.payload_case() == spec_t::PAYLOAD_NOT_SET
                     ? "is missing; the kind '" + spec.kind() + "' needs it"
                     : "does not fit the kind '" + spec.kind()
                         + "', which takes " + names);
}

} // namespace

error bad_field(std::string_view field, const std::string& what) {
  return {ec::invalid_argument, std::string{field} + " " + what};
}

result<> check_text(std::string_view field, std::string_view x) {
  if (is_valid_utf8(x))
    return ok();
  return bad_field(field, "is not valid UTF-8; convert it, or use a field of "
                          "bytes");
}

result<> check_duration(std::string_view field,
                        const google::protobuf::Duration& x) {
  constexpr auto max_nanos = 999'999'999;
  if (x.seconds() < 0 || (x.seconds() == 0 && x.nanos() < 0))
    return bad_field(field, "is negative; write 0 to switch it off");
  if (x.nanos() < 0 || x.nanos() > max_nanos)
    return bad_field(field, "is not a valid google.protobuf.Duration; nanos "
                            "must be from 0 to 999999999");
  auto longest
    = std::chrono::duration_cast<std::chrono::seconds>(max_stated_duration);
  if (x.seconds() > longest.count()
      || (x.seconds() == longest.count() && x.nanos() > 0))
    return bad_field(field, "is longer than 10 years; write 0 to switch it "
                            "off");
  return ok();
}

result<> check_payload(const spec_t& spec) {
  constexpr auto none = spec_t::PAYLOAD_NOT_SET;
  auto& kind = spec.kind();
  if (kind == "exec") {
    auto fits = check_case(spec, {spec_t::kExec});
    return fits ? check_exec(spec.exec()) : fits;
  }
  if (kind == "checksum") {
    auto fits = check_case(spec, {spec_t::kChecksum});
    return fits ? check_checksum(spec.checksum()) : fits;
  }
  if (kind == "sleep") {
    auto fits = check_case(spec, {spec_t::kSleep, none});
    return fits ? check_sleep(spec.sleep()) : fits;
  }
  auto fits = check_case(spec, {spec_t::kText, spec_t::kData, none});
  return fits ? check_text("text", spec.text()) : fits;
}

} // namespace coppice
