/* SPDX-License-Identifier: ISC */
/*
 * Who is behind a descriptor: for each one the client and the destination
 * that its header stated, together with the peer as the kernel named it at
 * accept. A record is used only where the kernel still names that peer, so it
 * may be stale but never wrong, and nobody needs to tell of a close. What must
 * be told of is a connection that gets a number by another way than accept
 * (dup, a message): the same proxy may have used its port before.
 */
#ifndef PP_PRELOAD_SERVER_PEERS_H
#define PP_PRELOAD_SERVER_PEERS_H

#include "preload/server/record.h"
#include "preload/table.h"

struct pp_peers;

/*
 * The memory of a table, zeroed: usable as it is, nothing to free. Only the
 * part that is used ever takes memory.
 */
#define PP_PEERS_NEAR PP_TABLE_NEAR

struct pp_peers_slot {
	/* odd while the slot is written; 0 when it never was */
	_Atomic unsigned sequence;
	_Atomic unsigned word[PP_RECORD_WORDS];
};

struct pp_peers {
	struct pp_peers_slot near[PP_PEERS_NEAR];
	struct pp_table table;	/* further slots */
	/* above every descriptor that ever had a record; 0: none had */
	_Atomic int end;
};

/*
 * Remembers the peer of descriptor fd. False where there is no memory or fd
 * is negative: then nothing is known of fd. Lock-free, signal-safe.
 */
bool pp_peers_set(struct pp_peers *peers, int fd, const struct pp_peer *peer);

/* Forgets what is known of fd. Lock-free, signal-safe. */
void pp_peers_forget(struct pp_peers *peers, int fd);

/*
 * Finds the record of fd, if the kernel names the same peer for it now as it
 * did at accept. Lock-free, signal-safe; never sees half a record.
 */
bool pp_peers_get(struct pp_peers *peers, int fd,
		  const union pp_address *kernel, struct pp_peer *peer);

/*
 * Finds the record of fd, whatever the kernel says of it now: it may be of a
 * connection that fd was open on before. Lock-free, signal-safe.
 */
bool pp_peers_look(struct pp_peers *peers, int fd, struct pp_peer *peer);

/* No descriptor from this one on has a record: one load. */
int pp_peers_end(struct pp_peers *peers);

/* False as long as no record was ever made: one load. */
bool pp_peers_used(struct pp_peers *peers);

#endif
