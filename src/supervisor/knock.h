/* SPDX-License-Identifier: ISC */
/*
 * Waking a program whose listener has a connection that we hold: we connect to
 * it ourselves, and whoever accepts that gets the connection in its place.
 */
#ifndef PP_SUPERVISOR_KNOCK_H
#define PP_SUPERVISOR_KNOCK_H

#include "protocol/address.h"
#include "supervisor/loop.h"

struct pp_listener;

struct pp_knock {
	int fd;			/* -1: there is none */
	bool is_connected;
	bool is_beaten;		/* by a listener of a narrower address */
	unsigned vain;		/* how many were taken by others */
	union pp_address own, target;	/* by which it is known */
	struct pp_event moved;
	struct pp_timer later;
	struct pp_listener *next;	/* of those that have one */
};

void pp_knock_begin(struct pp_knock *knock);

/*
 * Knocks, where a connection is ready, no knock under way and no call waits.
 * What cannot be reached waits for the next call.
 */
void pp_knock_now(struct pp_listener *listener);

/*
 * After so many milliseconds has accept.c deal with the listener: what is ready
 * is given to calls that wait, or else there is a knock.
 */
void pp_knock_soon(struct pp_listener *listener, int delay);

/*
 * The listener whose knock was accepted as fd, from this peer; it is over.
 * NULL: it is none.
 */
struct pp_listener *pp_knock_taken(int fd, const union pp_address *peer);

/*
 * Was the knock on the one, that the other one accepted, on its way to the
 * other's address (SO_REUSEPORT)? Then it goes another way the next time, and
 * nobody else's connection is to be given in its place.
 */
bool pp_knock_was_beaten(struct pp_listener *listener,
			 const struct pp_listener *other);

/*
 * Is a knock in the listener's queue, or may be? One that is not is taken back,
 * as the queue is full: whoever accepts need not wait for it.
 */
bool pp_knock_is_queued(struct pp_listener *listener);

#endif
