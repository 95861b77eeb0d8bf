/* SPDX-License-Identifier: ISC */
/*
 * Who is behind a descriptor, for as long as the connection lives: remembered
 * when its header is taken off, told by getpeername and getsockname, taken
 * along by dup, and left with the socket (core/carry.h) when that goes to
 * another process. The hooks are in names_hooks.c and exec.c.
 *
 * All of it is signal-safe and keeps errno where it does not return -1. It is
 * safe in a child of vfork, too, which has our memory for a while: nothing is
 * written there.
 */
#ifndef PP_PRELOAD_SERVER_NAMES_H
#define PP_PRELOAD_SERVER_NAMES_H

#include "protocol/header.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

/* A socket address of any family, as the kernel fills it in. */
struct pp_kernel_name {
	socklen_t length;
	union {
		struct sockaddr sa;
		struct sockaddr_storage storage;
	};
};

/*
 * Puts in place of the kernel's name of a socket's end the stated one, as the
 * kernel would have told it. An IPv6 address on an AF_INET socket needs more
 * room than such a socket's programs have: cut, it would be read as some IPv4
 * address. Where it does not fit, which *room tells, the kernel's name stays.
 */
void pp_identity_show(struct pp_kernel_name *name,
		      const union pp_address *stated, const socklen_t *room);

#ifdef PP_GETPEERNAME_CACHE

/* To be called before the first pp_identity_set: one system call. */
void pp_identity_prepare(void);

/*
 * The connection on fd, from proxy, had this header, which lies at bytes; NULL
 * where there was no memory for it.
 */
void pp_identity_set(int fd, const union pp_address *proxy,
		     const struct pp_header *header, const uint8_t *bytes);

/* Nothing is known any more of what is on fd. Not for a child of vfork. */
void pp_identity_forget(int fd);

/*
 * Something new is on fd: it came from another process, or the program
 * connected it itself, perhaps to the address and port of a proxy whose
 * connection was on it before. Leaves alone what is known in a child of vfork.
 * Keeps errno.
 */
void pp_identity_forget_older(int fd);

/* The program closes fd: frees what takes memory. */
void pp_identity_close(int fd);

/* getpeername(2) and getsockname(2), as the header has it where one did. */
int pp_identity_getpeername(int fd, struct sockaddr *address,
			    socklen_t *length);
int pp_identity_getsockname(int fd, struct sockaddr *address,
			    socklen_t *length);

/*
 * proxyproto_get_header(3): the header of the connection on fd, as much of it
 * as size allows. Returns its length, or -1 with errno set.
 */
ssize_t pp_identity_get_header(int fd, void *bytes, size_t size);

/* The descriptor to was made a duplicate of from. */
void pp_identity_duplicate(int from, int to);

/* fd goes to another process, whatever FD_CLOEXEC says. */
void pp_identity_leave(int fd);

/* This process, or one that it starts, executes another program. */
void pp_identity_leave_by_exec(void);

/* Messages are to be sent, with descriptors in them or not. */
void pp_identity_leave_by_message(const struct msghdr *message);
void pp_identity_leave_by_messages(const struct mmsghdr *messages,
				   size_t count);

/* A message was received: descriptors in it got numbers of older ones. */
void pp_identity_arrive_by_message(const struct msghdr *message);

#else

static inline void pp_identity_prepare(void)
{
}

static inline void pp_identity_set(int fd, const union pp_address *proxy,
				   const struct pp_header *header,
				   const uint8_t *bytes)
{
	(void)fd, (void)proxy, (void)header, (void)bytes;
}

static inline void pp_identity_forget(int fd)
{
	(void)fd;
}

static inline void pp_identity_close(int fd)
{
	(void)fd;
}

static inline ssize_t pp_identity_get_header(int fd, void *bytes, size_t size)
{
	(void)fd, (void)bytes, (void)size;
	errno = ENODATA;
	return -1;
}

#endif

#endif
