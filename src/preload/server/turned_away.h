/* SPDX-License-Identifier: ISC */
/*
 * What accept does with a connection that it does not hand over, as it is
 * refused or its header is not there yet.
 *
 * A kernel that has made a listener readable has a connection for accept(2),
 * though its client may have reset it; servers are not written for anything
 * else. So a program that was told so gets a connection that was reset: the
 * refused one itself, or one that stands in for the late one (reset.h). Not so
 * where it is known to be well without:
 *
 *	- it blocks in accept and never waited for this listener otherwise:
 *	  accept goes on to the next connection;
 *	- the kernel has said EAGAIN to it here, and it took that: accept tries
 *	  the kernel's queue again, some times, and says what the kernel says.
 */
#ifndef PP_PRELOAD_SERVER_TURNED_AWAY_H
#define PP_PRELOAD_SERVER_TURNED_AWAY_H

#include "preload/server/accept.h"

/* Ends with a connection that no program is to see. */
enum pp_accepted pp_accept_refused(struct pp_arrival *arrival,
				   const char *reason);

/* Lets one wait for its header, invisible to any program: takes *receive. */
enum pp_accepted pp_accept_waits(struct pp_arrival *arrival,
				 struct pp_receive *receive,
				 const char *reason);

/*
 * The kernel has no connection, and said EAGAIN. So does accept, but where the
 * program was told otherwise, or has to come again for the rest of the room.
 */
enum pp_accepted pp_accept_nobody(struct pp_arrival *arrival);

#endif
