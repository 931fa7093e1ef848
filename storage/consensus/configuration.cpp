// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/configuration.hpp"

#include "storage/consensus/raft_shim.h"

#include <algorithm>
#include <cstddef>

namespace coppice {

namespace {

bool by_id(const member_record& x, const member_record& y) {
  return x.id < y.id;
}

bool same_id(const member_record& x, const member_record& y) {
  return x.id == y.id;
}

} // namespace

result<std::string> encode_members(std::vector<member_record> xs) {
  std::sort(xs.begin(), xs.end(), by_id);
  auto nobody_votes = std::none_of(
    xs.begin(), xs.end(), [](const member_record& x) { return x.votes; });
  if (nobody_votes || xs.front().id == 0
      || std::adjacent_find(xs.begin(), xs.end(), same_id) != xs.end())
    return error{ec::invalid_argument,
                 "the members of a group need ids that differ and are not 0, "
                 "and at least one of them must vote"};
  std::vector<raft_shim_member> members;
  for (auto& x : xs)
    members.push_back({x.id, x.votes});
  void* data = nullptr;
  size_t size = 0;
  auto rc = raft_shim_encode(members.data(), members.size(), &data, &size);
  if (rc != 0)
    return error{ec::invalid_argument,
                 std::string{"cannot encode a configuration: "}
                   + raft_shim_error(rc)};
  std::string result{static_cast<const char*>(data), size};
  raft_shim_free(data);
  return result;
}

result<std::vector<member_record>> decode_members(std::string_view conf) {
  std::vector<raft_shim_member> members(8);
  size_t n = 0;
  for (;;) {
    auto rc = raft_shim_decode(conf.data(), conf.size(), members.data(),
                               members.size(), &n);
    if (rc != 0)
      return error{ec::corrupt_store, "a configuration cannot be decoded"};
    auto fits = n <= members.size();
    members.resize(n);
    if (fits)
      break;
  }
  std::vector<member_record> result;
  for (auto& x : members)
    result.push_back({x.id, x.votes});
  std::sort(result.begin(), result.end(), by_id);
  return result;
}

bool is_one_change(const std::vector<member_record>& xs,
                   const std::vector<member_record>& ys) {
  auto lacks = [](const std::vector<member_record>& zs) {
    return [&zs](const member_record& x) {
      return std::find_if(zs.begin(), zs.end(),
                          [&](const member_record& z) { return z.id == x.id; })
             == zs.end();
    };
  };
  auto gone = std::count_if(xs.begin(), xs.end(), lacks(ys));
  auto come = std::count_if(ys.begin(), ys.end(), lacks(xs));
  auto changed = std::count_if(ys.begin(), ys.end(), [&](auto& y) {
    return std::find(xs.begin(), xs.end(), member_record{y.id, !y.votes})
           != xs.end();
  });
  return gone + come + changed == 1;
}

} // namespace coppice
