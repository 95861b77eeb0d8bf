/* SPDX-License-Identifier: ISC */
/*
 * The lines that LIBPROXYPROTO_DEBUG asks for: one a connection, what became
 * of it. Nothing is told once a connection has got the descriptor of stderr:
 * it would be told to the client.
 */
#ifndef PP_PRELOAD_SERVER_TELL_H
#define PP_PRELOAD_SERVER_TELL_H

#include "protocol/address.h"
#include "protocol/header.h"

/* A header was taken off the connection fd; by is what did it: "accept". */
void pp_tell_header(const char *by, int fd, const union pp_address *proxy,
		    const struct pp_header *header);

/* What else became of the connection fd, and why. */
void pp_tell_outcome(const char *by, int fd, const union pp_address *proxy,
		     const char *outcome, const char *reason);

/* A connection has this descriptor. */
void pp_tell_taken(int fd);

#endif
