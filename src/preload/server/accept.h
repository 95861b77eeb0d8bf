/* SPDX-License-Identifier: ISC */
/* How the program gets connections: see hooks.c. */
#ifndef PP_PRELOAD_SERVER_ACCEPT_H
#define PP_PRELOAD_SERVER_ACCEPT_H

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

/*
 * Accepts the next connection that may be handed over, its header taken off; or
 * what turned_away.h has in place of one that may not. Returns as accept(2)
 * does, with its errno. A cancellation point, as that is; a thread whose
 * cancellation is deferred leaves no descriptor behind.
 */
int pp_accept(const struct pp_accept_call *call);

/*
 * LIBPROXYPROTO_INETD: a program that is started once a connection, with the
 * connection on descriptor 0 (inetd) or 3 (systemd, Accept=yes), by something
 * that knows nothing of the header. Takes the header off that connection, where
 * the settings ask for it; called by the library's constructor, before main.
 * Waits for the header as long as TIMEOUT says. Keeps errno.
 */
void pp_inetd_start(void);

#endif
