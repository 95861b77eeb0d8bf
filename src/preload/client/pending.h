/* SPDX-License-Identifier: ISC */
/*
 * Connections that are being made and whose header is still to be said. A
 * record stands under the descriptor and counts for that very socket alone
 * (SO_COOKIE), so that it can be stale without ever being wrong. All of this
 * is thread-safe and signal-safe, and no cancellation point but where said. A
 * handler may not leave it by siglongjmp while it says a header: the header is
 * left half said, and cancellation disabled.
 */
#ifndef PP_PRELOAD_CLIENT_PENDING_H
#define PP_PRELOAD_CLIENT_PENDING_H

#include "preload/client/header.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

extern _Atomic int pp_pending_count;

/* Has any connection its header still to be said? One load. */
static inline bool pp_pending_any(void)
{
	return atomic_load_explicit(&pp_pending_count, memory_order_relaxed) !=
	       0;
}

/* Does the kernel go on connecting, or begin to, after this error? */
static inline bool pp_pending_is_under_way(int error)
{
	return error == EINPROGRESS || error == EALREADY || error == EINTR;
}

/* A call of connect(2). */
struct pp_connecting {
	int fd;
	uint32_t cookie;	/* of the socket, or 0 where none is noted */
	bool again;		/* a connection was being made already */
};

/*
 * Notes that fd, a TCP socket, is about to be connected: from now on what
 * other threads wait for, read and write says the header if the connection
 * comes to stand, even where pp_pending_connected is never called. Keeps no
 * errno.
 */
void pp_pending_begin(struct pp_connecting *connecting, int fd);

/*
 * Goes on once connect(2) of that address is over, begun or not, error being 0
 * or its errno: says the header where there is a connection, or leaves it for
 * later where the connection is still being made. Keeps errno.
 */
void pp_pending_connected(const struct pp_connecting *connecting,
			  const struct sockaddr *address, socklen_t length,
			  int error);

/* Says the header on fd if its connection has come to stand. Keeps errno. */
void pp_pending_say(int fd);

/*
 * The same for all of the process, with those signals while it waits, NULL for
 * what there are. Keeps errno.
 */
void pp_pending_say_all(struct pp_signals *signals);

/*
 * What became of a try to say a header, beside the -errno of sending it
 * (header.h); the same where there is none to say.
 */
enum pp_tried {
	PP_TRIED_SAID = 0,
	PP_TRIED_EARLY = 1,	/* there is no connection yet */
	PP_TRIED_BUSY = 2,	/* another thread is at it */
	PP_TRIED_WITHIN = 3,	/* this thread is, and a signal came */
	PP_TRIED_UNBEGUN = 4,	/* connect(2) is called, but not begun */
};

/*
 * Says the header on fd if its connection has come to stand, with signals as
 * above. To be called with cancellation disabled. Keeps no errno.
 */
int pp_pending_try(int fd, struct pp_signals *signals);

/* May a header be pending on fd? */
bool pp_pending_is_noted(int fd);

/*
 * May the program write to fd, or read from it, with flags as of send(2) and
 * the socket option that limits the call's time? Says a header that is still
 * to be said; on a blocking socket waits until it can, which is a cancellation
 * point. False where the call must fail, with errno as the kernel would have
 * it.
 */
bool pp_pending_allows(int fd, int flags, int option);

/* The same, to be asked before each call. */
static inline bool pp_pending_may_write(int fd, int flags)
{
	return !pp_pending_any() || pp_pending_allows(fd, flags, SO_SNDTIMEO);
}

/* What is no data is there without a connection. */
static inline bool pp_pending_may_read(int fd, int flags)
{
	return !pp_pending_any() || (flags & (MSG_ERRQUEUE | MSG_OOB)) ||
	       pp_pending_allows(fd, flags, SO_RCVTIMEO);
}

/* The flags of preadv2(2) and pwritev2(2) as those of send(2). */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x08
#endif
#define PP_PENDING_RWF(flags) ((flags) & RWF_NOWAIT ? MSG_DONTWAIT : 0)

/* Notes that to is now another descriptor of what from is. Keeps errno. */
void pp_pending_duplicate(int from, int to);

#endif
