/* SPDX-License-Identifier: ISC */
/* The header that this process's settings make for a connection. */
#ifndef PP_CLIENT_HEADER_H
#define PP_CLIENT_HEADER_H

#include "address.h"

/*
 * Says the header on fd, which is connected there. Returns 0 or -errno. To be
 * called with cancellation disabled. Signal-safe.
 */
int pp_client_header_say(int fd, const union pp_address *connected);

/* In debug mode tells why no header is said on fd. Signal-safe. */
void pp_client_header_unsaid(int fd, const char *why);

#endif
