/* SPDX-License-Identifier: ISC */
/* Puts a header in front of everything else on a connected socket. */
#ifndef PP_SEND_H
#define PP_SEND_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Sends all size bytes on fd, blocking or not, without SIGPIPE. Where only a
 * part could be sent the connection is shut down, so that no receiver mistakes
 * what follows for the rest. Returns 0 or -errno.
 */
int pp_send_whole(int fd, const void *bytes, size_t size);

/* True unless something was already sent on this TCP connection. */
bool pp_send_is_first(int fd);

#endif
