/* SPDX-License-Identifier: ISC */
/*
 * What is known of the program's listeners, by descriptor: which are TCP,
 * with which epolls they are registered, and the waiting room of each. A
 * record may be stale, as nobody need tell of a close; what depends on it asks
 * the kernel whether it is still the same socket.
 */
#ifndef PP_PRELOAD_SERVER_LISTENERS_H
#define PP_PRELOAD_SERVER_LISTENERS_H

#include "connection/room.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* A registration of a descriptor with one of the program's epolls. */
struct pp_registration {
	_Atomic int epoll;	/* its descriptor + 1; 0 for none */
	_Atomic uint32_t events;
	_Atomic uint64_t data;
};

/* Registrations of one listener that are kept; it takes a page of memory. */
#define PP_LISTENER_EPOLLS 220

/* Those of a descriptor that may turn out to be one: the latest. Connections
   are registered, too, and take this memory each. */
#define PP_EARLY_EPOLLS 2
struct pp_early {
	struct pp_registration registrations[PP_EARLY_EPOLLS];
	_Atomic unsigned turn;	/* which gives way to the next one */
};

/* Whether accept on it blocks, as far as is known without asking. */
enum pp_blocking { PP_BLOCKING_UNKNOWN, PP_BLOCKING, PP_NONBLOCKING };

struct pp_listener {
	int fd;
	_Atomic bool used;	/* somebody is in the room */
	_Atomic int wake;	/* the room's descriptor + 1; 0 while closed */
	_Atomic int gate;	/* see wait.c: its descriptor + 1, or 0 */
	_Atomic int blocking;	/* enum pp_blocking */
	_Atomic bool watched;	/* the program has waited for it, not in accept */
	_Atomic bool polled;	/* by poll(2) or select(2) */
	_Atomic bool shared;	/* several threads accept from it */
	_Atomic uintptr_t thread;	/* the first that did */
	_Atomic uint64_t cookie;	/* the socket that the room belongs to */
	/* what follows is for the holder of the lock */
	struct pp_room room;
	struct pp_listener *next_open;
	/* but these are atomic, each for itself */
	struct pp_registration registrations[PP_LISTENER_EPOLLS];
};

/*
 * The record of a TCP listener, made at its first accept if listen was not
 * seen. NULL where the descriptor is known to be something else. Keeps errno.
 */
struct pp_listener *pp_listeners_get(int fd);

/* The record, if there is one already. Reads memory only. */
struct pp_listener *pp_listeners_find(int fd);

/*
 * The record of the listener that is polled by fd, which may be a duplicate of
 * the descriptor that it is known by: that is asked once of each, and only
 * while a connection waits. Changes errno.
 */
struct pp_listener *pp_listeners_find_polled(int fd);

/* Is the descriptor known to be no TCP listener? Reads memory only. */
bool pp_listeners_is_something_else(int fd);

/* Notes that the program called listen(2) on fd, with success. */
void pp_listeners_note(int fd);

/* Notes a successful epoll_ctl(2). */
void pp_listeners_note_epoll(int epoll, int operation, int fd,
			     const struct epoll_event *event);

/* Notes that the program is about to close fd. Costs a load, usually. */
void pp_listeners_note_close(int fd);

/*
 * Lets a connection wait. False where that is not possible; then nothing was
 * taken.
 */
bool pp_listeners_enter(struct pp_listener *listener,
			const struct pp_waiting *waiting);

/* The next connection that can be handed over. */
bool pp_listeners_leave(struct pp_listener *listener,
			struct pp_waiting *waiting);

/* Can one be handed over? The program is about to be told so. */
bool pp_listeners_ready(struct pp_listener *listener);

/* Gives up who has waited longest in this room. False if nobody waits. */
bool pp_listeners_give_up_oldest(struct pp_listener *listener);

/* Opens the room before anybody needs it, for those who wait for it. */
bool pp_listeners_open(struct pp_listener *listener);

/* Makes the gate of a listener, see wait.c. Its descriptor, or -1. */
int pp_listeners_gate(struct pp_listener *listener);

/* Notes that the program waits for the listener, not in accept. */
void pp_listeners_note_watched(struct pp_listener *listener);

/* The same by poll(2) or select(2). */
void pp_listeners_note_polled(struct pp_listener *listener);

/*
 * The program is about to accept. Where a thread may be in poll(2) meanwhile,
 * which no new descriptor reaches, the room is opened before it is needed.
 */
void pp_listeners_prepare_accept(struct pp_listener *listener);

/* Is there a listener that the program never waited for so? One load. */
bool pp_listeners_any_unwatched(void);

/* In a forked child: those who wait are the parent's. */
void pp_listeners_note_fork(void);

/*
 * Is any of the listeners with an open room what is asked? *is may discard the
 * room that it is asked about, and is called locked. Keeps errno.
 */
bool pp_listeners_any_room(bool (*is)(struct pp_listener *listener,
				      void *argument),
			   void *argument);

/*
 * Are there open rooms, and are they of this process? A child of vfork has our
 * memory, and one of a bare clone(2) a copy of it, of which nobody told us.
 */
bool pp_listeners_have_own_rooms(void);

/*
 * Is the room there, of this process and of the socket that is on the
 * descriptor now, and has the program left it alone? What is not is discarded.
 * Locked.
 */
bool pp_listeners_room_holds(struct pp_listener *listener);

/* Closes the room and whoever waits in it. Locked. */
void pp_listeners_discard_room(struct pp_listener *listener);

/* Is any room open? One load. */
bool pp_listeners_any_open(void);

/* Is any listener known? One load. */
bool pp_listeners_any(void);

#endif
