/* SPDX-License-Identifier: ISC */
/* The header that this process's settings make for a connection. */
#ifndef PP_PRELOAD_CLIENT_HEADER_H
#define PP_PRELOAD_CLIENT_HEADER_H

#include "protocol/address.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* The signals of a call that has them blocked while nothing waits. */
struct pp_signals {
	const sigset_t *mask;	/* what is blocked while something waits */
	bool interrupted;	/* a handler ran meanwhile */
};

/* The socket that a header is for. */
struct pp_saying {
	int fd;
	uint32_t cookie;		/* 0 where it is not known */
	struct pp_signals *signals;	/* NULL where they are as they are */
};

/*
 * Says the header on a socket that is connected there. Returns 0 or -errno,
 * -ESTALE where the descriptor has become another socket meanwhile. To be
 * called with cancellation disabled. Signal-safe.
 */
int pp_client_header_say(const struct pp_saying *saying,
			 const union pp_address *connected);

/*
 * Waits for so many milliseconds, whatever signal comes, or, where they are
 * negative, until the socket can be written to or a signal comes. False where
 * the descriptor has become another socket meanwhile. Signal-safe.
 */
bool pp_client_header_wait(const struct pp_saying *saying, int milliseconds);

/* In debug mode tells why no header is said on fd. Signal-safe. */
void pp_client_header_unsaid(int fd, const char *why);

#endif
