/* SPDX-License-Identifier: ISC */
/*
 * What is remembered of one connection, and its packed form: that is what the
 * table of peers (peers.h) and a filter on a socket (note_filter.h) hold.
 * Another process may read a filter, of another version of the library: the
 * packed form changes only together with its number there.
 */
#ifndef PP_PRELOAD_SERVER_RECORD_H
#define PP_PRELOAD_SERVER_RECORD_H

#include "protocol/address.h"

/* One connection's record. */
struct pp_peer {
	union pp_address kernel;	/* the proxy, as accept(2) named it */
	/* the client; AF_UNSPEC, as the destination then: no header names one */
	union pp_address source;
	union pp_address destination;
	/* of the header: its version and bits; 0 where it is not known */
	unsigned header;
};

#define PP_PEER_VERSION 3	/* mask */
#define PP_PEER_LOCAL 4		/* the command was LOCAL */
#define PP_PEER_MORE 8		/* it said more than this */

#define PP_RECORD_WORDS 17	/* of 32 bits */

struct pp_record {
	unsigned word[PP_RECORD_WORDS];
};

/* Packs a record; source and destination are of the same family. */
void pp_record_pack(struct pp_record *record, const struct pp_peer *peer);

/*
 * Unpacks one. False where there is none or it is damaged: zeros, or the words
 * of two.
 */
bool pp_record_unpack(struct pp_peer *peer, const struct pp_record *record);

#endif
