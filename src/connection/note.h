/* SPDX-License-Identifier: ISC */
/*
 * The note on a socket: who is behind it, for processes that the table of
 * peers does not reach. The kernel keeps it with the socket, whoever holds
 * that, and drops it with the socket; only those who hold the socket can write
 * it, and they need no privilege.
 *
 * It is written where the key of TCP Fast Open is kept (TCP_FASTOPEN_KEY, 16
 * or 32 bytes): only a listener makes use of that, and none that is connected
 * has one. What does not fit is the destination of an IPv6 client. That is
 * left in a filter (note_filter.h), where the kernel allows it.
 *
 * A note holds for the peer that the kernel named when it was written: the
 * socket may have been connected anew since.
 */
#ifndef PP_CONNECTION_NOTE_H
#define PP_CONNECTION_NOTE_H

#include "preload/server/record.h"

/*
 * Leaves a note on the socket fd, in place of an older one. False where it
 * cannot be (errno tells). A peer without a client, of family AF_UNSPEC, says
 * that the connection was examined and has none. Async-signal-safe and writes
 * no memory, so safe in a child of vfork(2), too. Changes errno.
 */
bool pp_note_write(int fd, const struct pp_peer *peer);

/*
 * Is there something where a note would be? One system call, which on sockets
 * that are not TCP fails. Async-signal-safe. Changes errno.
 */
bool pp_note_is_there(int fd);

/*
 * Reads the note on the socket fd, whose peer the kernel names so. One system
 * call, two where the destination is elsewhere; where that got lost it is
 * AF_UNSPEC. False where there is no note, a damaged one, or one for another
 * peer. Async-signal-safe. Changes errno.
 */
bool pp_note_read(int fd, const union pp_address *kernel,
		   struct pp_peer *peer);

#endif
