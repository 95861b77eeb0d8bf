/* SPDX-License-Identifier: ISC */
/*
 * The waiting room of one listener: accepted connections whose header is not
 * whole yet. It never blocks, and has one descriptor to wait for, which is
 * readable when somebody in it has moved or is overdue. Not thread-safe: the
 * caller locks (listeners.c).
 *
 * The program knows nothing of the room's descriptors. It may close them, as
 * those do that close whatever is open, and have others under their numbers:
 * so none is closed, or handed over, that is not seen to be the room's.
 */
#ifndef PP_CONNECTION_ROOM_H
#define PP_CONNECTION_ROOM_H

#include "connection/receive.h"
#include "protocol/address.h"

#include <stdint.h>
#include <sys/epoll.h>

/* One connection in a room. */
struct pp_waiting {
	struct pp_receive receive;
	enum pp_received received;	/* how it ended, once ready */
	union pp_address proxy;		/* the peer, as accept(2) named it */
	bool nonblock;			/* O_NONBLOCK, as it was accepted */
	int64_t deadline;		/* on CLOCK_MONOTONIC, in milliseconds */
	/* what follows is the room's own */
	uint64_t cookie;		/* SO_COOKIE, by which it is known */
	uint32_t index;			/* in the room's memory */
	uint32_t generation;		/* who was there before has another */
	bool queued;
	const char *reason;		/* why he was dropped */
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
	bool tell;	/* keep who was dropped for pp_room_next_dropped */
	int (*close)(int fd);
	int (*epoll_create1)(int flags);
	int (*epoll_ctl)(int epoll, int operation, int fd,
			 struct epoll_event *event);
	/* told of each descriptor that becomes the room's, or no longer is */
	void (*mark)(int fd, bool own);
};

/* Seconds after which the timer would repeat: no program's timer does. */
#define PP_ROOM_REPEAT 2000000000

/* Memory for those who wait, twice as much each time; see room.c. */
#define PP_ROOM_BATCHES 26

struct pp_room {
	int epoll;	/* what to wait for */
	int timer;
	long timer_mark;	/* by which the timer is known */
	struct pp_room_policy policy;
	struct pp_waiting *oldest;	/* the order is that of the deadlines */
	struct pp_waiting *newest;
	struct pp_waiting *ready;	/* has left the queue, to be handed over */
	bool shown;	/* the timer is set because of ready */
	size_t count;	/* in the queue */
	struct pp_waiting *first_dropped;	/* not told of yet */
	struct pp_waiting *last_dropped;
	/* what follows outlives the room, for the next one */
	struct pp_waiting *batches[PP_ROOM_BATCHES];
	uint32_t made;	/* of the memory in them, so many were used */
	struct pp_waiting *spare;
	unsigned opened;	/* how often */
};

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t pp_now(void);

/* SO_COOKIE: no two sockets have the same. 0 for what is no socket. */
uint64_t pp_room_cookie(int fd);

/* Opens an empty room; false with errno set where there are no descriptors. */
bool pp_room_open(struct pp_room *room, const struct pp_room_policy *policy);

/*
 * Are its descriptors still there, and its own? Else it has lost who waited,
 * and all that can be done with it is to close it.
 */
bool pp_room_stands(const struct pp_room *room);

/* Is its timer, even where it does not stand? */
bool pp_room_has_timer(const struct pp_room *room);

/* Is fd one of the room's descriptors, now? The room stands. Changes errno. */
bool pp_room_has(const struct pp_room *room, int fd);

/*
 * Makes an epoll of the caller's one that pp_room_knows, and nothing else has
 * its number, as long as the room stands.
 */
bool pp_room_introduce(const struct pp_room *room, int epoll);
bool pp_room_knows(const struct pp_room *room, int epoll);

/* Closes the room and every connection in it: what of them is still its own. */
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

/*
 * Moves the one that is ready out to *waiting, whose descriptor is the
 * caller's then. False if there is none.
 */
bool pp_room_leave(struct pp_room *room, struct pp_waiting *waiting);

/* Makes the room readable because of the one that is ready. */
void pp_room_show_ready(struct pp_room *room);

/* Drops who has waited longest. False where nobody waits. */
bool pp_room_give_up_oldest(struct pp_room *room);

/*
 * Moves the next one out to *waiting who was dropped, with the reason why, for
 * the caller to tell of. False if there is none. The room need not be open.
 */
bool pp_room_next_dropped(struct pp_room *room, struct pp_waiting *waiting);

/* Is anybody in it? */
bool pp_room_is_used(const struct pp_room *room);

#endif
