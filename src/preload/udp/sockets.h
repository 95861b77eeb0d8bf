/* SPDX-License-Identifier: ISC */
/*
 * What is known of each descriptor, by its number, in one word.
 *
 * A number is known by bind(2), and one that this process did not bind by the
 * first call that asks for a sender. It is forgotten by close(2) and follows
 * dup(2) and fcntl(2); socket(2) and accept(2) begin anew. Where a program closes
 * by raw system calls, the number may be another's by now: see MSG_OOB in
 * receive.c.
 */
#ifndef PP_PRELOAD_UDP_SOCKETS_H
#define PP_PRELOAD_UDP_SOCKETS_H

#include "preload/real.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * On the way of each datagram. The kernel's own work leaves nothing of it in the
 * processor's first cache: put beside each other, less has to come back.
 */
#define PP_HOT __attribute__((hot))

/* What a number is: the lowest bits of its word. */
enum pp_udp_kind {
	PP_UDP_UNKNOWN,	/* nobody asked */
	PP_UDP_OTHER,	/* nothing that is served */
	PP_UDP_SERVED,	/* a bound UDP socket, on a port that counts */
};
#define PP_UDP_KIND UINT64_C(3)
#define PP_UDP_INET6 UINT64_C(4)	/* served: of AF_INET6 */
#define PP_UDP_CONNECTED UINT64_C(8)	/* served: to a client; connected.h */
#define PP_UDP_EMPTIED UINT64_C(16)	/* served: see pp_udp_show_emptied */
#define PP_UDP_CHOSEN UINT64_C(32)	/* served: on a port of the kernel's choice */

#define PP_UDP_CHUNK 1024
#define PP_UDP_CHUNKS 1024

/* A table by descriptor number. Numbers beyond are not served. */
typedef _Atomic(void *) pp_udp_table[PP_UDP_CHUNKS];

extern pp_udp_table pp_udp_words;

/*
 * The entry of that size of a number. NULL beyond the table, and where nothing
 * is there unless it is to be made and there is memory. Signal-safe.
 */
void *pp_udp_find_entry(pp_udp_table table, int fd, size_t size, bool make);

/* The word of a number, 0 where nothing is known. */
static inline uint64_t pp_udp_word(int fd)
{
	const unsigned number = (unsigned)fd;
	_Atomic uint64_t *chunk;

	if (number >= PP_UDP_CHUNK * PP_UDP_CHUNKS)
		return 0;
	chunk = atomic_load_explicit(&pp_udp_words[number / PP_UDP_CHUNK],
				     memory_order_acquire);
	return chunk == NULL
		       ? 0
		       : atomic_load_explicit(&chunk[number % PP_UDP_CHUNK],
					      memory_order_acquire);
}

static inline bool pp_udp_is_served(uint64_t word)
{
	return (word & PP_UDP_KIND) == PP_UDP_SERVED;
}

static inline in_port_t pp_udp_port(uint64_t word)
{
	return (in_port_t)(word >> 16);
}

/* Does the library apply to datagrams at all? */
bool pp_udp_is_on(void);

/*
 * The word of a number, asked for where it is not known: two or three system
 * calls. Keeps errno.
 */
uint64_t pp_udp_ask_first(int fd);

static inline uint64_t pp_udp_ask(int fd)
{
	const uint64_t word = pp_udp_word(fd);

	return (word & PP_UDP_KIND) != PP_UDP_UNKNOWN ? word
						      : pp_udp_ask_first(fd);
}

/* Descriptors below were there before this program. */
extern int pp_udp_inherited;

/*
 * For calls that tell of no sender, which are those of streams and files, too:
 * asks only for what was inherited, from the first number on that is given.
 */
static inline uint64_t pp_udp_ask_inherited(int fd, int first)
{
	return fd >= first && fd < pp_udp_inherited ? pp_udp_ask(fd)
						    : pp_udp_word(fd);
}

/*
 * No number from this one on is served, nor was one inherited: what a program
 * without datagrams has is above it.
 */
extern _Atomic unsigned pp_udp_limit;

/*
 * At the begin of a hook: the call is the kernel's, if the descriptor is above.
 * This is all that it then costs, and all else is to be in another function, so
 * that nothing is saved for that.
 */
#define PP_UDP_PASS_ABOVE(name, fd, arguments)                             \
	do {                                                               \
		const pp_##name##_function function = known_##name();      \
                                                                           \
		if (__builtin_expect((unsigned)(fd) >=                     \
					     atomic_load_explicit(         \
						     &pp_udp_limit,        \
						     memory_order_relaxed) && \
					     function != NULL,             \
				     1))                                   \
			return function arguments;                         \
	} while (0)

/* Asks anew, as the kernel said what it does not say of a UDP socket. */
uint64_t pp_udp_ask_again(int fd);

/* Is it a UDP socket, whatever was known of it? Keeps errno. */
bool pp_udp_is_udp(int fd);

/* May this process write to the table? One system call. */
bool pp_udp_is_owner(void);

/* What a number is from now on; for the owner. Signal-safe. */
void pp_udp_set_word(int fd, uint64_t value);

/* Changes flags of a number that still has that word, but for its flags. */
void pp_udp_set_flags(int fd, uint64_t word, uint64_t mask, uint64_t flags);

/* For the library's constructor. */
void pp_udp_sockets_start(void);
void pp_udp_sockets_in_child(void);

#endif
