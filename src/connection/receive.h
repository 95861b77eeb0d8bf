/* SPDX-License-Identifier: ISC */
/*
 * Takes a header off an accepted connection, exactly. That never blocks: where
 * the bytes are not there yet it says so and goes on from there at the next call.
 * pp_receive_wait waits for one connection, room.h for many.
 */
#ifndef PP_CONNECTION_RECEIVE_H
#define PP_CONNECTION_RECEIVE_H

#include "protocol/header.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Headers up to this length are looked at in place (MSG_PEEK) and taken off
 * when whole. Longer ones, once their first 16 bytes have proved what they
 * are, are taken off in pieces. It is what the specification (section 2) has as
 * the least that a receiver gets whole, and lies on the stack.
 */
#define PP_RECEIVE_PEEK 536

enum pp_received {
	PP_RECEIVED_HEADER,	/* taken off; receive->header tells of it */
	PP_RECEIVED_NONE,	/* no header; not one byte was taken */
	/* to be dropped: see receive->header.reason; it cannot be read, too */
	PP_RECEIVED_MALFORMED,
	PP_RECEIVED_MORE,	/* wait until receive->header.length are there */
};

/* One connection on its way through the header. */
struct pp_receive {
	int fd;
	enum pp_versions versions;
	bool keep;		/* see pp_receive_keep */
	bool is_overdue;	/* to be set by who waits no longer */
	/* bytes of a short header: at the last look, and before the last wait */
	size_t seen;
	size_t waited_with;
	/* a long or kept header: the bytes taken so far, of how many */
	uint8_t *taken;
	size_t taken_size;
	size_t taken_length;
	struct pp_header header;
};

/* Starts on a connection. pp_receive_free must follow. */
void pp_receive_start(struct pp_receive *receive, int fd,
		      enum pp_versions versions);

/*
 * Looks at what has arrived. last says that no more will come. peeked is room
 * to look at it, of PP_RECEIVE_PEEK bytes. Two recv(2) where a header is whole
 * and up to so long. May change errno.
 */
enum pp_received pp_receive_try(struct pp_receive *receive, bool last,
				uint8_t *peeked);

/* Where the header is that was taken off: peeked is that of the last step. */
const uint8_t *pp_receive_bytes(const struct pp_receive *receive,
				const uint8_t *peeked);

/*
 * Where receive->keep is set: takes over from peeked, if it is there, a header
 * that says more than its addresses, for pp_receive_bytes to find later, with
 * NULL for peeked. Without, or where there is no memory, it will find NULL.
 */
void pp_receive_keep(struct pp_receive *receive, const uint8_t *peeked);

/* Frees what a long or kept header needed. The descriptor stays open. */
void pp_receive_free(struct pp_receive *receive);

/*
 * Sets SO_RCVLOWAT, which connections have from their listener, and by which a
 * header that is shorter wakes nobody. What it was; no errors. One system call,
 * or two.
 */
int pp_receive_set_low_water(int fd, int bytes);

/*
 * The same, so that nobody is woken before there is enough to go on with, nor
 * because of what was looked at already.
 */
int pp_receive_expect_rest(const struct pp_receive *receive);

/*
 * Waits till there is enough to go on with, or nothing more will come, which
 * *last says; false at the deadline (of pp_now_ms). Where SO_RCVLOWAT does not
 * count, as on Unix sockets, it ends earlier, but with nothing new only once a
 * millisecond. Five system calls at most.
 */
bool pp_receive_wait(struct pp_receive *receive, int64_t deadline, bool *last);

/*
 * To be called before a connection is closed that the program never saw: with
 * the SO_LINGER of its listener, close(2) would wait for the client.
 */
void pp_receive_stop_linger(int fd);

#endif
