/* SPDX-License-Identifier: ISC */
/*
 * What is known of the program's listeners, by descriptor: which are TCP, or
 * Unix ones that the settings ask for, with which epolls they are registered,
 * and the waiting room of each. A record ends with close(2), also where no hook
 * sees that: whatever is done with a room asks the kernel first whether the
 * listener is the same socket.
 */
#ifndef PP_PRELOAD_SERVER_LISTENERS_H
#define PP_PRELOAD_SERVER_LISTENERS_H

#include "connection/room.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#ifdef HAVE_SYS_SINGLE_THREADED_H
#include <sys/single_threaded.h>
#endif

/* A registration of a descriptor with one of the program's epolls. */
struct pp_registration {
	_Atomic int epoll;	/* its descriptor + 1; 0 for none */
	_Atomic uint32_t events;
	_Atomic uint64_t data;
};

/* Registrations of one listener that are kept; it takes a page of memory. */
#define PP_LISTENER_EPOLLS 220

struct pp_listener {
	_Atomic int fd;		/* another one after pp_listeners_swap_to */
	_Atomic bool used;	/* a connection is in the room */
	_Atomic int wake;	/* the room's descriptor + 1; 0 while closed */
	_Atomic int threads_epoll;	/* see wait.c: its descriptor + 1 */
	_Atomic bool nonblocking;	/* as far as is known without asking */
	_Atomic bool only_accepted;	/* the program waits in accept alone */
	_Atomic bool was_told_eagain;	/* by the kernel, when it accepted */
	_Atomic int patience;	/* see connection/patience.h */
	_Atomic bool is_unix;	/* a Unix socket, not a TCP one */
	_Atomic bool polled;	/* by poll(2) or select(2) */
	_Atomic bool shared;	/* several threads accept from it */
	_Atomic uintptr_t thread;	/* the first that did */
	_Atomic uint64_t cookie;	/* the socket that the room belongs to */
	/* what follows is for the holder of the lock */
	struct pp_room room;
	struct pp_listener *_Atomic next_open;
	bool forked;	/* children may share the room's registrations */
	/* the room of the parent, as long as this process has it open, see rooms.h */
	struct pp_room parents;
	_Atomic bool has_parents;
	int vain_wakes;		/* times that it woke this process */
	/* but these are atomic, each for itself */
	struct pp_registration registrations[PP_LISTENER_EPOLLS];
};

/*
 * For accept(2): the record of a listener, made at its first accept if its
 * listen(2) was not seen; that of a duplicate of it where that has an open room.
 * *found is NULL where the descriptor is known to be something else. False with
 * ENOMEM where there is no memory for a record.
 * Where a thread may be in poll(2) meanwhile, which no new descriptor reaches,
 * the room is opened before it is needed. Keeps errno.
 */
bool pp_listeners_find_or_make(int fd, struct pp_listener **found);

/* The record, if there is one already. Reads memory only. */
struct pp_listener *pp_listeners_find(int fd);

/*
 * The record of the listener that is polled by fd, which may be a duplicate of
 * the descriptor that it is known by: that is asked once of each, and only
 * while a connection waits. Changes errno.
 */
struct pp_listener *pp_listeners_find_polled(int fd);

/* Is the descriptor known to be no such listener? Reads memory only. */
bool pp_listeners_is_something_else(int fd);

/* Does the socket listen? One system call. Changes errno. */
bool pp_is_listening(int fd);

/*
 * Makes the record of fd, after listen(2) or at an accept, if it gets one. False
 * where there is no memory for that.
 */
bool pp_listeners_examine(int fd);

/* The program called epoll_ctl(2), with success. */
void pp_listeners_after_epoll_ctl(int epoll, int operation, int fd,
				  const struct epoll_event *event);

/*
 * The program is about to close fd: its record ends, and its room is closed.
 * Costs some loads, usually; keeps errno.
 */
void pp_listeners_before_close(int fd);

/* The program waits for the listener, not in accept. */
void pp_listeners_mark_watched(struct pp_listener *listener);

/*
 * The same by poll(2) or select(2), if fd is a listener. Has it a room that is
 * open? Changes errno.
 */
bool pp_listeners_mark_polled(int fd);

/* Is there a listener that the program never waited for so? One load. */
bool pp_listeners_any_only_accepted(void);

/*
 * The descriptor of a listener that has an open room is gone, or will be: fd is
 * another one of the socket, and the record that one's from now on. False where
 * connections wait in a room of fd's own. Locked.
 */
bool pp_listeners_swap_to(struct pp_listener *listener, int fd);

/* Is any listener known? One load. */
bool pp_listeners_any(void);

/* In a child of fork(2): the memory is this process's own. */
void pp_process_in_child(void);

/*
 * Is this a child of vfork, whose memory is its parent's, unlike its
 * descriptors? A child of _Fork(3) or a bare clone(2), which nobody told us
 * of, is taken for one. It is not seen where parent and child are the first of
 * their process namespaces. Signal-safe.
 */
bool pp_process_is_guest(void);

/* False as long as the process certainly has one thread. One load. */
static inline bool pp_has_threads(void)
{
#ifdef HAVE_SYS_SINGLE_THREADED_H
	return !__libc_single_threaded;
#else
	return true;
#endif
}

#endif
