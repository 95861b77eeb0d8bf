/* SPDX-License-Identifier: ISC */
/*
 * The waiting room of one listener: accepted connections whose header is not
 * whole yet. It never blocks, and has one descriptor to wait for, which is
 * readable when somebody in it has moved or is overdue. Not thread-safe: the
 * caller locks (listeners.c).
 */
#ifndef PP_ROOM_H
#define PP_ROOM_H

#include "address.h"
#include "receive.h"

#include <stdint.h>
#include <sys/epoll.h>

/* One connection in a room. */
struct pp_waiting {
	struct pp_receive receive;
	enum pp_received received;	/* how it ended, once ready */
	union pp_address proxy;		/* the peer, as accept(2) named it */
	bool nonblock;			/* O_NONBLOCK, as it was accepted */
	int64_t deadline;		/* on CLOCK_MONOTONIC, in milliseconds */
	struct pp_waiting *previous;
	struct pp_waiting *next;
};

/*
 * What a room does with a connection that it need not show to anybody, and
 * the functions of the C library for what is done to its descriptors: by name
 * they would be those of the program, which lock and take notes.
 */
struct pp_room_policy {
	bool must_use;	/* no header: drop it */
	void (*tell_drop)(const struct pp_waiting *waiting, const char *reason);
	int (*close)(int fd);
	int (*epoll_create1)(int flags);
	int (*epoll_ctl)(int epoll, int operation, int fd,
			 struct epoll_event *event);
};

struct pp_room {
	int epoll;	/* what to wait for */
	int timer;
	struct pp_room_policy policy;
	struct pp_waiting *oldest;	/* the order is that of the deadlines */
	struct pp_waiting *newest;
	struct pp_waiting *ready;	/* has left the queue, to be handed over */
	bool shown;	/* the timer is set because of ready */
	struct pp_waiting *spare;
	size_t count;	/* in the queue */
};

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t pp_now(void);

/* Opens an empty room; false with errno set where there are no descriptors. */
bool pp_room_open(struct pp_room *room, const struct pp_room_policy *policy);

/* Closes the room and every connection in it. */
void pp_room_close(struct pp_room *room);

/*
 * In a forked child: closes its copies of the descriptors and touches nothing
 * that the parent shares.
 */
void pp_room_abandon(struct pp_room *room);

/*
 * Takes in a connection that pp_receive_step wants more of. From then on the
 * room owns *receive. False with errno set where there is no memory.
 */
bool pp_room_enter(struct pp_room *room, const struct pp_waiting *waiting);

/*
 * Looks at those who moved or are overdue, one by one, until one of them can
 * be handed over; drops those that must be. True if somebody is ready.
 */
bool pp_room_advance(struct pp_room *room);

/* Moves the one that is ready out to *waiting. False if there is none. */
bool pp_room_leave(struct pp_room *room, struct pp_waiting *waiting);

/* Makes the room readable because of the one that is ready. */
void pp_room_show_ready(struct pp_room *room);

/* Drops who has waited longest. False where nobody waits. */
bool pp_room_give_up_oldest(struct pp_room *room);

/* Is anybody in it? */
bool pp_room_is_used(const struct pp_room *room);

#endif
