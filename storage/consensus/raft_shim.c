// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/raft_shim.h"

#include <raft.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if RAFT_VERSION_NUMBER != 2201
#  error                                                                       \
    "libraft must be 0.22.1: who frees the memory of an event changes later"
#endif

// What libraft 0.22.1 puts into its own messages. Kept off our wire: all
// members run the same engine.
enum {
  VOTE_VERSION = 2,
  REPLY_VERSION = 2,
  FEATURE_CAPACITY = 1,
  CAPACITY = 65535 // Disk space is guarded above the engine.
};

struct raft_shim {
  struct raft raft;
  struct raft_update update;
  struct raft_entry* entries; // Scratch that grows to the largest batch.
  size_t room;
};

// -- life -------------------------------------------------------------------

raft_shim* raft_shim_new(const raft_shim_options* x) {
  raft_shim* self = calloc(1, sizeof(raft_shim));
  if (self == NULL)
    return NULL;
  if (raft_init(&self->raft, NULL, NULL, x->id, "") != 0) {
    free(self);
    return NULL;
  }
  // The built-in tracer formats each message into one static buffer.
  self->raft.tracer = NULL;
  raft_seed(&self->raft, x->seed);
  raft_set_election_timeout(&self->raft, x->election_timeout_ms);
  raft_set_heartbeat_timeout(&self->raft, x->heartbeat_ms);
  // Of an offer only: a member that starts again on the tables that it got
  // never answers it, and gets no entry before this is over.
  raft_set_install_snapshot_timeout(&self->raft, 4 * x->election_timeout_ms);
  raft_set_pre_vote(&self->raft, x->pre_vote);
  raft_set_max_inflight_entries(&self->raft, x->max_inflight_entries);
  return self;
}

void raft_shim_delete(raft_shim* self) {
  if (self == NULL)
    return;
  raft_close(&self->raft, NULL);
  free(self->entries);
  free(self);
}

// -- conversions --------------------------------------------------------------

static int fill_entries(raft_shim* self, const raft_shim_entry* xs, size_t n,
                        void* batch) {
  if (n > self->room) {
    size_t room = n + n / 2;
    void* grown = realloc(self->entries, room * sizeof(struct raft_entry));
    if (grown == NULL)
      return RAFT_NOMEM;
    self->entries = grown;
    self->room = room;
  }
  for (size_t i = 0; i < n; ++i) {
    struct raft_entry* y = &self->entries[i];
    y->term = xs[i].term;
    y->type = (enum raft_entry_type)xs[i].type;
    y->buf.base = (void*)xs[i].data;
    y->buf.len = xs[i].size;
    y->batch = batch;
  }
  return 0;
}

static int decode(const void* conf, size_t size, struct raft_configuration* y) {
  struct raft_buffer buf = {(void*)conf, size};
  // Version byte and count: libraft itself does not check the length.
  if (conf == NULL || size < 9)
    return RAFT_MALFORMED;
  return raft_configuration_decode(&buf, y);
}

static int to_metadata(const raft_shim_snapshot* x,
                       struct raft_snapshot_metadata* y) {
  memset(y, 0, sizeof(*y));
  y->index = x->index;
  y->term = x->term;
  y->configuration_index = x->conf_index;
  return decode(x->conf, x->conf_size, &y->configuration);
}

static const char* address_of(uint64_t id, char* out, size_t size) {
  snprintf(out, size, "%llu", (unsigned long long)id);
  return out;
}

static void to_raft(raft_shim* self, const raft_shim_message* x,
                    struct raft_message* y) {
  y->server_id = x->peer;
  switch (x->type) {
    case RAFT_SHIM_APPEND_ENTRIES:
      y->type = RAFT_APPEND_ENTRIES;
      y->append_entries.term = x->term;
      y->append_entries.prev_log_index = x->index;
      y->append_entries.prev_log_term = x->index_term;
      y->append_entries.leader_commit = x->commit;
      y->append_entries.entries = self->entries;
      y->append_entries.n_entries = (unsigned)x->n_entries;
      break;
    case RAFT_SHIM_APPEND_REPLY:
      y->type = RAFT_APPEND_ENTRIES_RESULT;
      y->append_entries_result.version = REPLY_VERSION;
      y->append_entries_result.term = x->term;
      y->append_entries_result.rejected = x->rejected;
      y->append_entries_result.last_log_index = x->last_index;
      y->append_entries_result.features = FEATURE_CAPACITY;
      y->append_entries_result.capacity = CAPACITY;
      break;
    case RAFT_SHIM_REQUEST_VOTE:
      y->type = RAFT_REQUEST_VOTE;
      y->request_vote.version = VOTE_VERSION;
      y->request_vote.term = x->term;
      y->request_vote.candidate_id = x->peer;
      y->request_vote.last_log_index = x->index;
      y->request_vote.last_log_term = x->index_term;
      y->request_vote.disrupt_leader = x->disrupt_leader;
      y->request_vote.pre_vote = x->pre_vote;
      break;
    case RAFT_SHIM_VOTE_REPLY:
      y->type = RAFT_REQUEST_VOTE_RESULT;
      y->request_vote_result.version = VOTE_VERSION;
      y->request_vote_result.term = x->term;
      y->request_vote_result.vote_granted = x->granted;
      y->request_vote_result.pre_vote = x->pre_vote;
      y->request_vote_result.features = FEATURE_CAPACITY;
      y->request_vote_result.capacity = CAPACITY;
      break;
    default:
      y->type = RAFT_TIMEOUT_NOW;
      y->timeout_now.term = x->term;
      y->timeout_now.last_log_index = x->index;
      y->timeout_now.last_log_term = x->index_term;
      break;
  }
}

static void from_append(const struct raft_append_entries* x,
                        raft_shim_message* y) {
  y->type = RAFT_SHIM_APPEND_ENTRIES;
  y->term = x->term;
  y->index = x->prev_log_index;
  y->index_term = x->prev_log_term;
  y->commit = x->leader_commit;
  y->n_entries = x->n_entries;
}

static void from_vote(const struct raft_request_vote* x, raft_shim_message* y) {
  y->type = RAFT_SHIM_REQUEST_VOTE;
  y->term = x->term;
  y->index = x->last_log_index;
  y->index_term = x->last_log_term;
  y->disrupt_leader = x->disrupt_leader;
  y->pre_vote = x->pre_vote;
}

// libraft answers a pre-vote in the term of the request. A candidate whose vote
// is refused for its old term would never learn of a newer one, and if others
// are down, nobody could ever be elected.
static uint64_t refusal_term(const raft_shim* self,
                             const struct raft_request_vote_result* x) {
  if (x->pre_vote && !x->vote_granted && x->term < self->raft.current_term)
    return self->raft.current_term;
  return x->term;
}

raft_shim_message raft_shim_message_at(const raft_shim* self, size_t i) {
  const struct raft_message* x = &self->update.messages.batch[i];
  raft_shim_message y;
  memset(&y, 0, sizeof(y));
  y.peer = x->server_id;
  switch (x->type) {
    case RAFT_APPEND_ENTRIES:
      from_append(&x->append_entries, &y);
      break;
    case RAFT_APPEND_ENTRIES_RESULT:
      y.type = RAFT_SHIM_APPEND_REPLY;
      y.term = x->append_entries_result.term;
      y.rejected = x->append_entries_result.rejected;
      y.last_index = x->append_entries_result.last_log_index;
      break;
    case RAFT_REQUEST_VOTE:
      from_vote(&x->request_vote, &y);
      break;
    case RAFT_REQUEST_VOTE_RESULT:
      y.type = RAFT_SHIM_VOTE_REPLY;
      y.term = refusal_term(self, &x->request_vote_result);
      y.granted = x->request_vote_result.vote_granted;
      y.pre_vote = x->request_vote_result.pre_vote;
      break;
    case RAFT_INSTALL_SNAPSHOT:
      y.type = RAFT_SHIM_INSTALL_SNAPSHOT;
      y.term = x->install_snapshot.term;
      y.index = x->install_snapshot.last_index;
      y.index_term = x->install_snapshot.last_term;
      y.conf_index = x->install_snapshot.conf_index;
      break;
    case RAFT_TIMEOUT_NOW:
      y.type = RAFT_SHIM_TIMEOUT_NOW;
      y.term = x->timeout_now.term;
      y.index = x->timeout_now.last_log_index;
      y.index_term = x->timeout_now.last_log_term;
      break;
  }
  return y;
}

// -- steps --------------------------------------------------------------------

static int step(raft_shim* self, uint64_t now, struct raft_event* event,
                raft_shim_update* out) {
  event->time = now;
  event->capacity = CAPACITY;
  memset(out, 0, sizeof(*out));
  int rc = raft_step(&self->raft, event, &self->update);
  if (rc != 0)
    return rc;
  unsigned flags = self->update.flags;
  out->hard_state
    = (flags & (RAFT_UPDATE_CURRENT_TERM)) || (flags & (RAFT_UPDATE_VOTED_FOR));
  out->state = (flags & (RAFT_UPDATE_STATE)) != 0;
  out->commit = (flags & (RAFT_UPDATE_COMMIT_INDEX)) != 0;
  out->n_messages
    = (flags & (RAFT_UPDATE_MESSAGES)) ? self->update.messages.n : 0;
  if ((flags & (RAFT_UPDATE_ENTRIES)) == 0)
    return 0;
  struct raft_entry* batch = self->update.entries.batch;
  out->first = self->update.entries.index;
  out->n_entries = self->update.entries.n;
  out->own_barrier = batch == &self->raft.barrier;
  if (out->own_barrier) {
    raft_free(batch->batch);
    batch->batch = NULL;
    batch->buf.base = NULL;
  } else {
    out->skipped = (size_t)(batch - self->entries);
  }
  return 0;
}

int raft_shim_start(raft_shim* self, uint64_t now, uint64_t term, uint64_t vote,
                    const raft_shim_snapshot* snapshot, uint64_t first,
                    const raft_shim_entry* entries, size_t n,
                    raft_shim_update* out) {
  struct raft_snapshot_metadata metadata;
  struct raft_event event = {.type = RAFT_START};
  int rc = fill_entries(self, entries, n, NULL);
  if (rc == 0 && snapshot != NULL)
    rc = to_metadata(snapshot, &metadata);
  if (rc != 0)
    return rc;
  event.start.term = term;
  event.start.voted_for = vote;
  event.start.metadata = snapshot != NULL ? &metadata : NULL;
  event.start.start_index = first;
  event.start.entries = self->entries;
  event.start.n_entries = (unsigned)n;
  return step(self, now, &event, out);
}

static struct raft_server* find_self(raft_shim* self) {
  struct raft_configuration* conf = &self->raft.configuration;
  for (unsigned i = 0; i < conf->n; ++i)
    if (conf->servers[i].id == self->raft.id)
      return &conf->servers[i];
  return NULL;
}

// Returns whether nobody else votes.
static bool is_sole_voter(const raft_shim* self) {
  const struct raft_configuration* conf = &self->raft.configuration;
  bool votes = false;
  for (unsigned i = 0; i < conf->n; ++i) {
    if (conf->servers[i].role != RAFT_VOTER)
      continue;
    if (conf->servers[i].id != self->raft.id)
      return false;
    votes = true;
  }
  return votes;
}

// Steps with a request for a vote. libraft lets a member vote only if its own
// log says that it may. But a candidate counts by its log, and may need the
// vote of one that has not been told (Ongaro's thesis, 4.2.2).
static int step_vote(raft_shim* self, uint64_t now, struct raft_event* event,
                     raft_shim_update* out) {
  struct raft_server* server = find_self(self);
  int role = server == NULL ? RAFT_VOTER : server->role;
  if (server != NULL)
    server->role = RAFT_VOTER;
  int rc = step(self, now, event, out);
  if (server != NULL)
    server->role = role;
  return rc;
}

int raft_shim_receive(raft_shim* self, uint64_t now, const raft_shim_message* x,
                      raft_shim_update* out) {
  char address[32];
  struct raft_message message;
  struct raft_event event = {.type = RAFT_RECEIVE};
  void* batch = NULL;
  if (x->n_entries > 0) {
    // The engine frees the batch of entries that it does not want persisted. It
    // gets a token, because the data is not its own.
    batch = raft_malloc(1);
    int rc = batch == NULL
               ? RAFT_NOMEM
               : fill_entries(self, x->entries, x->n_entries, batch);
    if (rc != 0) {
      raft_free(batch);
      return rc;
    }
  }
  memset(&message, 0, sizeof(message));
  to_raft(self, x, &message);
  message.server_address = address_of(x->peer, address, sizeof(address));
  event.receive.message = &message;
  if (message.type == RAFT_REQUEST_VOTE)
    return step_vote(self, now, &event, out);
  // It would lead the term of who sent this: see `raft_shim_timeout`.
  if (message.type == RAFT_TIMEOUT_NOW && is_sole_voter(self)) {
    memset(out, 0, sizeof(*out));
    return 0;
  }
  int rc = step(self, now, &event, out);
  // Being elected by this message persists a barrier, but carries no batch.
  if (rc == 0 && out->n_entries > 0 && !out->own_barrier)
    raft_free(batch);
  return rc;
}

int raft_shim_submit(raft_shim* self, uint64_t now,
                     const raft_shim_entry* entries, size_t n,
                     raft_shim_update* out) {
  static char token; // Never freed by the engine, neither on success nor not.
  struct raft_event event = {.type = RAFT_SUBMIT};
  int rc = fill_entries(self, entries, n, &token);
  if (rc != 0)
    return rc;
  event.submit.entries = self->entries;
  event.submit.n = (unsigned)n;
  return step(self, now, &event, out);
}

int raft_shim_persisted(raft_shim* self, uint64_t now, uint64_t index,
                        raft_shim_update* out) {
  struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};
  event.persisted_entries.index = index;
  return step(self, now, &event, out);
}

int raft_shim_timeout(raft_shim* self, uint64_t now, raft_shim_update* out) {
  struct raft_event event = {.type = RAFT_TIMEOUT};
  struct raft_server* server = find_self(self);
  bool impatient
    = self->raft.state == RAFT_FOLLOWER && now >= raft_timeout(&self->raft);
  bool forget = impatient && (server == NULL || server->role != RAFT_VOTER);
  // libraft elects a sole voter without a new term, and so may give a term two
  // leaders. What is not persisted yet makes it wait.
  bool alone = impatient && is_sole_voter(self)
               && self->raft.last_stored == raft_last_index(&self->raft);
  if (alone) {
    ++self->raft.current_term;
    self->raft.voted_for = self->raft.id;
  }
  int rc = step(self, now, &event, out);
  out->hard_state = out->hard_state || alone;
  // libraft lets only those forget a leader who may stand for election, but
  // asks everybody who has one for no vote.
  if (forget) {
    raft_free(self->raft.follower_state.current_leader.address);
    self->raft.follower_state.current_leader.address = NULL;
    self->raft.follower_state.current_leader.id = 0;
  }
  return rc;
}

int raft_shim_configuration(raft_shim* self, uint64_t now, uint64_t index,
                            const void* conf, size_t size,
                            raft_shim_update* out) {
  struct raft_event event = {.type = RAFT_CONFIGURATION};
  event.configuration.index = index;
  int rc = decode(conf, size, &event.configuration.conf);
  if (rc != 0)
    return rc;
  return step(self, now, &event, out);
}

int raft_shim_compact(raft_shim* self, uint64_t now,
                      const raft_shim_snapshot* x, uint32_t trailing,
                      raft_shim_update* out) {
  struct raft_event event = {.type = RAFT_SNAPSHOT};
  int rc = to_metadata(x, &event.snapshot.metadata);
  if (rc != 0)
    return rc;
  event.snapshot.trailing = trailing;
  return step(self, now, &event, out);
}

int raft_shim_transfer(raft_shim* self, uint64_t now, uint64_t to,
                       raft_shim_update* out) {
  struct raft_event event = {.type = RAFT_TRANSFER};
  event.transfer.server_id = to;
  return step(self, now, &event, out);
}

// -- properties ---------------------------------------------------------------

uint64_t raft_shim_term(const raft_shim* self) {
  return raft_current_term(&self->raft);
}

uint64_t raft_shim_vote(const raft_shim* self) {
  return raft_voted_for(&self->raft);
}

uint64_t raft_shim_commit(const raft_shim* self) {
  return raft_commit_index(&self->raft);
}

uint64_t raft_shim_last_index(const raft_shim* self) {
  return raft_last_index((struct raft*)&self->raft);
}

uint64_t raft_shim_leader(const raft_shim* self) {
  raft_id id = 0;
  const char* address = NULL;
  raft_leader((struct raft*)&self->raft, &id, &address);
  return id;
}

uint64_t raft_shim_transferee(const raft_shim* self) {
  return raft_transferee(&self->raft);
}

int raft_shim_role(const raft_shim* self) {
  switch (raft_state((struct raft*)&self->raft)) {
    case RAFT_CANDIDATE:
      return 1;
    case RAFT_LEADER:
      return 2;
    default:
      return 0;
  }
}

uint64_t raft_shim_deadline(const raft_shim* self) {
  return raft_timeout(&self->raft);
}

uint64_t raft_shim_match(const raft_shim* self, uint64_t id) {
  raft_index index = 0;
  return raft_match_index(&self->raft, id, &index) == 0 ? index : 0;
}

const char* raft_shim_error(int code) {
  return raft_strerror(code);
}

// -- configurations -----------------------------------------------------------

int raft_shim_encode(const raft_shim_member* members, size_t n, void** out,
                     size_t* size) {
  char address[32];
  struct raft_configuration conf;
  struct raft_buffer buf = {NULL, 0};
  int rc = 0;
  raft_configuration_init(&conf);
  for (size_t i = 0; rc == 0 && i < n; ++i)
    rc = raft_configuration_add(
      &conf, members[i].id, address_of(members[i].id, address, sizeof(address)),
      members[i].votes ? RAFT_VOTER : RAFT_STANDBY);
  if (rc == 0)
    rc = raft_configuration_encode(&conf, &buf);
  raft_configuration_close(&conf);
  *out = buf.base;
  *size = buf.len;
  return rc;
}

int raft_shim_decode(const void* data, size_t size, raft_shim_member* out,
                     size_t room, size_t* n) {
  struct raft_configuration conf;
  int rc = decode(data, size, &conf);
  *n = 0;
  if (rc != 0)
    return rc;
  for (unsigned i = 0; i < conf.n && i < room; ++i) {
    out[i].id = conf.servers[i].id;
    out[i].votes = conf.servers[i].role == RAFT_VOTER;
  }
  *n = conf.n;
  raft_configuration_close(&conf);
  return 0;
}

void raft_shim_free(void* x) {
  raft_free(x);
}
