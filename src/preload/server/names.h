/* SPDX-License-Identifier: ISC */
/*
 * How a client is shown to the program. The hooks of getpeername(2) and
 * getsockname(2), and proxyproto_get_header(3), are in names.c: what they tell
 * is read from the note on the socket (connection/note.h).
 */
#ifndef PP_PRELOAD_SERVER_NAMES_H
#define PP_PRELOAD_SERVER_NAMES_H

#include "protocol/header.h"

#include <sys/socket.h>

/* A socket address of any family, as the kernel fills it in. */
struct pp_kernel_name {
	socklen_t length;
	union {
		struct sockaddr sa;
		union pp_address address;	/* of an internet socket */
		struct sockaddr_storage storage;
	};
};

/*
 * Puts the client in place of the kernel's name of a socket's peer, unless that
 * stays: see pp_names_show_client. Signal-safe.
 */
void pp_name_show(struct pp_kernel_name *name, const union pp_address *client,
		  const socklen_t *room);

/* Did the program ask for headers to be kept? One load. */
bool pp_headers_are_kept(void);

/*
 * Keeps the header of the connection on fd, where the program asked for that
 * and the note says less. bytes is NULL where there was no memory for them.
 * Signal-safe. Changes errno.
 */
void pp_headers_keep(int fd, const union pp_address *kernel,
		     const struct pp_header *header, const uint8_t *bytes);

/* In a forked child: see pp_kept_in_child. */
void pp_headers_in_child(void);

#endif
