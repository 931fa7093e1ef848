// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/peer_codec.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

void set(proto::LogPosition& out, const log_position& x) {
  out.set_index(x.index);
  out.set_term(x.term);
}

log_position get(const proto::LogPosition& x) {
  return {x.index(), x.term()};
}

struct encoder {
  proto::PeerMessage& out;

  void operator()(const append_entries& x) const {
    auto& y = *out.mutable_append();
    set(*y.mutable_previous(), x.previous);
    y.set_commit(x.commit);
    for (auto& entry : x.entries) {
      auto& z = *y.add_entries();
      z.set_term(entry.term);
      z.set_type(static_cast<uint32_t>(entry.type));
      z.set_data(entry.bytes().data(), entry.bytes().size());
    }
  }

  void operator()(const append_reply& x) const {
    out.mutable_append_reply()->set_rejected(x.rejected);
    out.mutable_append_reply()->set_last_index(x.last_index);
  }

  void operator()(const vote_request& x) const {
    auto& y = *out.mutable_vote();
    set(*y.mutable_last(), x.last);
    y.set_pre_vote(x.pre_vote);
    y.set_disrupt_leader(x.disrupt_leader);
  }

  void operator()(const vote_reply& x) const {
    out.mutable_vote_reply()->set_granted(x.granted);
    out.mutable_vote_reply()->set_pre_vote(x.pre_vote);
  }

  void operator()(const install_snapshot& x) const {
    auto& y = *out.mutable_offer();
    set(*y.mutable_last(), x.last);
    y.set_configuration_index(x.configuration_index);
    y.set_first(x.first);
  }

  void operator()(const timeout_now& x) const {
    set(*out.mutable_timeout_now(), x.last);
  }
};

error nonsense(const proto::PeerMessage& x, const char* what) {
  return {ec::protocol_violation,
          "member " + std::to_string(x.from()) + " sent " + what};
}

result<append_entries> decode_append(const proto::PeerMessage& x) {
  auto& y = x.append();
  append_entries result{x.term(), get(y.previous()), y.commit(), {}};
  result.entries.reserve(static_cast<size_t>(y.entries_size()));
  for (auto& entry : y.entries()) {
    if (entry.type() < static_cast<uint32_t>(entry_type::command)
        || entry.type() > static_cast<uint32_t>(entry_type::configuration))
      return nonsense(x, "an entry of an unknown type");
    auto type = static_cast<entry_type>(entry.type());
    result.entries.push_back(
      entry.data().empty() ? log_entry{entry.term(), type, nullptr}
                           : make_log_entry(entry.term(), type, entry.data()));
  }
  return result;
}

} // namespace

proto::PeerMessage encode(const peer_message& x) {
  proto::PeerMessage out;
  out.set_from(x.from);
  out.set_to(x.to);
  out.set_term(std::visit([](auto& y) { return y.term; }, x.body));
  std::visit(encoder{out}, x.body);
  return out;
}

result<peer_message> decode_peer_message(const proto::PeerMessage& x) {
  auto make = [&](auto body) -> result<peer_message> {
    return peer_message{x.from(), x.to(), std::move(body)};
  };
  switch (x.body_case()) {
    case proto::PeerMessage::kAppend: {
      auto append = decode_append(x);
      if (!append)
        return append.as_failure();
      return make(std::move(append).value());
    }
    case proto::PeerMessage::kAppendReply:
      return make(append_reply{x.term(), x.append_reply().rejected(),
                               x.append_reply().last_index()});
    case proto::PeerMessage::kVote:
      return make(vote_request{x.term(), get(x.vote().last()),
                               x.vote().pre_vote(), x.vote().disrupt_leader()});
    case proto::PeerMessage::kVoteReply:
      return make(vote_reply{x.term(), x.vote_reply().granted(),
                             x.vote_reply().pre_vote()});
    case proto::PeerMessage::kOffer:
      return make(install_snapshot{x.term(), get(x.offer().last()),
                                   x.offer().configuration_index(),
                                   x.offer().first()});
    case proto::PeerMessage::kTimeoutNow:
      return make(timeout_now{x.term(), get(x.timeout_now())});
    case proto::PeerMessage::kChunk:
    case proto::PeerMessage::kTablesWanted: // Not for the replica.
    case proto::PeerMessage::kTablesPart:
      return nonsense(x, "a part of a message where a whole one was expected");
    case proto::PeerMessage::BODY_NOT_SET:
      break;
  }
  return nonsense(x, "a message of an unknown kind");
}

std::vector<proto::PeerMessage> message_cutter::cut(proto::PeerMessage x) {
  std::vector<proto::PeerMessage> result;
  auto size = x.ByteSizeLong();
  if (size <= max_bytes_) {
    result.push_back(std::move(x));
    return result;
  }
  auto bytes = x.SerializeAsString();
  auto count = (bytes.size() + max_bytes_ - 1) / max_bytes_;
  ++number_;
  for (size_t i = 0; i < count; ++i) {
    proto::PeerMessage part;
    part.set_from(x.from());
    part.set_to(x.to());
    part.set_term(x.term());
    auto& chunk = *part.mutable_chunk();
    chunk.set_number(number_);
    chunk.set_index(static_cast<uint32_t>(i));
    chunk.set_count(static_cast<uint32_t>(count));
    chunk.set_data(bytes.substr(i * max_bytes_, max_bytes_));
    result.push_back(std::move(part));
  }
  return result;
}

result<std::optional<proto::PeerMessage>>
message_joiner::join(proto::PeerMessage x) {
  using whole_message = std::optional<proto::PeerMessage>;
  if (!x.has_chunk())
    return whole_message{std::move(x)};
  auto& chunk = x.chunk();
  if (open_.size() >= max_senders && open_.count(x.from()) == 0)
    return nonsense(x, "a part of a message, and too many others do");
  auto& open = open_[x.from()];
  if (chunk.index() == 0)
    open = {chunk.number(), 0, {}};
  if (open.number != chunk.number() || open.next != chunk.index()
      || chunk.index() >= chunk.count()
      || open.bytes.size() + chunk.data().size() > max_bytes_) {
    open_.erase(x.from());
    return nonsense(x, "a part of a message whose other parts are missing");
  }
  open.bytes += chunk.data();
  if (++open.next < chunk.count())
    return whole_message{};
  proto::PeerMessage whole;
  auto parsed = whole.ParseFromString(open.bytes);
  open_.erase(x.from());
  if (!parsed)
    return nonsense(x, "parts that make no message");
  return whole_message{std::move(whole)};
}

} // namespace coppice
