/* SPDX-License-Identifier: ISC */
/*
 * The note on a socket: who is behind it. It is kept by the kernel, with the
 * socket, whoever holds that and by whatever descriptor; only those who hold
 * the socket can write it, and they need no privilege.
 *
 * It is written where the key of TCP Fast Open is kept (TCP_FASTOPEN_KEY),
 * which only a listener makes use of: 16 bytes for IPv4 (kernels from 4.15),
 * 32 for IPv6 (5.3). The destination of an IPv6 client does not fit: the note
 * has a digest of it, by which this process, and those forked from it, know it
 * (destinations.h).
 *
 * A note holds for the peer that the kernel named when it was written: the
 * socket may have been connected anew since. In a process whose user must not
 * be believed (AT_SECURE) notes are keyed by a secret, and none but its own
 * and its forks' hold there.
 *
 * All functions are thread- and signal-safe, take no lock and change errno.
 * Built without the cache of getpeername they leave no note, and find none.
 */
#ifndef PP_CONNECTION_NOTE_H
#define PP_CONNECTION_NOTE_H

#include "protocol/header.h"

#include <stdbool.h>
#include <stdint.h>

/* The numbers of this and the next are part of the format. */
enum pp_note_kind {
	PP_NOTE_EXAMINED = 0,	/* looked at: there is no client */
	PP_NOTE_CLIENT = 1,	/* source and destination of the header */
	PP_NOTE_SOURCE = 2,	/* written for a client without destination */
	PP_NOTE_RESET = 3,	/* it was reset: the kernel's own addresses */
};

/* What is known of the header beside its addresses. */
enum pp_note_header {
	PP_NOTE_NO_HEADER = 0,
	PP_NOTE_V1 = 1,
	PP_NOTE_V2 = 2,
	PP_NOTE_V2_LOCAL = 3,
	PP_NOTE_MORE = 4,	/* it says more than a note: TLVs, say */
};

struct pp_note {
	enum pp_note_kind kind;		/* as read: never PP_NOTE_SOURCE */
	enum pp_note_header header;
	/*
	 * The client, or with PP_NOTE_RESET the peer that the kernel named,
	 * and where it connected to. AF_UNSPEC is unknown.
	 */
	union pp_address source;
	union pp_address destination;
};

/* What the socket has where a note would be. */
struct pp_note_bytes {
	socklen_t size;
	uint64_t words[4];
};

/*
 * For who will leave notes: maps what those of IPv6 clients need, so that to
 * leave one is one system call, also where the program allows no other by then.
 */
void pp_note_prepare(void);

/*
 * Leaves a note on the socket fd, whose peer the kernel names so, in place of
 * an older one. One system call. False where the socket takes none: a Unix one,
 * Multipath TCP at both ends, an old kernel, a sandbox.
 */
bool pp_note_write(int fd, const union pp_address *kernel,
		   const struct pp_note *note);

/* The same for a header that was taken off. */
bool pp_note_write_header(int fd, const union pp_address *kernel,
			  const struct pp_header *header);

/*
 * Fetches what may be a note. One system call, which fails on sockets that are
 * not TCP. False where there is nothing.
 */
bool pp_note_fetch(int fd, struct pp_note_bytes *bytes);

/*
 * Reads what was fetched from a socket whose peer the kernel names so; NULL
 * where it names none, for PP_NOTE_RESET alone. No system call. False where
 * that is no note, a damaged one, or one for another peer.
 */
bool pp_note_parse(const struct pp_note_bytes *bytes,
		   const union pp_address *kernel, struct pp_note *note);

/*
 * The same for a socket of another program, whose notes are keyed by this
 * secret: the 16 bytes at its AT_RANDOM where it has AT_SECURE, else NULL. The
 * destination of an IPv6 client is not known.
 */
bool pp_note_parse_of(const struct pp_note_bytes *bytes,
		      const union pp_address *kernel, const uint64_t *secret,
		      struct pp_note *note);

#endif
