/* SPDX-License-Identifier: ISC */
/*
 * The listeners of the processes that are watched. The supervisor holds none of
 * them: a listener is closed when its processes close it. It is fetched while a
 * call is dealt with; waiting for it is done by an epoll, which keeps no
 * descriptor open and forgets a file when it is closed.
 */
#ifndef PP_SUPERVISOR_LISTENERS_H
#define PP_SUPERVISOR_LISTENERS_H

#include "protocol/address.h"
#include "supervisor/knock.h"
#include "supervisor/loop.h"
#include "supervisor/tracee.h"

struct pp_waiting;

/* Those that are in a list by their links, from both ends. */
struct pp_pending_list {
	struct pp_pending *first, *last;
};

struct pp_listener {
	uint64_t cookie;	/* by which the socket is known */
	struct pp_listener *next;	/* of the same bucket */
	struct pp_listener *older, *newer;	/* by when it was used */
	const struct pp_rules *rules;	/* by which it was looked at */
	bool is_ours;
	bool is_apart;		/* no knock comes to it */
	union pp_address address;
	pid_t tgid;		/* who called last */
	uint64_t network;	/* its namespace, 0 where it cannot be told */
	/* how the program accepts from it */
	bool waits_in_accept;
	bool was_told_eagain;
	int patience;		/* see connection/patience.h */
	/* what happens when it is readable */
	struct pp_event readable;
	int fd;			/* the number it is waited for by, or -1 */
	bool is_armed;
	struct pp_pending_list pending;
	/* connections that could be handed over, in the order they got so */
	struct pp_waiting *first_ready, *last_ready;
	unsigned late;		/* those whose header is not there yet */
	struct pp_knock knock;
};

/* Is the socket of that cookie known? It then is one of the internet. */
bool pp_listener_is_known(uint64_t cookie);

/*
 * The record of the TCP listener fd, fetched from the process, with its cookie;
 * NULL where the settings have the library leave it alone, it is something
 * else, or there is no memory.
 */
struct pp_listener *pp_listener_of(int fd, uint64_t cookie,
				   struct pp_tracee *process,
				   struct pp_rules *rules);

/* Has pp_listener_deal called once it is: fd is the listener. */
void pp_listener_arm(struct pp_listener *listener, int fd);

/*
 * By accept.c: goes on with what waits for the listener, whatever it was that
 * has changed.
 */
void pp_listener_deal(struct pp_listener *listener);

/* The network namespace of a socket, as a number; 0: it cannot be told. */
uint64_t pp_network_of(int fd);

#endif
