/* SPDX-License-Identifier: ISC */
/* How the program gets connections: the hooks of accept are in accept.c. */
#ifndef PP_PRELOAD_SERVER_ACCEPT_H
#define PP_PRELOAD_SERVER_ACCEPT_H

#include "connection/receive.h"
#include "preload/server/listeners.h"
#include "preload/server/names.h"
#include "preload/server/wait.h"

#include <stdbool.h>
#include <sys/socket.h>

/* One call of the program. */
struct pp_accept_call {
	int listener;
	struct sockaddr *address;
	socklen_t *length;
	bool accept4;	/* called by that name, with flags */
	int flags;	/* otherwise 0 */
};

/* How one call of accept goes on. */
enum pp_accepted {
	PP_ACCEPT_AGAIN,  /* with the next connection, wherever it is */
	PP_ACCEPT_NEW,	  /* the room has none: with the kernel's */
	PP_ACCEPTED,	  /* it returns the arrival's descriptor */
	PP_ACCEPT_FAILED, /* it fails with errno */
};

/* One call of accept, and the connection that it is at. */
struct pp_arrival {
	const struct pp_accept_call *call;
	struct pp_listener *listener; /* NULL: no record, see find_record */
	int fd;
	union pp_address proxy;	    /* its peer, as the kernel names it */
	struct pp_kernel_name name; /* what the program will be told */
	int more_tries;		    /* of this call, as it does not block */
	struct pp_room_look look;   /* into the room, in vain */
	struct pp_wait wait;
};

/* It is the connection of this peer, as the kernel names it. */
void pp_arrival_set_proxy(struct pp_arrival *arrival,
			  const union pp_address *proxy);

/* In debug mode, tells what becomes of the connection, and why. */
void pp_arrival_outcome(const struct pp_arrival *arrival, const char *outcome,
			const char *reason);

/*
 * Was the program told that the listener is readable because of a connection
 * that still waits, while it never took EAGAIN from it, nor slept in accept?
 */
bool pp_was_told_readable(const struct pp_arrival *arrival);

/*
 * A header was taken off the connection on fd, whose peer the kernel names so:
 * tells of it in debug mode, leaves its note, and keeps it whole where the
 * program asked for that and the note says less. peeked is where it is, if
 * receive has no memory of its own for it. Signal-safe. Changes errno.
 */
void pp_remember_header(const char *by, int fd, const union pp_address *kernel,
			const struct pp_receive *receive,
			const uint8_t *peeked);

/*
 * LIBPROXYPROTO_INETD: a program that is started once a connection, with the
 * connection on descriptor 0 (inetd) or 3 (systemd, Accept=yes), by something
 * that knows nothing of the header. Takes the header off that connection, where
 * the settings ask for it; called by the library's constructor, before main.
 * Waits for the header as long as TIMEOUT says. Keeps errno.
 */
void pp_inetd_start(void);

#endif
