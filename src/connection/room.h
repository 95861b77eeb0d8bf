/* SPDX-License-Identifier: ISC */
/*
 * The waiting room of one listener: accepted connections whose header is not
 * whole yet. It never blocks, and has one descriptor to wait for, which is
 * readable when a connection in it has moved or is overdue. Not thread-safe: the
 * caller locks (rooms.c).
 *
 * The program knows nothing of the room's descriptors. It may close them, as
 * those do that close whatever is open, and have others under their numbers:
 * so none is read from, closed or handed over that is not seen to be the
 * room's. A connection is known by its cookie, the timer by what it is set to,
 * the epoll by the timer that is registered with it.
 */
#ifndef PP_CONNECTION_ROOM_H
#define PP_CONNECTION_ROOM_H

#include "connection/clock.h"
#include "connection/receive.h"
#include "protocol/address.h"

#include <stdint.h>

/* One connection in a room. */
struct pp_waiting {
	struct pp_receive receive;
	enum pp_received received;	/* how it ended, once ready */
	union pp_address proxy;		/* the peer, as accept(2) named it */
	int64_t deadline;		/* by pp_now_ms */
	/* what follows is the room's own */
	uint64_t cookie;		/* by which it is known */
	int low_water;			/* SO_RCVLOWAT, as it was accepted */
	uint64_t key;			/* its place in the room's memory */
	struct pp_waiting *previous;
	struct pp_waiting *next;
};

/* Seconds after which the timer would repeat: no program's timer does. */
#define PP_ROOM_REPEAT 2000000000

/* Memory for connections, twice as much each time; see room.c. */
#define PP_ROOM_BATCHES 28

struct pp_room {
	int epoll;	/* what to wait for */
	int timer;
	long timer_mark;	/* by which the timer is known */
	struct pp_waiting *oldest;	/* the order is that of the deadlines */
	struct pp_waiting *newest;
	struct pp_waiting *ready;	/* has left the queue, to be judged */
	bool shown;	/* the timer is set because of ready */
	/* what follows outlives the room, for the next one */
	struct pp_waiting *batches[PP_ROOM_BATCHES];
	uint32_t made;	/* of the memory in them, so many were used */
	struct pp_waiting *spare;
	unsigned opened;	/* how often */
};

/* Connections that pp_room_advance looks at in one call. */
#define PP_ROOM_PIECE 16

/* What came of a look into the room that found none ready. */
struct pp_room_look {
	union pp_address peer;	/* of one that moved, and still waits */
	bool more;	/* there are others to look at, beyond PP_ROOM_PIECE */
};

/* Opens an empty room; false with errno set where there are no descriptors. */
bool pp_room_open(struct pp_room *room);

/*
 * Are its descriptors still there, and its own? Else it has lost what waited,
 * and all that can be done with it is to close it.
 */
bool pp_room_is_intact(const struct pp_room *room);

/* Is its timer, even where it does not stand? */
bool pp_room_has_timer(const struct pp_room *room);

/* Is fd one of the room's descriptors, now? The room stands. Changes errno. */
bool pp_room_has(const struct pp_room *room, int fd);

/*
 * Makes an epoll of the caller's one that pp_room_is_marked, and nothing else has
 * its number, as long as the room stands.
 */
bool pp_room_mark_epoll(const struct pp_room *room, int epoll);
bool pp_room_is_marked(const struct pp_room *room, int epoll);

/* Closes the room and every connection in it: what of them is still its own. */
void pp_room_close(struct pp_room *room);

/*
 * In a forked child: empties the room, and changes nothing that the parent
 * shares. What is not the room's is forgotten; all other descriptors that were
 * hidden are copies of the parent's, for the caller to close.
 */
void pp_room_abandon(struct pp_room *room);

/*
 * Takes in a connection that pp_receive_try wants more of. From then on the
 * room owns *receive. A deadline before that of the newest is set to that, as
 * the order is of those that enter. False with errno set where there is no
 * memory or no descriptor; the connection is the caller's then.
 */
bool pp_room_enter(struct pp_room *room, const struct pp_waiting *waiting);

/*
 * Looks at connections that moved or are overdue, until one of them can be
 * judged, as its header is whole or will not be, PP_ROOM_PIECE at most: with
 * more of them the room stays readable. True if one is ready.
 */
bool pp_room_advance(struct pp_room *room, struct pp_room_look *look);

/*
 * Moves the one that is ready out to *waiting, whose descriptor is the
 * caller's then: close-on-exec, with the lowest number that is free. 1, or 0 if
 * there is none; -1 with errno set where there is no descriptor for it: it stays
 * ready, and the room readable.
 */
int pp_room_leave(struct pp_room *room, struct pp_waiting *waiting);

/* Makes the room readable because of the one that is ready. */
void pp_room_stay_readable(struct pp_room *room);

/*
 * Closes the one that has waited longest. *given_up is for the caller to tell
 * of. False where none waits.
 */
bool pp_room_give_up_oldest(struct pp_room *room, struct pp_waiting *given_up);

/* Is any connection in it? */
static inline bool pp_room_is_used(const struct pp_room *room)
{
	return room->oldest != NULL || room->ready != NULL;
}

#endif
